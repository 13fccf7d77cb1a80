"""Whatever bytes run.h5 is made of: an archive, or one sentence, at once."""

import contextlib
import json
import os
import random
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealed_archive import MAGIC, header_of, sealed, with_header, with_table

from audiostyle.errors import InputError
from audiostyle.run.archive import Archive
from audiostyle.run.archived_run import RECORD, row_type
from audiostyle.run.folder import RunFolder
from audiostyle.run.resume_check import changed_circumstances, check_same, resumed_description
from audiostyle.run.table_file import table, write_tables
from audiostyle.settings import Settings

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(path):
    """Return the sentence with which a file is refused."""
    begun = time.perf_counter()
    with pytest.raises(InputError) as error:
        read_all(path)
    assert time.perf_counter() - begun < 2
    text = str(error.value)
    assert text.startswith("The run archive ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def read_all(path):
    """Read an archive and everything in it."""
    run = Archive.read(path)
    for one in run.rounds:
        assert one.image.shape == run.start_image.shape
    assert len(run.evaluations) == len(run.rows)
    assert run.last_image.shape == run.start_image.shape
    with contextlib.suppress(InputError):
        Settings.from_record(run.settings)
    with contextlib.suppress(InputError):
        check_same(run, {})
    changed_circumstances(run, {})
    resumed_description(run, {})
    assert set(run.hashes) == {"content", "style", "weights"}
    return run


def try_to_read(path):
    """Read a file that may be refused, and everything in it if it is not."""
    try:
        return read_all(path)
    except InputError:
        return None


@pytest.fixture(scope="module")
def good_path(tmp_path_factory, finished_round, description):
    """A merged archive of two rounds."""
    path = tmp_path_factory.mktemp("good")
    with RunFolder(path) as folder:
        archive = Archive.create(folder, description, np.zeros((1, 3, 4, 5), np.float32))
        for index in (1, 2):
            archive.append_round(*finished_round(index, parts=("content", "style")))
        archive.finish()
    return path / "run.h5"


@pytest.fixture
def good(good_path):
    """Its bytes."""
    return good_path.read_bytes()


class TestNotAnArchive:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "cut short"),
            (b"AudioStyle", "cut short"),
            (MAGIC, "cut short"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "not a run archive"),
            (b"\0" * 100_000, "not a run archive"),
            (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
            (MAGIC + b"\xff" * 50_000, "header is damaged"),
            (MAGIC + b"[" * 50_000, "header is damaged"),
            (sealed(b"[" * 10_000), "header is damaged"),
            (sealed(b"1" * 10_000), "header is damaged"),
            (sealed(b"null"), "header is damaged"),
            (sealed(b'{"schema": 1, "size": 16384}'), "has version 1, and this version of AudioStyle reads version 2"),
            (sealed(b'{"schema": 99}'), "use the version that made it"),
        ],
    )
    def test_other_bytes(self, tmp_path, content, words):
        (tmp_path / "run.h5").write_bytes(content)
        assert words in refused(tmp_path / "run.h5")

    def test_nothing(self, tmp_path):
        assert "no such file" in refused(tmp_path / "run.h5")

    def test_things_that_are_no_files(self, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "loop").symlink_to("loop")
        for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
            assert "not a regular file" in refused(path)
        assert "symbolic links" in refused(tmp_path / "loop")
        assert "a file, not a folder" in refused(Path("/dev/null/run.h5"))

    def test_a_name_that_is_no_text(self, tmp_path):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.h5")
        Path(path).write_bytes(b"?")
        assert refused(path).isascii()

    @pytest.mark.parametrize("userblock", [0, 512, 8192])
    def test_other_hdf5(self, tmp_path, userblock):
        path = tmp_path / "run.h5"
        with h5py.File(path, "w", userblock_size=userblock) as file:
            file["data"] = [1, 2, 3]
            file.attrs["schema"] = 1
        assert "HDF5 file, but not one that a transfer wrote" in refused(path)

    def test_links_and_huge_shapes(self, tmp_path):
        path = tmp_path / "run.h5"
        with h5py.File(path, "w") as file:
            file["images"] = h5py.ExternalLink("/etc/passwd", "/")
            file.create_dataset("start_image", (2**40, 2**20), "f4", chunks=True)
        assert "HDF5 file" in refused(path)

    def test_an_archive_that_another_tool_rewrote(self, tmp_path, good):
        path = tmp_path / "run.h5"
        path.write_bytes(good[16384:])
        assert "HDF5 file" in refused(path)


