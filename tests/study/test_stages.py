"""The stages file against the authors' recorded numbers, and the ways of asking for one wrongly."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden_weights import golden_weights, imagenet_weights
from scipy.io import wavfile

from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.command import stages as command
from audiostyle.command.options import Parser
from audiostyle.demo.clips import write_clips
from audiostyle.errors import AudioStyleError, InputError
from audiostyle.optimise import start_image
from audiostyle.pipeline import analyse
from audiostyle.settings import Settings
from audiostyle.study.stage_comparison import compare_files
from audiostyle.study.stage_names import LAYERS, STAGES
from audiostyle.study.stage_recording import Point, choose_image, read_image, write_stages
from audiostyle.weights.load import Weights
from audiostyle.weights.parameters import arrays_sha256

ROOT = Path(__file__).resolve().parents[2]
BOTH = Settings(rowac=True, colac=True)
SPECTROGRAM = Settings(representation="spectrogram")
# Names in the recorded files, where they are not ours.
RECORDED = {"total_variation": "tv", "row_autocorrelation": "rowac", "column_autocorrelation": "colac"}
SMALL = Settings(duration=0.3)


def relative(ours, expected):
    """Relative L2 distance."""
    expected = np.asarray(expected, dtype="float64")
    return np.linalg.norm(np.asarray(ours, dtype="float64") - expected) / np.linalg.norm(expected)


def point(arrays, settings, seed=None, path=None, whole_features=False):
    weights = Weights(arrays, "test", arrays_sha256(arrays), None, False, ())
    return Point(weights, *choose_image(path, seed, settings), whole_features)


@pytest.fixture(scope="module")
def stages_of(shared, tmp_path_factory):
    """Writes the stages of the paper's clips and opens the file."""

    def make(settings, point=None):
        path = str(tmp_path_factory.mktemp("stages") / "stages.h5")
        clips = (str(shared / "clips" / name) for name in ("rock17.wav", "reggae07.wav"))
        write_stages(path, *clips, settings, point)
        return h5py.File(path, locking=False)

    return make


@pytest.fixture(scope="module", params=["mel", "spec"])
def of_clips(request, stages_of):
    """Everything but the network."""
    return request.param, stages_of(Settings() if request.param == "mel" else SPECTROGRAM)


def test_samples_are_the_authors(of_clips, golden):
    _, ours = of_clips
    recorded = golden("audio.npz")
    for role in ("content", "style"):
        np.testing.assert_allclose(ours[f"{role}/samples"], recorded[f"{role}_loaded"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours[f"{role}/bandpassed"], recorded[f"{role}_pre"], rtol=0, atol=1e-12)


def test_spectrograms_are_the_authors(of_clips, golden):
    _, ours = of_clips
    recorded = golden("spectrograms.npz")
    np.testing.assert_allclose(ours["content/spectrogram"], recorded["content_spectrogram"], rtol=0, atol=1e-9)
    every_8th = recorded["style_spectrogram_every_8th_frame"]
    np.testing.assert_allclose(ours["style/spectrogram"][::8], every_8th, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ours["mel_filter"], recorded["mel_filter"])
    np.testing.assert_array_equal(ours["mel_filter_inverse"], recorded["mel_filter_inverse"])
    for role in ("content", "style"):
        mel = ours[f"{role}/mel"]
        assert mel.dtype == recorded[f"{role}_mel"].dtype
        np.testing.assert_allclose(mel, recorded[f"{role}_mel"], rtol=0, atol=1e-6)


def test_images_are_the_authors(of_clips, golden):
    mode, ours = of_clips
    recorded = golden("images.npz")
    for role in ("content", "style"):
        image = ours[f"{role}/image"]
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, recorded[f"{role}_image_{mode}"])
        np.testing.assert_allclose(ours[f"{role}/range"][()][::-1], recorded[f"{role}_max_min_{mode}"], atol=1e-6)
        tensor = ours[f"{role}/tensor"]
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, recorded[f"{role}_tensor_{mode}"])
        if mode == "spec":
            expected = recorded[f"{role}_image_spec_rescaled"]
            np.testing.assert_allclose(ours[f"{role}/rescaled"], expected, rtol=0, atol=1e-9)
        else:
            assert "rescaled" not in ours[role]


