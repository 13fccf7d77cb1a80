"""``docs/pipeline.md`` is a program: its blocks run as they stand, and compute what ``audiostyle stages`` writes."""

import dataclasses
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from audiostyle.audio.clip import to_int16
from audiostyle.demo.clips import write_clips
from audiostyle.optimise import descend
from audiostyle.settings import Settings
from audiostyle.study.stage_comparison import compare_files
from audiostyle.study.stage_recording import Point, choose_image, write_stages
from audiostyle.weights.load import Weights
from audiostyle.weights.parameters import arrays_sha256
from audiostyle.weights.random_network import he_network
from audiostyle.weights.save import save_weights

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pipeline.md"
SECONDS = 1.5
MEL = Settings(rowac=True, colac=True, float_type="float64")
SPECTROGRAM = Settings(representation="spectrogram")
# What the page computes of a network: losses, gradient, and the activations that a loss or a later layer needs.
NETWORK = {
    "image", "gradient", "losses/total", "losses/content", "losses/style_conv1_1", "losses/style_conv5_1",
    "losses/total_variation", "losses/row_autocorrelation", "losses/column_autocorrelation", "features/image/conv5_1",
}  # fmt: skip
FRONT = {"samples", "bandpassed", "spectrogram", "mel", "range", "image", "tensor"}
BACK = {f"inversion/{name}" for name in ("spectrogram", "offsets", "wave_0", "wave_1", "samples", "spectral_error")}


def small_network():
    """A random network in which every term counts (T24)."""
    arrays = he_network(0)
    arrays[0] = arrays[0] / np.float32(32)
    return arrays


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder that the page's program ran in, with its ``mine.h5``, and the program's names."""
    folder = tmp_path_factory.mktemp("page")
    for path, name in zip(write_clips(folder, SECONDS), ("content.wav", "style.wav"), strict=True):
        path.rename(folder / name)
    save_weights(folder / "weights.h5", small_network(), "h5", {})
    names = {"__name__": "pipeline"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE):
            exec(compile(block, str(PAGE), "exec"), names)
    return folder, names


def check(ours, pages, expected):
    """Compare two stages files, of which the page's has to hold at least the `expected` stages."""
    comparison = compare_files(str(ours), str(pages))
    assert {one.stage.name for one in comparison.differences if not one.agrees} == set()
    assert expected <= {one.stage.name for one in comparison.differences}
    assert not comparison.only_second
    assert not comparison.unknown


def of_both_clips(stages):
    return {f"{role}/{name}" for role in ("content", "style") for name in stages}


def test_every_stage_of_a_mel_run(page):
    folder, _ = page
    settings = dataclasses.replace(MEL, duration=SECONDS)
    arrays = small_network()
    weights = Weights(arrays, "test", arrays_sha256(arrays), None, False, ())
    clips = (str(folder / name) for name in ("content.wav", "style.wav"))
    write_stages(str(folder / "ours.h5"), *clips, settings, Point(weights, *choose_image(None, None, settings)))
    check(folder / "ours.h5", folder / "mine.h5", of_both_clips(FRONT) | NETWORK | BACK | {"mel_filter_inverse"})


def save(path, stages):
    with h5py.File(path, "w") as file:
        for name, value in stages.items():
            file[name] = value
    return path


def test_every_stage_of_a_spectrogram_run(page, tmp_path):
    folder, names = page
    clips = [str(folder / name) for name in ("content.wav", "style.wav")]
    settings = dataclasses.replace(SPECTROGRAM, duration=SECONDS)
    write_stages(str(tmp_path / "ours.h5"), *clips, settings)
    mine = save(tmp_path / "mine.h5", names["run"](*clips, spec=True))
    check(tmp_path / "ours.h5", mine, of_both_clips(FRONT | {"rescaled"}) | BACK)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [Settings(), SPECTROGRAM], ids=["mel", "spectrogram"])
def test_the_papers_clips(settings, page, shared, tmp_path):
    _, names = page
    clips = [str(shared / "clips" / name) for name in ("rock17.wav", "reggae07.wav")]
    write_stages(str(tmp_path / "ours.h5"), *clips, settings)
    spec = settings.representation == "spectrogram"
    mine = save(tmp_path / "mine.h5", names["run"](*clips, spec=spec))
    check(tmp_path / "ours.h5", mine, of_both_clips(FRONT | ({"rescaled"} if spec else set())) | BACK)


def test_the_descent_visits_the_same_points(page):
    """Three short rounds on a function that L-BFGS needs many evaluations for, in both of the network's types."""
    _, names = page

    def rosenbrock(x):
        low, high = x.ravel()[:-1], x.ravel()[1:]
        slope = np.zeros(x.size, x.dtype)
        slope[:-1] = -400 * low * (high - low**2) - 2 * (1 - low)
        slope[1:] += 200 * (high - low**2)
        return np.sum(100 * (high - low**2) ** 2 + (1 - low) ** 2), slope.reshape(x.shape)

    for kind in ("float32", "float64"):
        start = np.random.RandomState(0).uniform(-1, 1, (1, 3, 2, 4)).astype(kind)
        settings = Settings(iterations=4, max_evaluations=5, float_type=kind)
        *_, last = descend(lambda x: ({}, *rosenbrock(x)), start, settings)
        ours = names["descend"](start, rosenbrock, rounds=settings.rounds, evaluations=5)
        assert ours.dtype == kind
        np.testing.assert_array_equal(ours, last.image)
        assert not np.array_equal(ours, start)


def test_the_written_samples(page):
    _, names = page
    for peak in (1.0, -1.0):
        samples = np.append(np.random.RandomState(0).uniform(-0.9, 0.9, 1000), peak)
        np.testing.assert_array_equal(names["to_int16"](samples), to_int16(samples, Settings()))
