"""Two stages files beside each other: verdicts, tolerances, and files that nobody should trust."""

import contextlib
import dataclasses
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from audiostyle.command import compare as command
from audiostyle.command.options import Parser
from audiostyle.errors import AudioStyleError, InputError
from audiostyle.study.measure import compare_stage
from audiostyle.study.stage_comparison import compare_files
from audiostyle.study.stage_file import StageReader, StageWriter, statistics
from audiostyle.study.stage_names import LAYERS, STAGES

BY_NAME = {stage.name: stage for stage in STAGES}


def write(path, stages, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, value in stages.items():
            file[name] = value
    return str(path)


def small_stages():
    """One stage of each kind, small."""
    random = np.random.RandomState(0)
    return {
        "content/samples": random.uniform(-1, 1, 50),
        "content/spectrogram": random.uniform(-4, 0, (5, 8)),
        "content/image": random.randint(0, 256, (4, 6)).astype(np.uint8),
        "features/image/conv1_1": random.uniform(0, 9, (1, 64, 4, 6)).astype(np.float32),
        "features/image/pool5": np.array([1.0, 2.0, 30.0]),
        "losses/content": 123.5,
        "losses/total": 456.75,
        "gradient": random.standard_normal((1, 3, 4, 6)).astype(np.float32),
        "inversion/offsets": random.randint(-9, 9, (21, 7)),
        "inversion/wave_0": random.standard_normal(40),
        "inversion/samples": random.standard_normal(40),
        "inversion/spectral_error": 0.23,
    }


def run_command(*arguments):
    """The subcommand by itself; returns the exit status and the error's text."""
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers())
    try:
        args = parser.parse_args(["compare", *map(str, arguments)])
        return args.run(args), ""
    except AudioStyleError as error:
        return error.exit_status, str(error)


@pytest.fixture
def first(tmp_path):
    return write(tmp_path / "a.h5", small_stages())


def test_equal_files_agree(first, tmp_path, capsys):
    assert run_command(first, write(tmp_path / "b.h5", small_stages())) == (0, "")
    output = capsys.readouterr().out
    assert "All 12 stages that both files have agree." in output
    assert "DISAGREES" not in output


# Every stage's tolerance stands here again, so that it cannot change unseen: the largest difference
# (or the relative one) that still agrees.
TOLERANCES = {
    "content/samples": ("largest", 1e-12),
    "style/bandpassed": ("largest", 1e-12),
    "content/spectrogram": ("largest", 1e-9),
    "style/mel": ("largest", 1e-6),
    "content/rescaled": ("largest", 1e-9),
    "features/style/conv4_2": ("relative", 1e-5),
    "losses/style_conv3_1": ("relative", 1e-6),
    "losses/total": ("relative", 1e-6),
    "gradient": ("relative", 5e-5),
    "inversion/spectrogram": ("largest", 1e-5),
    "inversion/wave_1": ("relative", 1e-6),
    "inversion/spectral_error": ("relative", 0.05),
}
SHAPES = {1: (30,), 2: (5, 6), 4: (1, 3, 5, 6), 0: ()}


@pytest.mark.parametrize("name", TOLERANCES)
def test_tolerances(name):
    measure, tolerance = TOLERANCES[name]
    stage = BY_NAME[name]
    value = np.full(SHAPES[stage.n_axes], 3.0)
    step = tolerance if measure == "largest" else 3 * tolerance
    assert compare_stage(stage, value, value + 0.98 * step).agrees
    assert not compare_stage(stage, value, value + 1.02 * step).agrees
    assert not compare_stage(stage, value, value - 1.02 * step).agrees


def test_float64_files_must_be_nearer(tmp_path):
    for kinds, agrees in ((("float64", "float64"), False), (("float64", "float32"), True), ((None, None), True)):
        paths = [
            write(tmp_path / f"{i}.h5", {"losses/total": value}, **({} if kind is None else {"float_type": kind}))
            for i, (kind, value) in enumerate(zip(kinds, (1.0, 1.0 + 1e-8), strict=True))
        ]
        assert (compare_files(*paths).first_disagreement is None) == agrees