class TestDamage:
    def test_the_good_one_is_good(self, tmp_path, good):
        (tmp_path / "run.h5").write_bytes(good)
        assert len(Archive.read(tmp_path / "run.h5").rounds) == 2

    @pytest.mark.parametrize("left", [1, 100, 16383, 16384, 20_000, -1])
    def test_cut_short(self, tmp_path, good, left):
        (tmp_path / "run.h5").write_bytes(good[:left])
        assert "cut short" in refused(tmp_path / "run.h5")

    def test_something_after_the_end(self, tmp_path, good):
        (tmp_path / "run.h5").write_bytes(good + b"x")
        assert "has grown" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize(
        ("table", "at", "words"),
        [
            ("description", 3, "the table description in it is damaged"),
            ("start_image", 100, "the table start_image in it is damaged"),
            ("images", 0, "its round 1 is damaged"),
            ("images", 250, "its round 2 is damaged"),
            ("rounds", 8, "the table rounds in it is damaged"),
            ("evaluations", 20, "the table evaluations in it is damaged"),
        ],
    )
    def test_a_changed_byte(self, tmp_path, good, table, at, words):
        data = bytearray(good)
        data[header_of(good)["tables"][table]["offset"] + at] ^= 0x80
        (tmp_path / "run.h5").write_bytes(data)
        assert words in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("left", [0, 10, 17_000, -1])
    def test_a_round_s_own_file(self, tmp_path, finished_round, description, left):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, np.zeros((1, 3, 4, 5), np.float32))
            for index in (1, 2):
                archive.append_round(*finished_round(index))
        part = tmp_path / "run.0002.h5"
        part.write_bytes(part.read_bytes()[:left])
        text = refused(tmp_path / "run.h5")
        assert "run.0002.h5" in text
        assert "cut short" in text
        assert "name the run.h5 beside it" in refused(tmp_path / "run.0001.h5")

    def test_replaced_while_it_is_read(self, tmp_path, good):
        path = tmp_path / "run.h5"
        path.write_bytes(good)
        run = Archive.read(path)
        (tmp_path / "new").write_bytes(good)
        (tmp_path / "new").replace(path)
        with pytest.raises(InputError, match="replaced while it was being read"):
            run.rounds[0]


