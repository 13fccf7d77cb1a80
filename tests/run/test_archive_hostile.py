"""Whatever bytes run.h5 is made of: an archive, or one sentence, at once."""

import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiostyle.errors import InputError
from audiostyle.run.archive import Archive
from audiostyle.run.archived import ArchivedRun
from audiostyle.run.folder import RunFolder

MAGIC = b"AudioStyle run archive\n"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(path: Path | str | bytes) -> str:
    """Return the sentence with which a file is refused."""
    begun = time.perf_counter()
    with pytest.raises(InputError) as error:
        Archive.read(path)
    assert time.perf_counter() - begun < 2
    text = str(error.value)
    assert text.startswith("The run archive ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def try_to_read(path: Path) -> ArchivedRun | None:
    """Read a file that may be refused, and everything in it if it is not."""
    try:
        run = Archive.read(path)
    except InputError:
        return None
    for one in run.rounds:
        one.image.sum()
    assert len(run.evaluations) == len(run.rows)
    assert isinstance(run.settings, dict)
    assert run.last_image.shape == run.start_image.shape
    return run


@pytest.fixture(scope="module")
def good_path(tmp_path_factory: pytest.TempPathFactory, finished_round, description: dict) -> Path:
    """An archive with two rounds and room for a third."""
    path = tmp_path_factory.mktemp("good")
    with RunFolder(path) as folder:
        start = np.zeros((1, 3, 4, 5), np.float32)
        archive = Archive.create(folder, description, start, rounds=3, max_evaluations=3, parts=("content", "style"))
        for index in (1, 2):
            archive.append_round(*finished_round(index, parts=("content", "style")))
    return path / "run.h5"


@pytest.fixture
def good(good_path: Path) -> bytes:
    """Its bytes."""
    return good_path.read_bytes()


def header_of(data: bytes) -> dict[str, Any]:
    return json.loads(data[len(MAGIC) :].split(b"\n")[0])


def with_header(data: bytes, header: Any) -> bytes:
    """Give an archive another header that is sealed as ours is."""
    text = json.dumps(header).encode()
    sealed = MAGIC + text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"
    return sealed.ljust(16384, b"\0") + data[16384:]


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
        ],
    )
    def test_other_bytes(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "run.h5").write_bytes(content)
        assert words in refused(tmp_path / "run.h5")

    def test_nothing(self, tmp_path: Path) -> None:
        assert "no such file" in refused(tmp_path / "run.h5")

    def test_things_that_are_no_files(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "loop").symlink_to("loop")
        for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
            assert "not a file" in refused(path)
        assert "symbolic links" in refused(tmp_path / "loop")
        assert "folder" in refused(Path("/dev/null/run.h5"))

    def test_a_name_that_is_no_text(self, tmp_path: Path) -> None:
        path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.h5")
        Path(path).write_bytes(b"?")
        assert refused(path).isascii()

    @pytest.mark.parametrize("userblock", [0, 512, 8192])
    def test_other_hdf5(self, tmp_path: Path, userblock: int) -> None:
        path = tmp_path / "run.h5"
        with h5py.File(path, "w", userblock_size=userblock) as file:
            file["data"] = [1, 2, 3]
            file.attrs["schema"] = 1
        assert "HDF5 file, but not one that a transfer wrote" in refused(path)

    def test_links_and_huge_shapes(self, tmp_path: Path) -> None:
        path = tmp_path / "run.h5"
        with h5py.File(path, "w") as file:
            file["images"] = h5py.ExternalLink("/etc/passwd", "/")
            file.create_dataset("start_image", (2**40, 2**20), "f4", chunks=True)
        assert "HDF5 file" in refused(path)

    def test_an_archive_that_another_tool_rewrote(self, tmp_path: Path, good: bytes) -> None:
        path = tmp_path / "run.h5"
        path.write_bytes(good[16384:])
        assert "HDF5 file" in refused(path)