def test_differences_are_measured():
    stage = BY_NAME["content/spectrogram"]
    first, second = np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]])
    difference = compare_stage(stage, first, second)
    assert difference.largest == 0.5
    np.testing.assert_allclose(difference.relative, 0.1)
    zero = np.zeros((1, 2))
    assert compare_stage(stage, zero, zero).relative == 0
    assert compare_stage(stage, zero, first).relative == np.inf


def test_whole_numbers_do_not_wrap():
    """0 and 255 are 255 apart, not 1."""
    image = BY_NAME["content/image"]
    first, second = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    assert compare_stage(image, first, second).largest == compare_stage(image, second, first).largest == 255


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_disagree(wrong):
    for stage in (BY_NAME["content/spectrogram"], BY_NAME["gradient"]):
        value = np.ones(SHAPES[stage.n_axes])
        broken = value.copy()
        broken.ravel()[3] = wrong
        for pair in ((value, broken), (broken, value), (broken, broken)):
            assert not compare_stage(stage, *pair).agrees
    features = BY_NAME["features/image/conv1_1"]
    assert not compare_stage(features, np.ones(3), np.array([1.0, wrong, 1.0])).agrees


def test_the_first_stage_in_the_pipelines_order_is_named(first, tmp_path, capsys):
    stages = small_stages()
    stages["gradient"] = stages["gradient"] * 2
    stages["losses/content"] *= 2
    stages["content/spectrogram"][2, 3] += 1e-6
    assert run_command(first, write(tmp_path / "b.h5", stages)) == (1, "")
    output = capsys.readouterr().out
    assert output.count("DISAGREES") == 3
    last = output.splitlines()[-1]
    assert last.startswith("The first stage to disagree is /content/spectrogram: its largest difference is 1e-06")


def test_every_name_can_be_compared(tmp_path):
    names = [stage.name for stage in STAGES]
    assert len(set(names)) == len(names)
    stages = {stage.name: np.ones((3,) * stage.n_axes) for stage in STAGES}
    comparison = compare_files(write(tmp_path / "a.h5", stages), write(tmp_path / "b.h5", stages))
    assert [one.stage.name for one in comparison.differences] == names
    assert comparison.first_disagreement is None


def test_some_stages_only(first, tmp_path, capsys):
    second = write(tmp_path / "b.h5", {"losses/total": [456.75], "style/mel": np.ones((2, 3)), "notes/x": 1})
    assert run_command(first, second) == (0, "")
    output = capsys.readouterr().out
    assert f"Only in {second!r}, not compared: style/mel." in output
    assert f"Only in {first!r}, not compared: content/samples, content/spectrogram" in output
    assert "Not stages, ignored: notes." in output


def test_inversions_after_the_fourth_are_not_compared(first, tmp_path):
    stages = small_stages()
    stages["inversion/offsets"][4:] += 1
    stages["inversion/samples"] += 5
    comparison = compare_files(first, write(tmp_path / "b.h5", stages))
    assert comparison.first_disagreement is None
    stages["inversion/offsets"] = stages["inversion/offsets"][:4]
    assert compare_files(first, write(tmp_path / "b.h5", stages)).first_disagreement is None
    stages["inversion/offsets"][3, 0] += 1
    found = compare_files(first, write(tmp_path / "b.h5", stages)).first_disagreement
    assert found.stage.name == "inversion/offsets"


def test_whole_activations_against_statistics(first, tmp_path):
    stages = small_stages()
    activation = stages["features/image/conv1_1"].astype("float64")
    values = np.array([activation.mean(), activation.std(), np.sqrt((activation**2).sum())])
    np.testing.assert_allclose(statistics(stages["features/image/conv1_1"]), values, rtol=1e-12)
    stages["features/image/conv1_1"] = values
    assert compare_files(first, write(tmp_path / "b.h5", stages)).first_disagreement is None
    for index in range(3):
        stages["features/image/conv1_1"] = values * np.where(np.arange(3) == index, 1 + 2e-5, 1)
        found = compare_files(first, write(tmp_path / "b.h5", stages)).first_disagreement
        assert found.stage.name == "features/image/conv1_1"