def test_inversion_is_the_authors(of_clips, golden):
    mode, ours = of_clips
    recorded = golden(f"inversion_{mode}.npz")
    inversion = ours["inversion"]
    np.testing.assert_allclose(inversion["spectrogram"], recorded["specOut"], rtol=0, atol=1e-5)
    assert inversion["offsets"].shape == recorded["offsets"].shape
    np.testing.assert_array_equal(inversion["offsets"][:4], recorded["offsets"][:4])
    for index in (0, 1):
        wave = inversion[f"wave_{index}"][()]
        assert len(wave) == {"mel": 219648, "spec": 220160}[mode]
        assert relative(wave, recorded[f"wave_iter{index}"]) < 1e-6
        np.testing.assert_allclose(np.linalg.norm(wave), recorded["wave_norms"][index], rtol=1e-6)
    spectrogram = inversion["spectrogram"][()]
    made = log_spectrogram(recorded["samples"], Settings())[: len(spectrogram)]
    authors = np.abs(made - spectrogram[: len(made)]).mean()
    assert inversion["spectral_error"][()] == pytest.approx(authors, rel=0.01)


def test_compare_takes_the_authors_numbers(of_clips, golden, tmp_path):
    """Their recorded stages in the exchange format: all agree; with one number changed that stage is named."""
    mode, ours = of_clips
    images, inversion, spectrograms = golden("images.npz"), golden(f"inversion_{mode}.npz"), golden("spectrograms.npz")
    stages = {
        "mel_filter": spectrograms["mel_filter"],
        "content/spectrogram": spectrograms["content_spectrogram"],
        "inversion/spectrogram": inversion["specOut"],
        "inversion/offsets": inversion["offsets"],
        "inversion/wave_0": inversion["wave_iter0"],
        "inversion/wave_1": inversion["wave_iter1"],
        "inversion/samples": inversion["samples"],
    }
    for role in ("content", "style"):
        stages[f"{role}/samples"] = golden("audio.npz")[f"{role}_loaded"]
        stages[f"{role}/bandpassed"] = golden("audio.npz")[f"{role}_pre"]
        stages[f"{role}/mel"] = spectrograms[f"{role}_mel"]
        stages[f"{role}/image"] = images[f"{role}_image_{mode}"]
        stages[f"{role}/tensor"] = images[f"{role}_tensor_{mode}"]
    path = str(tmp_path / "authors.h5")
    with h5py.File(path, "w") as file:
        for name, value in stages.items():
            file[name] = value
    comparison = compare_files(path, ours.filename)
    assert comparison.first_disagreement is None
    assert len(comparison.differences) == len(stages)
    with h5py.File(path, "a") as file:
        file["style/image"][3, 5] ^= 2
    assert compare_files(path, ours.filename).first_disagreement.stage.name == "style/image"


def check_network(ours, recorded, gradient, term_tolerance, feature_tolerance):
    """Compare terms, totals, activations and gradient with recorded ones."""
    losses = ours["losses"]
    for name in losses:
        if name == "total":
            continue
        unweighted, weight = losses[name][()], losses[name].attrs["weight"]
        short = RECORDED.get(name, name)
        np.testing.assert_allclose(unweighted, recorded[f"unweighted_{short}"], rtol=term_tolerance, err_msg=name)
        np.testing.assert_allclose(unweighted * weight, recorded[f"weighted_{short}"], rtol=term_tolerance)
    assert set(losses) == {"content", "style_conv1_1", "style_conv2_1", "style_conv3_1", "style_conv4_1",
                           "style_conv5_1", *RECORDED, "total"}  # fmt: skip
    np.testing.assert_allclose(losses["total"], recorded["total_rowac_colac"], rtol=term_tolerance)
    assert relative(ours["gradient"], gradient) < 5e-5
    assert list(ours["features"]) == ["content", "image", "style"]
    for role, name in (("content", "content"), ("style", "style"), ("image", "gen")):
        features = ours[f"features/{role}"]
        assert set(features) == set(LAYERS)
        for layer in LAYERS:
            if f"act_{name}_{layer}_stats" in recorded:
                expected = recorded[f"act_{name}_{layer}_stats"]
            elif f"act_{name}_stats" in recorded:
                expected = recorded[f"act_{name}_stats"][recorded["act_layers"].tolist().index(layer.encode())]
            else:
                continue
            np.testing.assert_allclose(features[layer], expected, rtol=feature_tolerance, err_msg=f"{role} {layer}")
            attributes = [features[layer].attrs[key] for key in ("mean", "std", "L2")]
            np.testing.assert_array_equal(attributes, features[layer][()])