class TestDamage:
    def test_the_good_one_is_good(self, tmp_path: Path, good: bytes) -> None:
        (tmp_path / "run.h5").write_bytes(good)
        assert len(Archive.read(tmp_path / "run.h5").rounds) == 2

    @pytest.mark.parametrize("left", [1, 100, 16383, 16384, 20_000, -1])
    def test_cut_short(self, tmp_path: Path, good: bytes, left: int) -> None:
        (tmp_path / "run.h5").write_bytes(good[:left])
        assert "cut short" in refused(tmp_path / "run.h5")

    def test_something_after_the_end(self, tmp_path: Path, good: bytes) -> None:
        (tmp_path / "run.h5").write_bytes(good + b"x")
        assert "has grown" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize(
        ("table", "at", "words"),
        [
            ("description", 3, "its description or its start image is damaged"),
            ("start_image", 100, "its description or its start image is damaged"),
            ("images", 0, "its round 1 is damaged"),
            ("images", 250, "its round 2 is damaged"),
            ("rounds", 8, "its round 1 is damaged"),
            ("rounds", 0, "the record of its round 1 is damaged"),
            ("evaluations", 20, "its round 1 is damaged"),
            ("finished_rounds", 1, "finished rounds"),
            ("finished_rounds", 7, "finished rounds"),
        ],
    )
    def test_a_changed_byte(self, tmp_path: Path, good: bytes, table: str, at: int, words: str) -> None:
        data = bytearray(good)
        data[header_of(good)["offsets"][table] + at] ^= 0x80
        (tmp_path / "run.h5").write_bytes(data)
        assert words in refused(tmp_path / "run.h5")

    def test_a_changed_byte_of_hdf5(self, tmp_path: Path, good: bytes) -> None:
        data = bytearray(good)
        data[16384 + 40] ^= 1
        (tmp_path / "run.h5").write_bytes(data)
        assert "HDF5 structure is damaged" in refused(tmp_path / "run.h5")

    def test_a_count_of_rounds_that_were_never_written(self, tmp_path: Path, good: bytes) -> None:
        data = bytearray(good)
        data[header_of(good)["offsets"]["finished_rounds"]] = 3
        (tmp_path / "run.h5").write_bytes(data)
        assert "round 3 is damaged" in refused(tmp_path / "run.h5")

    def test_what_is_beyond_the_count_does_not_matter(self, tmp_path: Path, good: bytes) -> None:
        data = bytearray(good)
        data[header_of(good)["offsets"]["images"] + 2 * 240] ^= 1
        (tmp_path / "run.h5").write_bytes(data)
        assert len(Archive.read(tmp_path / "run.h5").rounds) == 2