class TestSealedByAnEnemy:
    """Headers with a right checksum and wrong words."""

    @pytest.mark.parametrize(
        ("table", "change"),
        [
            (None, {"size": 2**50}),
            (None, {"size": -1}),
            (None, {"size": 1.5}),
            (None, {"size": True}),
            (None, {"tables": None}),
            (None, {"tables": []}),
            (None, {"tables": {}}),
            (None, {"run": None}),
            (None, {"run": ["a"]}),
            (None, {"run": "\ud800"}),
            (None, {"run": "x" * 5000}),
            ("start_image", {"shape": [1, 3, 2**29, 2**29]}),
            ("start_image", {"shape": [1, 3, 0, 5]}),
            ("start_image", {"shape": [1, 3, 0, 2**62]}),
            ("start_image", {"shape": [60]}),
            ("start_image", {"shape": "1345"}),
            ("start_image", {"shape": [1, 3, 4.0, 5]}),
            ("start_image", {"shape": [1, 3, True, 5]}),
            ("start_image", {"type": "|O"}),
            ("start_image", {"type": "<i4"}),
            ("start_image", {"type": ["<f4"]}),
            ("start_image", {"type": [["same", "<f4"], ["same", "<f4"]]}),
            ("description", {"type": "|S999999999"}),
            ("description", {"type": "<f8", "shape": [2]}),
            ("images", {"offset": -8}),
            ("images", {"offset": 10**9}),
            ("images", {"offset": None}),
            ("images", {"shape": [3, 3, 4, 5]}),
            ("images", {"type": "<f8", "shape": [1, 3, 4, 5]}),
            ("rounds", {"shape": [1]}),
            ("rounds", {"shape": []}),
            ("rounds", {"type": "<f8"}),
            ("evaluations", {"shape": [5]}),
            ("evaluations", {"shape": [0]}),
            ("evaluations", {"type": [["round", "<i8"]]}),
            ("evaluations", {"type": []}),
            ("evaluations", {"sha256": None}),
        ],
        ids=str,
    )
    def test_headers_that_cannot_be(self, tmp_path, good, table, change):
        header = header_of(good)
        (header if table is None else header["tables"][table]).update(change)
        (tmp_path / "run.h5").write_bytes(with_header(good, header))
        refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("name", ["state/\ud800", "state/a/b", "state/..", "\x1b[2J", "", "x" * 5000])
    def test_names_of_tables(self, tmp_path, good, name):
        header = header_of(good)
        header["tables"][name] = header["tables"]["rounds"]
        (tmp_path / "run.h5").write_bytes(with_header(good, header))
        refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("name", ["description", "start_image", "rounds", "evaluations", "images"])
    def test_a_table_that_is_missing(self, tmp_path, good, name):
        header = header_of(good)
        del header["tables"][name]
        (tmp_path / "run.h5").write_bytes(with_header(good, header))
        refused(tmp_path / "run.h5")

    @pytest.mark.parametrize(
        "values",
        [{"rows": 2**62}, {"rows": -1}, {"rows": 0}, {"index": 7}, {"index": -1}, {"image_sha256": b""}],
        ids=str,
    )
    def test_rounds_that_cannot_be(self, tmp_path, good, values):
        def change(array):
            for name, value in values.items():
                array[name] = value

        (tmp_path / "run.h5").write_bytes(with_table(good, "rounds", change))
        refused(tmp_path / "run.h5")

    @pytest.mark.parametrize(
        "change",
        [
            [],
            None,
            {"settings": []},
            {"settings": {"style_layers": [["a"], ["b"]]}},
            {"settings": {"seed": {"deep": {}}}},
            {"command_line": "one"},
            {"command_line": [{}]},
            {"inputs": {}},
            {"inputs": {"content": 7, "style": []}},
            {"inputs": {"content": {"path": 1, "name": "a", "sha256": "b"}, "style": {}}},
            {"weights": {"sha256": "0"}},
            {"machine": {"device": "cpu", "convolution": "onednn", "threads": True, "blas": ""}},
            {"machine": {"device": "cpu", "convolution": "onednn", "threads": 2, "blas": "", "x": {}}},
            {"versions": {"numpy": {"major": 1}}},
            {"versions": None},
            {"resumed": {}},
            {"resumed": ["yesterday"]},
            *[
                {"inputs": {role: {"path": path, "name": "a", "sha256": "b"} for role in ("content", "style")}}
                for path in ("", "a\0b", "\ud800")
            ],
        ],
        ids=ascii,
    )
    def test_other_descriptions(self, tmp_path, description, change):
        other = description | change if isinstance(change, dict) else change
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, other, np.zeros((1, 3, 4, 5), np.float32))
        assert "description is not what a transfer writes" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("name", ["$\\frac$", "\ud800", "=1+1", "a\x1b[2J", "x" * 5000])
    def test_names_of_loss_parts(self, tmp_path, good, name):
        """They head the columns of losses.csv and stand in the legend of losses.png, where a formula would be drawn."""
        header = header_of(good)
        header["tables"]["evaluations"]["type"][-1][0] = name
        (tmp_path / "run.h5").write_bytes(with_header(good, header))
        assert "its tables are not those of a run" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("text", [b"[" * 90_000, b"{", b"\xff", b"9" * 5000])
    def test_descriptions_that_are_no_json(self, tmp_path, text):
        path = tmp_path / "run.h5"
        path.touch()
        image = table(np.zeros((1, 3, 4, 5), np.float32))
        write_tables(path, {"run": "7"}, {"description": table(np.array(text)), "start_image": image})
        assert "description is not what a transfer writes" in refused(path)

    def test_sparse_giants(self, tmp_path, good):
        """Sizes that fill no disk but would fill the memory, or take hours."""
        header, end = header_of(good), len(good)
        side = 2**15
        for count in (1, 30, 2**20):
            header["size"] = end + (count + 1) * 12 * side**2
            header["tables"]["start_image"].update(offset=end, shape=[1, 3, side, side])
            header["tables"]["images"].update(offset=end + 12 * side**2, shape=[count, 3, side, side])
            path = tmp_path / "run.h5"
            path.write_bytes(with_header(good, header))
            with contextlib.suppress(OSError):  # larger than this file system's files can be
                os.truncate(path, header["size"])
            refused(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("style_layers", [["a"], ["b"]]),
        ("style_layers", [{}]),
        ("ac_layer_weights", [10**400]),
        ("ac_layer_weights", [float("nan")]),
        ("duration", 10**400),
        ("duration", "10"),
        ("seed", 1.5),
        ("seed", None),
        ("rowac", 1),
        ("pooling", ["max"]),
        ("pooling", {}),
        ("spec_zoom", True),
        ("unheard", "of"),
        ("\x1b[31mred\n", 1),
        ("x" * 5000, 1),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_settings_of_strangers(name, value):
    """What a description may hold is not yet what a setting may be."""
    with pytest.raises(InputError) as error:
        Settings.from_record({name: value})
    assert len(str(error.value)) < 800
    assert str(error.value).isprintable()


def _flip(chance, data):
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(chance, data):
    del data[chance.randrange(len(data)) :]


def _insert(chance, data):
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 100))