@pytest.mark.slow
@pytest.mark.parametrize("float_type", ["float32", "float64"])
def test_network_is_the_authors(float_type, stages_of, golden):
    settings = dataclasses.replace(BOTH, float_type=float_type)
    ours = stages_of(settings, point(golden_weights(), settings, seed=1))
    recorded = golden(f"losses_{float_type}.npz")
    in_float32 = golden("losses_float32.npz")
    np.testing.assert_array_equal(ours["image"], in_float32["gen_image_seed1"])
    tolerances = (1e-6, 1e-5) if float_type == "float32" else (1e-9, 1e-9)
    check_network(ours, recorded, in_float32["grad_rowac_colac"], *tolerances)
    assert ours["gradient"].dtype == ours["image"].dtype == float_type


@pytest.mark.slow
@pytest.mark.parametrize("float_type", ["float32", "float64"])
def test_imagenet_network_is_the_authors(float_type, stages_of, golden, shared, tmp_path):
    recorded = golden("imagenet_losses.npz" if float_type == "float32" else "imagenet_losses_float64.npz")
    np.save(tmp_path / "image.npy", recorded["gen_image"])
    settings = dataclasses.replace(BOTH, float_type=float_type)
    ours = stages_of(settings, point(imagenet_weights(shared), settings, path=str(tmp_path / "image.npy")))
    check_network(ours, recorded, recorded["grad_rowac_colac"], 1e-5, 1e-4)


@pytest.fixture(scope="module")
def small_clips(tmp_path_factory):
    """Two clips of noise of 0.4 seconds; the first one is stereo."""
    folder, random = tmp_path_factory.mktemp("clips"), np.random.RandomState(0)
    wavfile.write(folder / "content.wav", 22050, random.randint(-9999, 9999, (8820, 2)).astype(np.int16))
    wavfile.write(folder / "style.wav", 22050, random.randint(-30000, 30000, 8820).astype(np.int16))
    return str(folder / "content.wav"), str(folder / "style.wav")


@pytest.fixture(scope="module")
def small(small_clips, tmp_path_factory):
    """A file with a network, without autocorrelation, with whole activations."""
    path = str(tmp_path_factory.mktemp("stages") / "small.h5")
    settings = dataclasses.replace(SMALL, style_weight=20.0, offset_style=0.05)
    where = point(golden_weights(conv1_1_div32=True), settings, seed=3, whole_features=True)
    count = write_stages(path, *small_clips, settings, where)
    with h5py.File(path) as file:
        yield file, settings, count


def test_every_stage_says_what_it_is(small):
    file, settings, count = small
    found = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    assert len(found) == count
    by_name = {stage.name: stage for stage in STAGES}
    for name, item in found.items():
        assert item.attrs["units"] == by_name[name].units
        axes = item.attrs["axes"]
        assert item.ndim == (len(axes.split(", ")) if axes else 0), name
        assert np.isfinite(item[()]).all()
    assert json.loads(file.attrs["settings"]) == json.loads(json.dumps(dataclasses.asdict(settings)))
    assert json.loads(file.attrs["versions"])["numpy"] == np.__version__
    assert file.attrs["schema"] == "audiostyle-stages/1"
    assert file.attrs["float_type"] == "float32"
    assert file.attrs["image_origin"] == "seed 3"
    assert file.attrs["device"] == "cpu"
    assert file.attrs["convolution"]
    assert {len(file.attrs[f"{name}_sha256"]) for name in ("content", "style", "weights")} == {64}