@pytest.mark.parametrize("name", ["content/spectrogram", "gradient", "inversion/offsets"])
def test_other_shapes_disagree(name, first, tmp_path, capsys):
    stages = small_stages()
    stages[name] = stages[name][..., :-1]
    assert run_command(first, write(tmp_path / "b.h5", stages)) == (1, "")
    assert f"/{name}: the shapes are" in capsys.readouterr().out


def test_different_inputs_are_said(tmp_path, capsys):
    common = {"schema": "audiostyle-stages/1", "style_sha256": "e"}
    one = write(tmp_path / "a.h5", {"losses/total": 1.0}, settings='{"pooling": "max", "seed": 1, "x": [1, 2]}',
                content_sha256="c", **common)  # fmt: skip
    other = write(tmp_path / "b.h5", {"losses/total": 1.0}, settings='{"pooling": "average", "seed": 1, "x": [1, 2]}',
                  content_sha256="d", **common)  # fmt: skip
    assert run_command(one, other) == (0, "")
    output = capsys.readouterr().out
    assert "different settings: pooling (max and average)." in output
    assert "different content clips" in output
    assert "style clips" not in output


def test_written_by_our_writer(tmp_path):
    path = str(tmp_path / "a.h5")
    with StageWriter(path, {"settings": {"pooling": "max"}, "float_type": "float32"}) as writer:
        for name, value in small_stages().items():
            writer.put(name, value)
    reader = StageReader(path)
    assert set(reader.names) == set(small_stages())
    assert reader.attribute("settings") == {"pooling": "max"}
    for name, value in small_stages().items():
        np.testing.assert_array_equal(reader.read(name), value)
    reader.close()


