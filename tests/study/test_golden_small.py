"""The small golden files: fidelity checked where the authors' numbers are not at hand."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest

from audiostyle.study.stage_comparison import compare_files
from audiostyle.study.stage_recording import write_stages

FOLDER = Path(__file__).resolve().parents[1] / "golden_small"
_spec = importlib.util.spec_from_file_location("golden_small_make", FOLDER / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.fixture(scope="module", params=["mel", "spectrogram"])
def compared(request, tmp_path_factory):
    """Name, our stages file, and its comparison with the golden one."""
    ours = str(tmp_path_factory.mktemp("stages") / "ours.h5")
    settings = {"mel": make.MEL, "spectrogram": make.SPECTROGRAM}[request.param]
    clips = (str(FOLDER / name) for name in ("content.wav", "style.wav"))
    write_stages(ours, *clips, settings, make.small_point(settings))
    return request.param, ours, compare_files(str(FOLDER / f"{request.param}.h5"), ours)


def test_every_stage_is_as_it_was(compared):
    name, _, comparison = compared
    failed = [(one.stage.name, one.largest, one.relative, one.note) for one in comparison.differences if not one.agrees]
    assert not failed
    assert not comparison.only_first
    names = {one.stage.name for one in comparison.differences}
    terms = {"content", "style_conv1_1", "style_conv5_1", "total_variation", "row_autocorrelation",
             "column_autocorrelation", "total"}  # fmt: skip
    assert {f"losses/{term}" for term in terms} < names
    assert {"gradient", "style/tensor", "inversion/offsets"} < names
    if name == "mel":
        assert {
            "content/spectrogram",
            "content/mel",
            "inversion/wave_0",
            "inversion/wave_1",
            "features/image/conv5_4",
        } < names
    else:
        assert {"content/image", "content/rescaled"} < names


def test_files_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000


def test_every_term_shows_in_the_gradient():
    """Else an error in a small term's gradient would hide below the tolerance."""
    with h5py.File(FOLDER / "mel.h5") as file:
        losses = {key: item[()] * item.attrs["weight"] for key, item in file["losses"].items() if key != "total"}
        total = file["losses/total"][()]
    np.testing.assert_allclose(sum(losses.values()), total, rtol=1e-6)
    assert min(losses.values()) > 5e-4 * total