def test_autocorrelations_that_are_not_asked_for_are_recorded_but_not_in_the_total(small, small_clips, tmp_path):
    file, settings, _ = small
    losses = file["losses"]
    for name in ("row_autocorrelation", "column_autocorrelation"):
        assert losses[name].attrs["weight"] == 0
        assert losses[name][()] > 0
    weighted = sum(item[()] * item.attrs["weight"] for name, item in losses.items() if name != "total")
    np.testing.assert_allclose(losses["total"], weighted, rtol=1e-6)
    path = str(tmp_path / "asked.h5")
    settings = dataclasses.replace(settings, rowac=True, row_weight=1e-6)
    write_stages(path, *small_clips, settings, point(golden_weights(conv1_1_div32=True), settings, seed=3))
    with h5py.File(path) as asked:
        np.testing.assert_allclose(asked["losses/row_autocorrelation"], losses["row_autocorrelation"], rtol=1e-6)
        assert asked["losses/row_autocorrelation"].attrs["weight"] == 1e-6
        assert asked["losses/column_autocorrelation"].attrs["weight"] == 0
        assert asked["losses/total"][()] > losses["total"][()]
        assert relative(asked["gradient"], file["gradient"]) > 1e-3


def test_whole_activations_and_their_statistics(small):
    file, _, _ = small
    for source in ("content", "style", "image"):
        assert "pool5" not in file[f"features/{source}"]  # nothing is left of 22 columns
        activation = file[f"features/{source}/conv3_1"]
        assert activation.shape == (1, 256, 24, 5)
        values = activation[()].astype("float64")
        expected = [values.mean(), values.std(), np.sqrt((values**2).sum())]
        np.testing.assert_allclose([activation.attrs[key] for key in ("mean", "std", "L2")], expected, rtol=1e-12)


def test_offsets_and_stereo(small, small_clips):
    file, _, _ = small
    _, samples = wavfile.read(small_clips[1])
    np.testing.assert_array_equal(file["style/samples"], samples[round(0.05 * 22050) :][:6615] / 32768)
    _, samples = wavfile.read(small_clips[0])
    np.testing.assert_allclose(file["content/samples"], samples[:6615].mean(axis=1) / 32768, atol=1e-15)


@pytest.mark.parametrize("preset_name", ["paper", "corrected"])
def test_other_settings_have_their_stages(preset_name, small_clips, tmp_path):
    from audiostyle.settings import preset

    settings = dataclasses.replace(preset(preset_name), duration=0.3)
    path = str(tmp_path / "stages.h5")
    write_stages(path, *small_clips, settings)
    with h5py.File(path) as file:
        assert ("mfcc" in file["content"]) == (preset_name == "paper")
        assert ("offsets" in file["inversion"]) == (preset_name == "paper")
        assert file["content/tensor"].shape[0] == 1
        assert "samples" in file["inversion"]


def test_image_of_seed():
    expected = np.random.RandomState(4).uniform(-128, 128, (1, 3, 96, 22)).astype("float32")
    image, origin = choose_image(None, 4, dataclasses.replace(SMALL, float_type="float64"))
    assert image.dtype == np.float32
    assert origin == "seed 4"
    np.testing.assert_array_equal(image, expected)


def test_image_of_the_transfer_by_default():
    image, _ = choose_image(None, None, SMALL)
    np.testing.assert_array_equal(image, start_image(96, 22, SMALL))


def test_image_of_a_transfer_that_starts_from_the_content(tmp_path):
    content, _ = write_clips(tmp_path, 1.0)
    settings = dataclasses.replace(SMALL, start="content")
    image, origin = choose_image(None, None, settings, str(content))
    np.testing.assert_array_equal(image, analyse(content, settings).tensor)
    assert origin == "start image of seed 0 (content)"