def hostile_files(folder, good):
    """Files that cannot be compared, by the words that the error must have."""
    folder = Path(folder)

    def data(content):
        (folder / "b.h5").write_bytes(content)
        return str(folder / "b.h5")

    def file(**stages):
        return write(folder / "b.h5", {name.replace("__", "/"): value for name, value in stages.items()})

    whole = Path(good).read_bytes()
    yield "no such file", lambda: str(folder / "absent.h5")
    yield "not a file", lambda: str(folder)
    yield "HDF5", lambda: data(b"")
    yield "HDF5", lambda: data(b"just some text\n" * 100)
    yield "HDF5", lambda: data(whole[: len(whole) // 2])
    yield "HDF5", lambda: data(whole[:64])
    yield "holds no stage", lambda: file(other=1.0)
    yield "holds text", lambda: file(losses__total="a number")
    yield "holds text", lambda: file(content__spectrogram=np.full((5, 8), b"x"))
    yield "complex", lambda: file(content__samples=np.ones(50, complex))
    yield "records", lambda: file(content__samples=np.ones(50, [("x", float)]))
    yield "shape", lambda: file(content__spectrogram=np.ones(40))
    yield "shape", lambda: file(losses__total=np.ones(2))
    yield "shape", lambda: file(gradient=np.ones((3, 4, 6)))
    yield "shape", lambda: file(content__samples=np.ones(0))
    yield "shape", lambda: file(features__image__conv1_1=np.ones(4))

    def changed(change):
        def make():
            path = str(folder / "b.h5")
            with h5py.File(path, "w") as opened:
                change(opened)
            return path

        return make

    def declare(opened):
        opened.create_dataset("content/samples", (2**40,), dtype="f4", chunks=(2**16,))

    def declare_many(opened):
        opened.create_dataset("features/image/conv1_1", (2**20,) * 4, dtype="f4", chunks=(1, 1, 1, 2**16))

    def group(opened):
        opened.create_group("content/samples/inside")

    def empty(opened):
        opened["content/samples"] = h5py.Empty("f8")

    def soft(opened):
        opened["elsewhere"] = np.ones(50)
        opened["content/samples"] = h5py.SoftLink("/elsewhere")

    def external(opened):
        opened["content"] = h5py.ExternalLink(good, "/content")

    def dangling(opened):
        opened["content/samples"] = h5py.SoftLink("/nowhere")

    def outside(opened):
        opened.create_dataset("content/samples", (50,), "f8", external=[("/etc/passwd", 0, 400)])

    def virtual(opened):
        layout = h5py.VirtualLayout((50,), "f8")
        layout[:] = h5py.VirtualSource(good, "content/samples", shape=(50,))
        opened.create_virtual_dataset("content/samples", layout)

    def references(opened):
        opened.create_dataset("content/samples", (50,), h5py.ref_dtype)

    yield "declares", changed(declare)
    yield "declares", changed(declare_many)
    yield "is a group", changed(group)
    yield "array", changed(empty)
    yield "link", changed(soft)
    yield "link", changed(external)
    yield "link", changed(dangling)
    yield "in the file itself", changed(outside)
    yield "in the file itself", changed(virtual)
    yield "text or objects", changed(references)

    def pipe():
        os.mkfifo(folder / "pipe")
        return str(folder / "pipe")

    yield "not a file", pipe


@pytest.mark.parametrize("index", range(27))
@pytest.mark.parametrize("position", [0, 1])
def test_hostile_files(index, position, first, tmp_path):
    cases = list(hostile_files(tmp_path, first))
    assert len(cases) == 27
    words, make = cases[index]
    pair = [first, first]
    pair[position] = make()
    status, text = run_command(*pair)
    assert status == 2
    assert words in text
    assert "\n" not in text


def test_nothing_in_common(first, tmp_path):
    status, text = run_command(first, write(tmp_path / "b.h5", {"style/mel": np.ones((2, 2))}))
    assert status == 2
    assert "nothing to compare" in text
    assert "b.h5" in text
    assert "style/mel" in text


def test_a_group_that_holds_itself(first, tmp_path):
    stages = small_stages()
    path = write(tmp_path / "b.h5", stages)
    with h5py.File(path, "a") as file:
        file["content/again"] = file["content"]
        file["losses/losses"] = file["/"]
    assert compare_files(first, path).first_disagreement is None


def test_damaged_bytes_are_an_answer_or_a_sentence(first, tmp_path):
    """Whatever byte is changed, compare says something and does not end with a traceback.

    The seed is one at which the HDF5 library itself neither crashes nor hangs, since it runs in this process.
    """
    path = tmp_path / "packed.h5"
    with StageWriter(str(path), {"settings": {"seed": 1}}) as writer:
        for name, value in small_stages().items():
            writer.put(name, value)
    whole, random = path.read_bytes(), np.random.RandomState(1)
    for _ in range(150):
        broken = bytearray(whole)
        for at in random.randint(0, len(whole), random.randint(1, 4)):
            broken[at] = random.randint(0, 256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(InputError):
            compare_files(first, str(path))


def test_reads_what_other_libraries_write(first, tmp_path):
    """Big-endian, Fortran order through chunks, lzf, float16 and whole numbers as they come."""
    stages = small_stages()
    path = str(tmp_path / "b.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("content/samples", data=stages["content/samples"].astype(">f8"), chunks=(7,))
        file.create_dataset("content/spectrogram", data=stages["content/spectrogram"], compression="lzf")
        file.create_dataset("content/image", data=stages["content/image"].astype("int16"))
        file.create_dataset("gradient", data=stages["gradient"].astype("float64"), fletcher32=True)
        file.create_dataset("losses/total", data=np.float32(456.75))
    comparison = compare_files(first, path)
    assert len(comparison.differences) == 5
    assert comparison.first_disagreement is None


def test_layers_are_the_networks():
    assert len(LAYERS) == 21
    assert LAYERS[:3] == ("conv1_1", "conv1_2", "pool1")
    assert LAYERS[-2:] == ("conv5_4", "pool5")


def test_tolerances_never_grow_with_precision():
    for stage in STAGES:
        assert stage.allowed(True) <= stage.allowed(False)
        assert dataclasses.replace(stage, tolerance_float64=None).allowed(True) == stage.tolerance
