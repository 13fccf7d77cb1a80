"""Every setting acts, and where it says: each is changed alone, and the first stage that changes is named.

A new field of Settings fails here until it has its line in one of the tables.
"""

import dataclasses
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from golden_weights import golden_weights
from scipy.io import wavfile

from audiostyle.api import make_objective
from audiostyle.audio.clip import to_int16
from audiostyle.audio.inversion import invert
from audiostyle.audio.sound_writer import sound_name, write_sound
from audiostyle.errors import InputError
from audiostyle.network.gpu.device import resolve_device
from audiostyle.network.start import start_theano
from audiostyle.optimise import descend, start_image
from audiostyle.pipeline import analyse, read_back
from audiostyle.settings import Settings
from audiostyle.weights.load import load_weights

start_theano()

from audiostyle.network.convolution import choose_convolution  # noqa: E402
from audiostyle.network.objective import Objective  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BASE = Settings(duration=0.3, inversion_iterations=2)
SPEC = {"representation": "spectrogram"}
TEXTBOOK = {"inversion": "griffinlim"}

# Field -> what else is set, another value of it, and the first stage that it changes.
OF_SOUND = {
    "sample_rate": ({}, 24000, "samples"),
    "duration": ({}, 0.35, "samples"),
    "duration_style": ({}, 0.35, "samples"),
    "offset_content": ({}, 0.05, "samples"),
    "offset_style": ({}, 0.05, "samples"),
    "bandpass_low": ({}, 200.0, "bandpassed"),
    "bandpass_high": ({}, 8000.0, "bandpassed"),
    "bandpass_order": ({}, 2, "bandpassed"),
    "n_fft": ({}, 4096, "spectrogram"),
    "hop_length": ({}, 256, "spectrogram"),
    "log_floor": ({}, -3.0, "spectrogram"),
    "frame_padding": ({}, "exact", "spectrogram"),
    "representation": ({}, "mfcc", "values"),
    "mel_order": ({}, "mel_then_log", "values"),
    "n_mels": ({}, 80, "values"),
    "mel_fmin": ({}, 60.0, "values"),
    "mel_fmax": ({}, 18000.0, "values"),
    "mel_sample_rate": ({}, 48000, "values"),
    "time_zoom": ({}, 1, "values"),
    "spec_zoom": (SPEC, 3, "tensor"),
    "spec_zoom_axes": (SPEC, "time", "tensor"),
    "spec_edges": (SPEC, "edge", "tensor"),
    "spec_orientation": (SPEC, "time_columns", "values"),
    "quantise_maximum": ({}, "clip", "image"),
    "quantise_rounding": ({}, "round", "image"),
    "output_channel": ({}, "green", "values back"),
    "denormalise_range": ({}, "style", "values back"),
    "row_levels": ({}, "style", "values back"),
    "inversion": ({}, "griffinlim", "waves"),
    "inversion_iterations": ({}, 3, "waves"),
    "inversion_phase": (TEXTBOOK, "pghi", "waves"),
    "inversion_mirror": ({}, "exact", "waves"),
    "inversion_reversal": ({}, False, "waves"),
    "inversion_alignment": ({}, False, "waves"),
    "inversion_frame": ({}, "whole", "waves"),
    "inversion_floor": ({}, "silent", "waves"),
    "int16_peak": ({}, "clip", "int16"),
    "output_level": ({}, "content", "int16"),
    "output_channels": ({}, "content", "file"),
    "output_rate": ({}, "content", "file"),
    "output_format": ({}, "wav24", "file"),
}
ALSO_OF_SOUND = [
    ("representation", {}, "spectrogram", "values"),
    ("representation", {}, "cqt", "values"),
    ("representation", {}, "chroma", "values"),
    ("output_channel", {}, "blue", "values back"),
    ("output_channel", {}, "mean", "values back"),
    ("denormalise_range", {}, "mean", "values back"),
    ("output_level", {}, "loudness", "int16"),
    *(("output_format", {}, form, "file") for form in ("wav_float", "flac", "ogg")),
    ("inversion_phase", TEXTBOOK, "content", "waves"),
]