def saved(tmp_path, array, **options):
    np.save(tmp_path / "image.npy", array, **options)
    return str(tmp_path / "image.npy")


def test_images_from_files(tmp_path):
    image = np.random.RandomState(0).uniform(-128, 128, (1, 3, 4, 6))
    for dtype, expected in (("<f4", "float32"), (">f4", "float32"), (">f8", "float64"), ("i2", "float64")):
        found = read_image(saved(tmp_path, np.asfortranarray(image.astype(dtype))), 4, 6)
        assert found.dtype == expected
        np.testing.assert_array_equal(found, image.astype(dtype).astype(expected))


def hostile_images(folder):
    """Files that are no image of 4 x 6 pixels, by the words that the error must have."""
    good = np.zeros((1, 3, 4, 6), "float32")
    yield "no such file", lambda: str(folder / "absent.npy")
    yield "shape", lambda: saved(folder, good[0])
    yield "shape", lambda: saved(folder, np.zeros((1, 3, 6, 4)))
    yield "finite", lambda: saved(folder, np.full_like(good, np.nan))
    yield "finite", lambda: saved(folder, np.full_like(good, np.inf))
    yield "complex", lambda: saved(folder, good.astype(complex))
    yield "float32 or float64", lambda: saved(folder, good.astype("U3"))
    yield "bool", lambda: saved(folder, good.astype(bool))
    yield "npy", lambda: saved(folder, np.array([print], dtype=object), allow_pickle=True)

    def written(data):
        (folder / "image.npy").write_bytes(data)
        return str(folder / "image.npy")

    yield "npy", lambda: written(b"")
    yield "npy", lambda: written(b"not an image at all")
    yield "npy", lambda: written(pickle.dumps([1, 2]))
    yield "npy", lambda: written(Path(saved(folder, good)).read_bytes()[:-5])
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 99999999999, 6), }\n"
    yield "npy", lambda: written(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)

    def archive():
        np.savez(folder / "image.npz", good)
        return str(folder / "image.npz")

    yield "archive", archive
    yield "not a file", lambda: str(folder)
    yield "limit", lambda: saved(folder, good + 1e30)

    def pipe():
        os.mkfifo(folder / "pipe")
        return str(folder / "pipe")

    yield "not a file", pipe


@pytest.mark.parametrize("index", range(18))
def test_hostile_images(index, tmp_path):
    cases = list(hostile_images(tmp_path))
    assert len(cases) == 18
    words, make = cases[index]
    with pytest.raises(InputError, match=words) as raised:
        read_image(make(), 4, 6)
    assert "\n" not in str(raised.value)


def run_command(*arguments):
    """The subcommand by itself; returns the exit status and the error's text."""
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers())
    try:
        args = parser.parse_args(["stages", *map(str, arguments)])
        return args.run(args), ""
    except AudioStyleError as error:
        return error.exit_status, str(error)


def test_command_without_a_network(small_clips, tmp_path, capsys):
    output = tmp_path / "with a space.h5"
    assert run_command(*small_clips, "-o", output, "--duration", "0.3", "--spec", "--set", "spec_zoom=4") == (0, "")
    assert f"Wrote 24 stages to {output}" in capsys.readouterr().out
    with h5py.File(output) as file:
        assert file["content/tensor"].shape == (1, 3, 12, 256)
        assert "losses" not in file


@pytest.mark.slow
def test_command_with_everything(small_clips, tmp_path):
    arrays = golden_weights(conv1_1_div32=True)
    (tmp_path / "weights.pkl").write_bytes(pickle.dumps({"param values": arrays}, protocol=2))
    image = np.random.RandomState(9).uniform(-128, 128, (1, 3, 96, 22))
    np.save(tmp_path / "image.npy", image)
    output = tmp_path / "stages.h5"
    options = ["--weights", tmp_path / "weights.pkl", "--image", tmp_path / "image.npy", "--duration", "0.3",
               "--rowac", "--colac", "--float64", "--whole-features", "--set", "pooling=max"]  # fmt: skip
    assert run_command(*small_clips, "-o", output, *options) == (0, "")
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["image"], image)
        assert file["gradient"].dtype == file["features/style/conv1_1"].dtype == np.float64
        assert file.attrs["float_type"] == "float64"
        pooled, before = file["features/image/pool1"][0, 0, 0, 0], file["features/image/conv1_2"][0, 0, :2, :2]
        assert pooled == before.max()
        assert file.attrs["weights_sha256"] == arrays_sha256(arrays)


