"""``compare`` is fair to a port: float32, pixels on the edge of a level, and explanations of what is wrong."""

import json
import resource

import h5py
import numpy as np
import pytest

from audiostyle.command import compare as command
from audiostyle.command.options import Parser
from audiostyle.errors import AudioStyleError
from audiostyle.image import image_to_tensor, values_to_image
from audiostyle.settings import Settings
from audiostyle.study.explain import explain
from audiostyle.study.stage_comparison import compare_files, suggestion
from audiostyle.study.stage_names import STAGES

BY_NAME = {stage.name: stage for stage in STAGES}
SHAPE = (96, 854)


def write(path, stages, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, value in stages.items():
            file[name] = value
    return str(path)


def run_command(*arguments):
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers())
    try:
        args = parser.parse_args(["compare", *map(str, arguments)])
        return args.run(args), ""
    except AudioStyleError as error:
        return error.exit_status, str(error)


def clip_stages(mel):
    """What follows from a mel spectrogram."""
    image, value_range = values_to_image(mel, Settings())
    tensor = image_to_tensor(image, Settings())
    return {"content/mel": mel, "content/range": np.array(value_range), "content/image": image,
            "content/tensor": tensor}  # fmt: skip


@pytest.fixture
def mel():
    return np.random.RandomState(0).uniform(-3.5, -0.2, SHAPE).astype(np.float32)


def on_the_edge(mel):
    """The same values with the last bit of one changed, so that its grey level is the next."""
    other, (low, high) = mel.copy(), values_to_image(mel, Settings())[1]
    edge = np.float32(low + (high - low) * 100 / 256)
    mel[3, 5] = np.nextafter(edge, np.float32(0))
    other[3, 5] = np.nextafter(edge, np.float32(-9))
    while values_to_image(mel, Settings())[0][3, 5] == values_to_image(other, Settings())[0][3, 5]:
        mel[3, 5] = np.nextafter(mel[3, 5], np.float32(0))
    return other


def test_a_last_bit_may_move_a_pixel_by_one_level(mel, tmp_path, capsys):
    other = on_the_edge(mel)
    first, second = (write(tmp_path / f"{i}.h5", clip_stages(x)) for i, x in enumerate((mel, other)))
    assert run_command(first, second) == (0, "")
    output = capsys.readouterr().out
    assert f"agrees: 1 of {mel.size} pixels by 1 level" in output
    assert f"agrees: 3 of {3 * mel.size} numbers by 1 level" in output


@pytest.mark.parametrize(("change", "words"), [
    (lambda image: np.add(image, image < 200, dtype=np.uint8), "own /content/mel makes"),  # too many by one level
    (lambda image: np.where(np.arange(image.size).reshape(SHAPE) == 999, image ^ 2, image), "own /content/mel makes"),
])  # fmt: skip
def test_an_image_that_its_mel_does_not_make_disagrees(change, words, mel, tmp_path, capsys):
    stages = clip_stages(mel)
    first = write(tmp_path / "a.h5", stages)
    stages["content/image"] = change(stages["content/image"]).astype(np.uint8)
    assert run_command(first, write(tmp_path / "b.h5", stages)) == (1, "")
    output = capsys.readouterr().out
    assert words in output
    assert "The first stage to disagree is /content/image" in output


def test_an_image_is_judged_by_its_own_mel(mel, tmp_path):
    """A wrong mel is named alone: the image and the tensor that follow from it are right."""
    wrong = np.roll(mel, 7, axis=0) * np.float32(0.9)
    first, second = (write(tmp_path / f"{i}.h5", clip_stages(x)) for i, x in enumerate((mel, wrong)))
    comparison = compare_files(first, second)
    assert [one.stage.name for one in comparison.differences if not one.agrees] == ["content/mel", "content/range"]
    image = next(one for one in comparison.differences if one.stage.name == "content/image")
    assert image.accepted == "in each file it is what its own /content/mel makes"


def test_without_its_mel_a_wrong_image_disagrees(mel, tmp_path):
    image = clip_stages(mel)["content/image"]
    first = write(tmp_path / "a.h5", {"content/image": image})
    second = write(tmp_path / "b.h5", {"content/image": np.roll(image, 7, axis=0)})
    assert compare_files(first, second).first_disagreement.differing > image.size / 2


