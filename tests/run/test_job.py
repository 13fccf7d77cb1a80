"""A whole transfer whose network is a bowl: where it starts, and what is measured of its result."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from audiostyle.demo.clips import write_clips
from audiostyle.errors import InputError
from audiostyle.pipeline import analyse
from audiostyle.run import job
from audiostyle.run.archive import Archive
from audiostyle.run.job import run_transfer
from audiostyle.run.request import Interruption, Reporter, Request
from audiostyle.settings import STYLE_LAYERS, Settings

SETTINGS = {
    "duration": 1.5, "iterations": 2, "max_evaluations": 5, "start": "first_draw", "output_channel": "mean",
    "inversion": "griffinlim",
}  # fmt: skip


class Bowl:
    """Loss that is lowest at noise, or at noise with one row that is always bright."""

    def __init__(self, content, bright):
        self._lowest = np.random.RandomState(0).uniform(-70, -40, content.shape)
        if bright:
            self._lowest[:, :, 60] = 120.0
        self.weights = {"content": 1.0}

    def __call__(self, image):
        difference = image - self._lowest
        value = float((difference**2).sum())
        return {"content": value}, value, 2 * difference

    def features(self, image, names):
        return dict.fromkeys(STYLE_LAYERS, image[:, :, ::4, ::4])

    def each_feature(self, image, names):
        return self.features(image, names).items()


@pytest.fixture
def transferred(tmp_path, monkeypatch):
    """Runs a transfer of two clips into a folder, and returns that and the warnings."""
    weights = SimpleNamespace(notes=(), form="none", normalised=True, sha256="0" * 64, file_sha256=None)
    monkeypatch.setattr(job, "load_weights", lambda *_: weights)
    content, style = map(str, write_clips(tmp_path / "clips", 1.5))

    def run(name, bright=False, start_from="", resume=False, **changes):
        heard = []
        reporter = Reporter()
        reporter.warning = heard.append
        reporter.plan = heard.extend
        folder, settings = tmp_path / name, Settings(**{**SETTINGS, **changes})
        request = Request(content, style, "random", str(folder), settings, resume=resume, start_from=start_from)
        run_transfer(request, reporter, Interruption(), build=lambda content, *_: Bowl(content, bright))
        return folder, heard

    return run


@pytest.mark.parametrize("bright", [False, True])
def test_a_buzz_is_said_and_recorded(bright, transferred):
    folder, heard = transferred("out", bright)
    recorded = json.loads((folder / "run.json").read_text())
    about_buzz = [text for text in heard if "the result buzz" in text]
    if bright:
        assert recorded["stuck_row_index_db"] > 3
        assert recorded["stuck_rows_hertz"]
        assert about_buzz
        assert "--seed" in about_buzz[0]
    else:
        assert recorded["stuck_row_index_db"] < 3
        assert recorded["stuck_rows_hertz"] == []
        assert not about_buzz


def test_a_run_starts_from_the_content(transferred, tmp_path):
    folder, _ = transferred("out", start="content")
    tensor = analyse(tmp_path / "clips" / "rock.wav", Settings(**SETTINGS)).tensor
    np.testing.assert_array_equal(Archive.read(folder / "run.h5").start_image, tensor)


def test_a_run_starts_where_another_one_ended(transferred):
    first, _ = transferred("first")
    last = Archive.read(first / "run.h5").last_image
    second, _ = transferred("second", start_from=str(first))
    run = Archive.read(second / "run.h5")
    np.testing.assert_array_equal(run.start_image, last)
    assert run.description["inputs"]["start"]["path"] == str(first / "run.h5")
    blended, _ = transferred("blended", start_from=str(first), start_noise=0.5)
    start = Archive.read(blended / "run.h5").start_image
    assert 0 < np.abs(start - last / 2).max() <= 64
    with pytest.raises(InputError, match="ended with an image of 96 x"):
        transferred("shorter", start_from=str(first), duration=1.0)
    with pytest.raises(InputError, match="nowhere"):
        transferred("out", start_from="nowhere")


SHALLOW = {"style_layers": ("conv1_1",), "content_layer": "conv1_2"}


def test_tiles_are_chosen_by_the_memory_once(transferred, monkeypatch):
    monkeypatch.setattr(job, "columns_that_fit", lambda shape, settings, free: 64)
    folder, heard = transferred("out", **SHALLOW)
    assert any("64 columns at a time, since the whole would need more than is free" in line for line in heard)
    recorded = json.loads((folder / "run.json").read_text())
    assert recorded["machine"]["tile_columns"] == 64
    assert recorded["settings"]["tile_columns"] == 0
    # With more memory now, the run goes on as it began.
    monkeypatch.setattr(job, "columns_that_fit", lambda shape, settings, free: 0)
    _, heard = transferred("out", resume=True, iterations=3, **SHALLOW)
    assert any("64 columns at a time" in line for line in heard)
    with pytest.raises(InputError, match="tile_columns 64"):
        transferred("out", resume=True, iterations=3, tile_columns=32, **SHALLOW)


def test_a_style_of_its_own_length(transferred):
    _, heard = transferred("out", duration_style=1.0)
    assert any(line.endswith("1.5 s of the content, 1 s of the style") for line in heard)


def test_what_tiles_cannot_do_is_refused_at_once(transferred, tmp_path):
    with pytest.raises(InputError, match="whole rows"):
        transferred("out", tile_columns=64, rowac=True, ac_layers=("conv1_1",))
    assert not (tmp_path / "out").exists()