def _remove(chance, data):
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 1000)]


def _overwrite(chance, data):
    at = chance.randrange(len(data))
    length = chance.randrange(1, 5000)
    data[at : at + length] = chance.randbytes(len(data[at : at + length]))


@FUZZ
@given(
    seed=st.integers(0, 2**32),
    kinds=st.lists(st.sampled_from([_flip, _cut, _insert, _remove, _overwrite]), min_size=1, max_size=4),
)
def test_mutated_archives(tmp_path, good_path, seed, kinds):
    chance, data = random.Random(seed), bytearray(good_path.read_bytes())
    for kind in kinds:
        if data:
            kind(chance, data)
    path = tmp_path / "run.h5"
    path.write_bytes(data)
    run = try_to_read(path)
    if run is not None:
        # HDF5's own structure is all that can change unnoticed.
        intact = Archive.read(good_path)
        assert run.rows.tobytes() == intact.rows.tobytes()
        assert run.description == intact.description
        assert all(a.image.tobytes() == b.image.tobytes() for a, b in zip(run.rounds, intact.rounds, strict=True))


@FUZZ
@given(tail=st.binary(max_size=3000), magic=st.booleans())
def test_random_bytes(tmp_path, tail, magic):
    (tmp_path / "run.h5").write_bytes((MAGIC if magic else b"") + tail)
    assert try_to_read(tmp_path / "run.h5") is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(data=st.data())
def test_sealed_headers_of_any_content(tmp_path, good_path, data):
    good = good_path.read_bytes()
    header = header_of(good)
    for _ in range(data.draw(st.integers(1, 3))):
        target = header
        name = data.draw(st.sampled_from(sorted(target)))
        while isinstance(target[name], dict) and target[name] and data.draw(st.integers(0, 3)):
            target = target[name]
            name = data.draw(st.sampled_from(sorted(target)))
        near = st.integers(0, 20) | st.integers(0, len(good))
        target[name] = data.draw(_VALUES | near | st.lists(near, max_size=5))
    (tmp_path / "run.h5").write_bytes(with_header(good, header))
    try_to_read(tmp_path / "run.h5")


@FUZZ
@given(data=st.data())
def test_descriptions_of_any_content(tmp_path, description, data):
    other = json.loads(json.dumps(description))
    for _ in range(data.draw(st.integers(1, 3))):
        target = other
        name = data.draw(st.sampled_from(sorted(target)))
        while isinstance(target[name], dict) and target[name] and data.draw(st.integers(0, 3)):
            target = target[name]
            name = data.draw(st.sampled_from(sorted(target)))
        target[name] = data.draw(_VALUES | st.just(10**400))
    path = tmp_path / "run.h5"
    path.write_bytes(b"")
    image = np.zeros((1, 3, 4, 5), np.float32)
    empty = {
        "rounds": np.empty(0, RECORD),
        "evaluations": np.empty(0, row_type(())),
        "images": np.empty((0, *image.shape[1:]), "f4"),
    }
    text = np.array(json.dumps(other).encode())
    write_tables(
        path,
        {"run": "7"},
        {name: table(one) for name, one in {"description": text, "start_image": image, **empty}.items()},
    )
    try_to_read(path)