def test_float32_is_judged_as_float32(tmp_path):
    """By the type of the dataset, and for what follows by that of the sound it is made of."""
    spectrogram = np.random.RandomState(0).uniform(-4, 0, (16, 1024))
    mel = np.random.RandomState(1).uniform(-4, 0, (96, 8)).astype(np.float32)
    near = mel + np.float32(2e-5)
    first = write(tmp_path / "a.h5", {"content/spectrogram": spectrogram, "content/mel": mel})
    for kind, agrees in (("float32", True), ("float64", False)):
        noisy = (spectrogram + 1e-5 * np.sin(np.arange(1024))).astype(kind)
        second = write(tmp_path / "b.h5", {"content/spectrogram": noisy, "content/mel": near})
        assert [one.agrees for one in compare_files(first, second).differences] == [agrees, agrees]
    # The released mel is float32 itself, which allows for nothing.
    assert compare_files(write(tmp_path / "c.h5", {"content/mel": mel}), second).first_disagreement is not None


@pytest.mark.parametrize(("name", "change", "words"), [
    ("content/mel", lambda x: x.T, "equal if transposed"),
    ("content/mel", lambda x: x[:, 1:], "equal if the first 1 and the last 0 of the first's columns are left out"),
    ("content/mel", lambda x: np.pad(x, ((0, 0), (1, 1))),
     "equal if the first 1 and the last 1 of its columns are left out"),
    ("content/mel", lambda x: np.roll(x, 1, axis=1), "equal if shifted by +1 along column"),
    ("content/mel", lambda x: np.roll(x, -2, axis=0), "equal if shifted by -2 along mel"),
    ("content/mel", lambda x: x[::-1], "equal if reversed along mel"),
    ("content/mel", lambda x: -x, "of the other sign"),
    ("content/mel", lambda x: 20 * x, "20 times the first file's numbers (decibels in place of log10)"),
    ("content/mel", lambda x: x * np.log(10), "natural logarithm"),
    ("content/mel", lambda x: x + 4, "the first file's numbers and 4"),
    ("content/samples", lambda x: np.round(x * 32768), "16-bit integers"),
    ("content/tensor", lambda x: x[:, ::-1], "equal if its channels red, green, blue are taken as blue, green, red"),
    ("content/tensor", lambda x: np.moveaxis(x, 1, 3), "moved from the last axis"),
    ("gradient", lambda x: x.swapaxes(2, 3), "rows and columns are exchanged"),
    ("gradient", lambda x: x / 2, "a factor 1/2 too many"),
    ("losses/content", lambda x: 2 * x, "2 times the first file's number"),
    ("losses/content", lambda x: x / 96, "1/96 times the first file's number"),
])  # fmt: skip
def test_explanations(name, change, words, tmp_path):
    stage, random = BY_NAME[name], np.random.RandomState(0)
    shape = {"content/tensor": (1, 3, 9, 7), "gradient": (1, 3, 9, 7), "content/samples": (500,), "losses/content": ()}
    first = np.asarray(random.uniform(-1, 1, shape.get(name, (12, 20))))
    second = change(first)
    assert any(words in text for text in explain(stage, first, second))
    # It holds with the noise of float32 too, and says nothing where it is not so.
    assert any(words in text for text in explain(stage, first, np.float32(second)))
    if first.ndim:
        assert not explain(stage, first, random.uniform(-1, 1, second.shape))
        assert not explain(stage, first, first + 1e-3 * random.uniform(-1, 1, first.shape))


def test_a_ratio_that_is_not_simple_explains_nothing():
    assert explain(BY_NAME["losses/content"], np.array(3.0), np.array(3.7)) == []


def test_the_maximum_that_wraps_is_named(mel, tmp_path, capsys):
    stages = clip_stages(mel)
    first = write(tmp_path / "a.h5", {"content/image": stages["content/image"]})
    clipped = np.where(mel == mel.max(), 255, stages["content/image"]).astype(np.uint8)
    assert run_command(first, write(tmp_path / "b.h5", {"content/image": clipped})) == (1, "")
    assert "level 256 becomes 0 in one and not in the other (T1)" in capsys.readouterr().out


def test_count_and_place(tmp_path, capsys):
    first = np.zeros((5, 8))
    second = first.copy()
    second[2, 3], second[4, 7] = 0.25, -0.5
    paths = (write(tmp_path / f"{i}.h5", {"content/spectrogram": x}) for i, x in enumerate((first, second)))
    assert run_command(*paths) == (1, "")
    assert "2 of 40 numbers differ by more than they may, most at frame 4, bin 7" in capsys.readouterr().out


def test_tolerance_scale(tmp_path):
    first, second = (write(tmp_path / f"{i}.h5", {"losses/total": 1 + 5e-6 * i}) for i in range(2))
    assert run_command(first, second)[0] == 1
    assert run_command(first, second, "--tolerance-scale", "10")[0] == 0
    for wrong in ("0", "-1", "nan", "inf", "many"):
        status, text = run_command(first, second, f"--tolerance-scale={wrong}")
        assert status == 2
        assert "--tolerance-scale" in text