class TestSealedByAnEnemy:
    """Headers with a right checksum and wrong words."""

    def test_a_newer_version(self, tmp_path: Path, good: bytes) -> None:
        (tmp_path / "run.h5").write_bytes(with_header(good, {**header_of(good), "schema": 2, "unheard": "of"}))
        assert "has version 2, and this version of AudioStyle reads version 1" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize(
        "change",
        [
            {"size": 2**50},
            {"size": -1},
            {"size": 1.5},
            {"size": True},
            {"height": 2**29, "width": 2**29},
            {"height": 0},
            {"rounds": 2**40},
            {"rounds": -1},
            {"evaluations": 2**50},
            {"description": 2**40},
            {"parts": ["same", "same"]},
            {"parts": ["total"]},
            {"parts": "content"},
            {"parts": [1]},
            {"parts": [""]},
            {"number": "|O"},
            {"number": ["<f4"]},
            {"offsets": {}},
            {"offsets": None},
            {"sha256": {}},
            {"sha256": None},
        ],
        ids=str,
    )
    def test_sizes_that_cannot_be(self, tmp_path: Path, good: bytes, change: dict) -> None:
        (tmp_path / "run.h5").write_bytes(with_header(good, {**header_of(good), **change}))
        assert "contradicts itself" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("header", [None, [], "header", 7, {}, {"schema": [[]]}, {"schema": 1}, {"schema": True}])
    def test_other_json(self, tmp_path: Path, good: bytes, header: Any) -> None:
        (tmp_path / "run.h5").write_bytes(with_header(good, header))
        refused(tmp_path / "run.h5")

    def test_a_table_outside_the_file(self, tmp_path: Path, good: bytes) -> None:
        header = header_of(good)
        for offset in (0, -8, 10**9, header["size"] - 100, None, "1"):
            header["offsets"]["images"] = offset
            (tmp_path / "run.h5").write_bytes(with_header(good, header))
            assert "contradicts itself" in refused(tmp_path / "run.h5")

    @pytest.mark.parametrize("text", ["[]", "[" * 90_000, '{"settings": []}', "{", "\xff"])
    def test_other_descriptions(self, tmp_path: Path, description: dict, text: str, monkeypatch) -> None:
        monkeypatch.setattr("audiostyle.run.archive._pack", lambda description: text.encode("latin1"))
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, np.zeros((1, 3, 4, 5), np.float32))
        assert "description is not what a transfer writes" in refused(tmp_path / "run.h5")

    def test_a_sparse_giant(self, tmp_path: Path, good: bytes) -> None:
        header = header_of(good)
        header["size"] = 2**42
        path = tmp_path / "run.h5"
        path.write_bytes(with_header(good, header))
        os.truncate(path, 2**42)
        assert "contradicts itself" in refused(path)

    def test_a_sparse_image_that_fills_no_disk_but_would_fill_the_memory(self, tmp_path: Path, good: bytes) -> None:
        header, end = header_of(good), len(good)
        header.update(height=2**15, width=2**15, rounds=1, size=end + 2 * 12 * 2**30)
        header["offsets"].update(start_image=end, images=end + 12 * 2**30)
        path = tmp_path / "run.h5"
        path.write_bytes(with_header(good, header))
        os.truncate(path, header["size"])
        assert "contradicts itself" in refused(path)


def _flip(chance: random.Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _insert(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 100))


def _remove(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 1000)]


def _overwrite(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    length = chance.randrange(1, 5000)
    data[at : at + length] = chance.randbytes(len(data[at : at + length]))


@FUZZ
@given(
    seed=st.integers(0, 2**32),
    kinds=st.lists(st.sampled_from([_flip, _cut, _insert, _remove, _overwrite]), min_size=1, max_size=4),
)
def test_mutated_archives(
    tmp_path: Path, good_path: Path, seed: int, kinds: list[Callable[[random.Random, bytearray], None]]
) -> None:
    chance, data = random.Random(seed), bytearray(good_path.read_bytes())
    for kind in kinds:
        if data:
            kind(chance, data)
    path = tmp_path / "run.h5"
    path.write_bytes(data)
    run = try_to_read(path)
    if run is not None:
        # Only what is beyond the finished rounds can change unnoticed.
        intact = Archive.read(good_path)
        assert run.rows.tobytes() == intact.rows.tobytes()
        assert all(a.image.tobytes() == b.image.tobytes() for a, b in zip(run.rounds, intact.rounds, strict=True))


@FUZZ
@given(tail=st.binary(max_size=3000), magic=st.booleans())
def test_random_bytes(tmp_path: Path, tail: bytes, magic: bool) -> None:
    (tmp_path / "run.h5").write_bytes((MAGIC if magic else b"") + tail)
    assert try_to_read(tmp_path / "run.h5") is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(data=st.data())
def test_sealed_headers_of_any_content(tmp_path: Path, good_path: Path, data: st.DataObject) -> None:
    good = good_path.read_bytes()
    header = header_of(good)
    for name in data.draw(st.lists(st.sampled_from(sorted(header)), min_size=1, max_size=3, unique=True)):
        target = header
        if name in ("offsets", "sha256") and isinstance(header[name], dict) and data.draw(st.booleans()):
            target, name = header[name], data.draw(st.sampled_from(sorted(header[name])))
        near = st.integers(0, 20) | st.integers(0, len(good))
        target[name] = data.draw(_VALUES | near)
    (tmp_path / "run.h5").write_bytes(with_header(good, header))
    try_to_read(tmp_path / "run.h5")
