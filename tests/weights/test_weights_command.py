"""``audiostyle weights`` as a user meets it."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden_weights import golden_weights, imagenet_weights
from PIL import Image

from audiostyle.errors import InputError
from audiostyle.weights import places
from audiostyle.weights.load import inspect_weights
from audiostyle.weights.parameters import arrays_sha256
from audiostyle.weights.picture_folder import find_pictures, pictures_sha256, read_pictures

KERAS = "vgg19_imagenet_notop_8bit.h5"


def rows(output):
    return dict(re.split(" {2,}", line, maxsplit=1) for line in output.splitlines() if "  " in line)


def test_info_tells_everything(shared, succeeds):
    output = succeeds("info", shared / "vgg19" / KERAS)
    shown = rows(output)
    assert shown["form"] == "Keras .h5"
    assert shown["network"].startswith("Simonyan and Zisserman's")
    assert shown["channel order"] == "blue-green-red"
    assert shown["checksum"].startswith("not among the known")
    assert shown["normalised"].startswith("no: ")
    assert "CC BY 4.0" in shown["licence"]
    assert "weights convert" in output


def test_convert_and_look_again(shared, succeeds, fails, tmp_path):
    output = tmp_path / "vgg19_normalized.pkl"
    assert "Wrote" in succeeds("convert", shared / "vgg19" / KERAS, "-o", output)
    with open(output, "rb") as file:
        values = pickle.load(file, encoding="latin-1")["param values"]
    assert all(map(np.array_equal, values, imagenet_weights(shared)))
    shown = rows(succeeds("info", output))
    assert shown["form"] == "Lasagne pickle"
    assert shown["normalised"].startswith("yes: ")
    assert shown["normalised by"] == "the shipped mean activations"

    # Once more, into the other form: nothing is normalised twice.
    assert "there already" in fails("convert", output, "-o", output)
    succeeds("convert", output, "-o", tmp_path / "weights.h5")
    again = inspect_weights(tmp_path / "weights.h5")
    assert again.sha256 == arrays_sha256(imagenet_weights(shared))
    assert again.record["normalised_by"] == "the source"


def test_convert_refuses_another_network(writers, fails, tmp_path):
    writers["npz"](tmp_path / "golden.npz", golden_weights())
    sentence = fails("convert", tmp_path / "golden.npz", "-o", tmp_path / "out.pkl")
    assert "weights normalize --pictures" in sentence
    assert not (tmp_path / "out.pkl").exists()


def make_pictures(folder):
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number, (mode, size) in enumerate((("RGB", (300, 280)), ("L", (260, 400)), ("RGBA", (224, 224)))):
        bands = {"RGB": 3, "L": 1, "RGBA": 4}[mode]
        small = generator.integers(0, 256, (9, 9, bands), dtype=np.uint8).squeeze()
        Image.fromarray(small, mode).resize(size).save(folder / f"{number}.png")


def test_normalize_on_pictures(writers, succeeds, tmp_path, capsys):
    make_pictures(tmp_path / "pictures")
    writers["npz"](tmp_path / "golden.npz", golden_weights())
    arguments = ["normalize", tmp_path / "golden.npz", "--pictures", tmp_path / "pictures", "--format", "h5"]
    output = succeeds(*arguments, "-o", tmp_path / "out.h5")
    sha256 = pictures_sha256(find_pictures(tmp_path / "pictures"))
    assert sha256 in output
    assert "3 pictures" in output
    weights = inspect_weights(tmp_path / "out.h5")
    assert weights.record["pictures_sha256"] == sha256
    assert weights.record["normalised_by"] == "3 pictures"
    with h5py.File(tmp_path / "out.h5") as file:
        means = file["mean_activations/conv1_1"][()]
    np.testing.assert_allclose(weights.arrays[0] * means[:, None, None, None], golden_weights()[0], rtol=1e-5)


class TestPictures:
    """Pictures from a folder."""

    def test_they_are_cut_as_imagenets(self, tmp_path):
        # A grey ramp to the right, with a red left half: 512 x 1024 to 256 x 512, the middle 224 of it.
        ramp = np.tile(np.linspace(0, 255, 1024), (512, 1))
        Image.fromarray(np.stack([ramp, ramp / 2, ramp / 4], axis=2).astype(np.uint8)).save(tmp_path / "a.png")
        (picture,) = read_pictures(find_pictures(tmp_path))
        assert picture.shape == (3, 224, 224)
        left, right = 255 * (512 - 224) / 1024, 255 * (512 + 224) / 1024
        for channel, (share, mean) in enumerate(((0.25, 103.939), (0.5, 116.779), (1, 123.68))):
            expected = np.linspace(left, right, 225)[:-1] * share - mean
            np.testing.assert_allclose(picture[channel, 100], expected, atol=1.5)

    def test_the_hash_is_of_the_set(self, tmp_path):
        make_pictures(tmp_path / "one")
        make_pictures(tmp_path / "two")
        os.rename(tmp_path / "two" / "0.png", tmp_path / "two" / "z.png")
        (tmp_path / "two" / "notes.txt").touch()
        assert pictures_sha256(find_pictures(tmp_path / "one")) == pictures_sha256(find_pictures(tmp_path / "two"))
        os.unlink(tmp_path / "two" / "z.png")
        assert pictures_sha256(find_pictures(tmp_path / "one")) != pictures_sha256(find_pictures(tmp_path / "two"))

    def test_mistakes_are_sentences(self, fails, writers, tmp_path):
        (tmp_path / "empty").mkdir()
        output = ["-o", tmp_path / "out"]
        assert "no pictures" in fails("normalize", "x", "--pictures", tmp_path / "empty", *output)
        assert "is no folder" in fails("normalize", "x", "--pictures", tmp_path / "none", *output)
        (tmp_path / "empty" / "a.png").write_bytes(b"<html>")
        writers["npz"](tmp_path / "golden.npz", golden_weights())
        sentence = fails("normalize", tmp_path / "golden.npz", "--pictures", tmp_path / "empty", *output)
        assert "a.png" in sentence
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("case", ["postscript", "pdf", "bomb", "cut", "damaged BLP", "damaged DDS", "a pipe"])
    def test_what_is_no_photograph_is_a_sentence(self, case, tmp_path, monkeypatch, recwarn):
        # Whatever is started finds this program first.
        program = tmp_path / "gs"
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        path = tmp_path / "photo.jpg"
        if case == "bomb":
            Image.new("L", (13300, 13300)).save(path, "PNG")
        elif case == "cut":
            Image.new("RGB", (300, 300)).save(path, "PNG")
            os.truncate(path, 100)
        elif case == "a pipe":
            os.mkfifo(path)
        else:
            start = {"postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "pdf": b"%PDF-1.4\n"}
            path.write_bytes(start.get(case, {"damaged BLP": b"BLP2", "damaged DDS": b"DDS "}.get(case)) + b"\1" * 999)
        with pytest.raises(InputError, match=r"photo\.jpg' cannot be read \(.*\); remove it") as caught:
            list(read_pictures([path]))
        assert str(caught.value).isprintable()
        assert not (tmp_path / "started").exists()
        assert not recwarn.list


def test_random_is_what_the_word_gives(succeeds, random_arrays, tmp_path):
    succeeds("random", "-o", tmp_path / "random.pkl", "--seed", "0")
    weights = inspect_weights(tmp_path / "random.pkl")
    assert weights.sha256 == arrays_sha256(random_arrays)
    assert weights.normalised
    assert not weights.trained
    assert weights.record["source"] == "random, seed 0"


def test_only_a_regular_file_is_replaced(fails, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    assert "is a link" in fails("random", "-o", tmp_path / "link", "--force")
    for device in (tmp_path / "pipe", "/dev/null"):
        assert "a device, a pipe or a socket" in fails("random", "-o", device, "--force")
    assert not (tmp_path / "target").exists()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "arguments",
    [
        ["random"],
        ["random", "-o", "x", "--seed", "-1"],
        ["random", "-o", "x", "--seed", "one"],
        ["random", "-o", "x", "--format", "zip"],
        ["random", "-o", "/no/such/folder/x"],
        ["random", "-o", "/"],
        ["info"],
        ["convert"],
        ["normalize", "x"],
        [],
        ["steal"],
    ],
)
def test_a_wrong_command_line_is_a_sentence(arguments, fails):
    fails(*arguments)


def test_the_usual_place_is_the_default(fails, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "weights_folder", lambda: tmp_path)
    (tmp_path / "vgg19_normalized.pkl").touch()
    assert "vgg19_normalized.pkl' is there already" in fails("fetch")
    assert "vgg19_normalized.pkl' is there already" in fails("convert", "x")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from audiostyle.command import weights; "
        "print({'numpy', 'h5py', 'pooch', 'PIL', 'scipy', 'theano'} & set(sys.modules))"
    )
    repository = Path(__file__).parents[2]
    output = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert output.stdout == "set()\n"