def test_json(mel, tmp_path, capsys):
    stages = clip_stages(mel)
    first = write(tmp_path / "a.h5", stages)
    stages["content/mel"] = mel.T
    second = write(tmp_path / "b.h5", {**stages, "content/mels": 1.0})
    assert run_command(first, second, "--json", "-") == (1, "")
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "audiostyle-comparison/1"
    assert (document["agree"], document["first_disagreement"]) == (False, "content/mel")
    by_name = {stage["name"]: stage for stage in document["stages"]}
    assert by_name["content/mel"]["largest"] is None
    assert by_name["content/mel"]["explanations"] == ["equal if transposed"]
    assert by_name["content/image"]["verdict"] == "agrees"
    assert document["unknown"] == {"content/mels": "content/mel"}
    target = tmp_path / "out.json"
    assert run_command(first, second, "--json", target) == (1, "")
    assert "DISAGREES" in capsys.readouterr().out
    assert json.loads(target.read_text()) == document
    assert run_command(first, second, "--json", first)[0] == 2


@pytest.mark.parametrize(("wrong", "meant"), [
    ("mel", "content/mel"), ("content/melspec", "content/mel"), ("style/Spectogram", "style/spectrogram"),
    ("contents", "content"), ("losses/tot", "losses/total"), ("notes", ""), ("grad", "gradient"), ("x" * 10000, ""),
])  # fmt: skip
def test_near_names(wrong, meant):
    assert suggestion(wrong) == meant


def test_near_names_are_said_where_nothing_is_right(tmp_path):
    first = write(tmp_path / "a.h5", {"content/mel": np.ones((2, 2))})
    status, text = run_command(first, write(tmp_path / "b.h5", {"mel": np.ones((2, 2))}))
    assert status == 2
    assert "'mel' may be meant to be content/mel" in text


def test_a_strangers_names_are_escaped(tmp_path, capsys):
    evil = "\x1b[2J\nAll 99 stages that both files have agree."
    settings = json.dumps({evil: 1, "seed": evil})
    first = write(tmp_path / "a.h5", {"losses/total": 1.0, "x\n\x1b[1m": 1.0}, settings=settings)
    second = write(tmp_path / "b.h5", {"losses/total": 1.0}, settings='{"seed": 2}')
    assert run_command(first, second) == (0, "")
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert not any(line.startswith("All 99") for line in output.splitlines())


@pytest.mark.parametrize("options", [
    {}, {"chunks": (2**16,)}, {"chunks": (2**16,), "compression": "gzip"}, {"dtype": "i1"},
])  # fmt: skip
def test_a_declared_size_takes_no_memory(options, tmp_path):
    """Two kilobytes that declare 2^28 numbers: refused before anything is read."""
    path = str(tmp_path / "huge.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("content/samples", (2**28,), **{"dtype": "f8", **options})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, text = run_command(path, path)
    assert status == 2
    assert "declares 268435456 numbers" in text
    assert max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) < (
        before + 300_000
    )


def test_half_written_chunks_and_giant_chunks_are_refused(tmp_path):
    path = str(tmp_path / "half.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("content/samples", (100,), "f8", chunks=(10,))[:50] = 1.0
    assert "only 5 of its 10 chunks" in run_command(path, path)[1]
    with h5py.File(path, "w") as file:
        file.create_dataset("content/samples", (2**20,), "f8", chunks=(2**26,), maxshape=(None,))
    assert "chunks of more than" in run_command(path, path)[1]


def test_compared_in_blocks_as_at_once(monkeypatch, tmp_path):
    random = np.random.RandomState(0)
    stages = {
        "features/image/conv1_1": random.uniform(0, 1, (1, 5, 6, 7)),
        "content/samples": random.uniform(-1, 1, 99),
    }
    other = {name: value + 1e-3 * random.uniform(0, 1, value.shape) for name, value in stages.items()}
    values = stages["features/image/conv1_1"]
    small = {"features/image/conv1_1": [values.mean(), values.std(), np.linalg.norm(values) * 1.5]}
    first, second, third = (write(tmp_path / f"{i}.h5", x) for i, x in enumerate((stages, other, small)))
    at_once = compare_files(first, second).differences, compare_files(first, third).differences
    monkeypatch.setattr("audiostyle.study.stage_file._BLOCK_NUMBERS", 4)
    in_blocks = compare_files(first, second).differences, compare_files(first, third).differences
    for whole, parts in zip([*at_once[0], *at_once[1]], [*in_blocks[0], *in_blocks[1]], strict=True):
        assert (whole.size, whole.differing, whole.place) == (parts.size, parts.differing, parts.place)
        np.testing.assert_allclose(parts.largest, whole.largest, rtol=1e-12)
        np.testing.assert_allclose(parts.relative, whole.relative, rtol=1e-12)
    np.testing.assert_allclose(at_once[1][0].relative, 0.5, rtol=1e-9)