# The same of the network: which loss parts change. All others, and the features, stay.
NETWORK = {"content_layer": "conv2_1", "style_layers": ("conv1_1",), "style_weight": 1.0}
ROWS, BOTH = {"rowac": True}, {"rowac": True, "colac": True}
OF_NETWORK = {
    "pooling": ({}, "max", {"content"}),
    "content_layer": ({}, "conv1_2", {"content"}),
    "style_layers": ({}, ("conv1_2",), {"style_conv1_1", "style_conv1_2"}),
    "content_weight": ({}, 2e-3, {"content"}),
    "style_weight": ({}, 2.0, {"style_conv1_1"}),
    "tv_weight": ({}, 3e-8, {"total_variation"}),
    "tv_exponent": ({}, 1.0, {"total_variation"}),
    "rowac": ({}, True, {"row_autocorrelation"}),
    "colac": ({}, True, {"column_autocorrelation"}),
    "row_weight": (BOTH, 2e-9, {"row_autocorrelation"}),
    "column_weight": (BOTH, 2e-9, {"column_autocorrelation"}),
    "row_target": (BOTH, "content", {"row_autocorrelation"}),
    "column_target": (BOTH, "content", {"column_autocorrelation"}),
    "ac_layers": (ROWS, ("conv1_1",), {"row_autocorrelation", "row_autocorrelation_conv1_1"}),
    "ac_layer_weights": (ROWS, (3.0,), {"row_autocorrelation"}),
    "ac_normaliser": (BOTH, "height_width", {"row_autocorrelation", "column_autocorrelation"}),
    "ac_mean": (BOTH, "removed", {"row_autocorrelation", "column_autocorrelation"}),
}
ALSO_OF_NETWORK = [
    ("row_target", BOTH, "none", {"row_autocorrelation"}),
    ("column_target", BOTH, "none", {"column_autocorrelation"}),
]

# Those of the descent and the machine have a test of their own below.
OF_DESCENT = {
    "iterations": 3,
    "round_count": "as_asked",
    "max_evaluations": 9,
    "restart": "best",
    "optimiser": "two_loop",
}
OTHERS = {"float_type", "device", "convolution", "threads", "tile_columns", "seed", "start", "start_noise"}

sound_cases = [(name, *case) for name, case in OF_SOUND.items()] + ALSO_OF_SOUND
network_cases = [(name, *case) for name, case in OF_NETWORK.items()] + ALSO_OF_NETWORK


def test_every_field_and_every_choice_has_its_test():
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    assert set(OF_SOUND) | set(OF_NETWORK) | set(OF_DESCENT) | OTHERS == set(fields)
    tried = {(name, value) for name, _, value, _ in sound_cases + network_cases}
    tried |= set(OF_DESCENT.items()) | {("float_type", "float64"), ("start", "first_draw"), ("start", "content")}
    tried |= {("restart", "continue")}
    for name, field in fields.items():
        choices = field.metadata["choices"]
        if choices is None or isinstance(field.default, tuple) or name in ("content_layer", "convolution"):
            continue
        missing = [value for value in choices if value != field.default and (name, value) not in tried]
        assert not missing, f"no test switches {name} to {missing}"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("clips"), np.random.RandomState(0)
    time = np.arange(9600) / 24000
    for name, pitch in (("content", 220), ("style", 330)):
        sound = np.sin(2 * np.pi * pitch * time) + 0.3 * random.standard_normal(len(time)) * np.exp(-9 * (time % 0.1))
        wavfile.write(folder / f"{name}.wav", 24000, (sound / np.abs(sound).max() * 20000).astype(np.int16))
    sound = np.random.RandomState(1).uniform(-9000, 9000, (13000, 2))
    wavfile.write(folder / "stereo.wav", 32000, (sound * [1, 0.1]).astype(np.int16))
    return folder


@lru_cache(maxsize=8)
def sound_stages(folder, settings):
    """Everything that is not the network, stage by stage."""
    content = analyse(folder / "content.wav", settings, settings.offset_content)
    style = analyse(folder / "style.wav", settings.of_style, settings.offset_style)
    stages = {
        name: [getattr(clip, name) for clip in (content, style)]
        for name in ("samples", "bandpassed", "spectrogram", "values", "image", "tensor")
    }
    noise = np.random.RandomState(3).uniform(-128, 128, content.tensor.shape).astype(np.float32)
    stages["values back"] = [read_back(noise, content, style, settings)[0]]
    stages["spectrogram back"] = [read_back(content.tensor, content, style, settings)[1]]
    waves = []
    samples = invert(
        stages["spectrogram back"][0],
        settings,
        trace=lambda index, wave, slides: waves.append(wave.copy()),
        content=content.bandpassed,
    )
    stages["waves"] = waves
    # A positive peak, so that the question of 32768 arises.
    samples *= np.sign(samples[np.abs(samples).argmax()])
    stages["int16"] = [to_int16(samples, settings, level=-40.0 if settings.output_level == "loudness" else 0.01)]
    path = folder / sound_name(settings)
    write_sound(path, samples, str(folder / "stereo.wav"), settings, level=0.01)
    stages["file"] = [np.frombuffer(path.read_bytes(), np.uint8)]
    return stages


def same(first, second):
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("name", "others", "value", "first_changed"), sound_cases)
def test_settings_of_sound(name, others, value, first_changed, clips):
    base = dataclasses.replace(BASE, **others)
    assert getattr(base, name) != value
    before, after = (sound_stages(clips, one) for one in (base, dataclasses.replace(base, **{name: value})))
    changed = [stage for stage in before if not same(before[stage], after[stage])]
    assert changed
    assert changed[0] == first_changed


