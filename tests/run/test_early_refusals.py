"""What a transfer finds out before anything that takes long."""

import dataclasses

import pytest

from audiostyle.errors import InputError
from audiostyle.network.theano_cache import is_cold
from audiostyle.run.job import run_transfer
from audiostyle.run.request import Interruption, Reporter, Request
from audiostyle.settings import Settings

NOTHING = {"content_weight": 0.0, "style_weight": 0.0, "tv_weight": 0.0}


@pytest.mark.parametrize("more", [{}, {"rowac": True, "row_weight": 0.0}, {"rowac": True, "row_target": "none"}])
def test_a_loss_of_nothing_is_refused_before_the_clips_are_read(more, tmp_path):
    settings = dataclasses.replace(Settings(), **NOTHING, **more)
    request = Request("no such clip", "no such clip", "random", str(tmp_path / "out"), settings)
    with pytest.raises(InputError, match="Every loss weight is 0"):
        run_transfer(request, Reporter(), Interruption())
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no such clip"):
        run_transfer(dataclasses.replace(request, settings=Settings()), Reporter(), Interruption())


def test_a_folder_without_functions_of_a_network_is_cold(tmp_path):
    assert is_cold(tmp_path / "nowhere")
    for name in ("lazylinker_ext/lazylinker_ext.so", "tmp1/m.so"):
        assert is_cold(tmp_path)
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert not is_cold(tmp_path)