def wrong_commands(folder, clips):
    """Arguments that cannot be carried out, by the words that the error must have."""
    (folder / "file").write_bytes(b"x")
    (folder / "weights.pkl").write_bytes(b"refused only after everything else")
    weights = ["--weights", folder / "weights.pkl"]
    np.save(folder / "image.npy", np.zeros((1, 3, 96, 23)))
    yield "no file", [folder / "absent.wav", clips[1]]
    yield "no folder", [*clips, "-o", folder / "absent" / "stages.h5"]
    yield "it is a folder", [*clips, "-o", folder]
    yield "files that are read", [*clips, "-o", clips[0]]
    yield "files that are read", [*clips, "-o", folder / "weights.pkl", *weights]
    yield "files that are read", [*clips, "-o", folder / "image.npy", *weights, "--image", folder / "image.npy"]
    yield "add --weights", [*clips, "--image-seed", "1"]
    yield "add --weights", [*clips, "--whole-features"]
    yield "--image-seed", [*clips, *weights, "--image-seed", "one"]
    yield "--image-seed", [*clips, *weights, "--image-seed", "-1"]
    yield "not allowed with", [*clips, *weights, "--image-seed", "1", "--image", "x.npy"]
    yield "no such file", [*clips, *weights, "--image", folder / "absent.npy"]
    yield "96, 22", [*clips, *weights, "--image", folder / "image.npy"]
    yield "no setting", [*clips, "--set", "nonsense=1"]
    yield "duration", [*clips, "--duration", "5"]
    yield "weights.pkl", [*clips, *weights]


@pytest.mark.parametrize("index", range(16))
def test_wrong_commands(index, small_clips, tmp_path):
    cases = list(wrong_commands(tmp_path, small_clips))
    assert len(cases) == 16
    words, arguments = cases[index]
    before = sorted((path, path.stat().st_size) for path in tmp_path.iterdir())
    output = [] if "-o" in arguments else ["-o", tmp_path / "stages.h5"]
    duration = [] if "--duration" in arguments else ["--duration", "0.3"]
    status, text = run_command(*arguments, *output, *duration)
    assert status == 2
    assert words in text
    assert "\n" not in text
    assert sorted((path, path.stat().st_size) for path in tmp_path.iterdir()) == before


def test_too_small_an_image(small_clips, tmp_path):
    """0.2 seconds leave 14 columns, of which four poolings leave none."""
    settings = dataclasses.replace(SMALL, duration=0.2)
    with pytest.raises(InputError, match="16"):
        write_stages(str(tmp_path / "stages.h5"), *small_clips, settings, point(golden_weights(), settings, seed=1))
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys
from audiostyle.errors import RunError
from audiostyle.settings import Settings
from audiostyle.study.stage_recording import write_stages
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
try:
    write_stages(sys.argv[1], sys.argv[2], sys.argv[3], Settings(duration=0.3))
except RunError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize("size", [100, 100_000, 900_000])
def test_full_disk_leaves_nothing(size, small_clips, tmp_path):
    (tmp_path / "stages.h5").write_text("what was there before")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "stages.h5"), *small_clips, str(size)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "could not be written" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["stages.h5"]
    assert (tmp_path / "stages.h5").read_text() == "what was there before"


def test_interrupted_leaves_nothing(small_clips, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("audiostyle.pipeline.invert", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_stages(str(tmp_path / "stages.h5"), *small_clips, SMALL)
    assert not list(tmp_path.iterdir())