@lru_cache(maxsize=4)
def losses(settings):
    """Parts, total and gradient at noise, through the shallow end of a random network."""
    content, style, image = np.random.RandomState(7).uniform(-128, 128, (3, 1, 3, 17, 20)).astype(settings.float_type)
    return Objective(content, style, golden_weights(conv1_1_div32=True), settings)(image)


@pytest.mark.parametrize(("name", "others", "value", "changed"), network_cases)
def test_settings_of_the_network(name, others, value, changed):
    base = Settings(**NETWORK, convolution="corrmm", **others)
    assert getattr(base, name) != value
    (before, *rest), (after, *others_after) = (
        losses(one) for one in (base, dataclasses.replace(base, **{name: value}))
    )
    names = {part for part in {*before, *after} if before.get(part) != after.get(part)}
    assert names == changed
    assert rest[0] != others_after[0]
    assert not np.array_equal(rest[1], others_after[1])


def test_float_type():
    single, double = (
        losses(Settings(**NETWORK, convolution="corrmm", float_type=kind)) for kind in ("float32", "float64")
    )
    assert (single[2].dtype, double[2].dtype) == ("float32", "float64")
    assert 0 < abs(single[1] / double[1] - 1) < 1e-5
    assert start_image(2, 3, Settings(float_type="float64", start="first_draw")).dtype == "float64"


def test_tile_columns():
    content, style = np.zeros((2, 1, 3, 17, 100), np.float32)
    weights = load_weights("random")
    kinds = [make_objective(content, style, weights, Settings(**NETWORK, tile_columns=columns)) for columns in (0, 16)]
    assert [type(one).__name__ for one in kinds] == ["Objective", "TiledObjective"]


def descent(settings):
    """Rounds over a valley with a wrong slope, so that line searches fail and the last point is not the best."""
    steepness = np.arange(1, 13).reshape(1, 3, 1, 4)

    def valley(image):
        value = float((steepness * image**2).sum())
        return {"valley": value}, value, 2 * steepness * image + 3 * np.cos(40 * image)

    start = np.random.RandomState(1).uniform(-2, 2, (1, 3, 1, 4))
    return [(one.evaluations, one.image.tobytes()) for one in descend(valley, start, settings)]


@pytest.mark.parametrize("name", OF_DESCENT)
def test_settings_of_the_descent(name):
    base = Settings(iterations=5, max_evaluations=8)
    assert getattr(base, name) != OF_DESCENT[name]
    assert descent(base) != descent(dataclasses.replace(base, **{name: OF_DESCENT[name]}))
    assert descent(base) == descent(base)


def test_restart_continue():
    base = Settings(iterations=5, max_evaluations=2)
    assert descent(base) != descent(dataclasses.replace(base, restart="continue"))


def test_settings_of_the_start():
    first = start_image(3, 4, Settings())
    assert not np.array_equal(first, start_image(3, 4, Settings(seed=1)))
    assert not np.array_equal(first, start_image(3, 4, Settings(start="first_draw")))
    picture = np.ones((1, 3, 3, 4))
    content = start_image(3, 4, Settings(start="content"), picture)
    assert not np.array_equal(first, content)
    assert not np.array_equal(content, start_image(3, 4, Settings(start="content", start_noise=0.1), picture))


def test_convolution():
    assert choose_convolution(Settings(convolution="corrmm")).name == "corrmm"
    automatic = choose_convolution(Settings()).name
    for name in ("onednn", "onednn_f6"):
        if automatic == "onednn":
            chosen = choose_convolution(Settings(convolution=name))
            assert chosen.name == name
            assert ("6x6 tiles" in chosen.description) == (name == "onednn_f6")
        else:
            with pytest.raises(InputError, match=f"{name} was asked for"):
                choose_convolution(Settings(convolution=name))
    with pytest.raises(InputError, match="onednn_f6 was asked for, but it has no float64"):
        choose_convolution(Settings(convolution="onednn_f6", float_type="float64"))


def test_threads():
    try:
        assert start_theano(threads=1).threads == 1
        assert start_theano(threads=3).threads == 3
    finally:
        start_theano()


def test_device(tmp_path, clips):
    """The one setting that only a fresh process heeds: nothing else has to be right if it is wrong."""
    with pytest.raises(InputError, match="nonsense"):
        resolve_device("nonsense")
    script = (
        "import sys; from audiostyle.network.start import start_theano; from audiostyle.errors import InputError\n"
        "try: start_theano('cuda7')\n"
        "except InputError as error: print(error); sys.exit(2)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cuda7" in done.stdout
