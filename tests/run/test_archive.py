"""What goes into run.h5 comes out of it, by our reader and by plain h5py."""

import dataclasses
import errno
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from audiostyle.errors import InputError, RunError
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.archive import Archive, archive_size
from audiostyle.run.archived import ArchivedRun
from audiostyle.run.folder import RunFolder

START = np.linspace(-128, 128, 60, dtype=np.float32).reshape(1, 3, 4, 5)
PARTS = ("content", "style_conv1_1", "row_autocorrelation")


def assert_holds(run: ArchivedRun, expected: list[tuple[Round, list[Evaluation]]]) -> None:
    """Every number of every round is there, bit for bit."""
    assert len(run.rounds) == len(expected)
    for found, (wanted, _) in zip(run.rounds, expected, strict=True):
        assert found.image.dtype == wanted.image.dtype
        np.testing.assert_array_equal(found.image, wanted.image)
        nothing = np.empty(0)
        assert dataclasses.replace(found, image=nothing) == dataclasses.replace(wanted, image=nothing)
    assert list(run.evaluations) == [one for _, records in expected for one in records]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parts", [PARTS, ()])
@pytest.mark.parametrize("room", [0, 2, 3, 9])
def test_what_is_written_is_read(
    tmp_path: Path, finished_round, description: dict, room: int, parts: tuple, dtype: str
) -> None:
    start = START.astype(dtype)
    expected = [finished_round(index, dtype=dtype) for index in (1, 2, 3)]
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, start, rounds=room, max_evaluations=0, parts=parts)
        for count, (finished, evaluations) in enumerate(expected):
            assert archive.finished == count
            assert_holds(Archive.read(tmp_path / "run.h5"), expected[:count])
            archive.append_round(finished, evaluations)
        before = Archive.read(tmp_path / "run.h5")
        archive.finish()
        assert sorted(os.listdir(tmp_path)) == [".audiostyle-lock", "run.h5"]
    for run in (before, Archive.read(tmp_path / "run.h5")):
        assert_holds(run, expected)
        assert run.schema == 1
        assert run.description == description
        assert run.settings == description["settings"]
        assert run.hashes == {"content": "c" * 64, "style": "5" * 64, "weights": "3" * 64}
        np.testing.assert_array_equal(run.start_image, start)
        np.testing.assert_array_equal(run.last_image, expected[-1][0].image)
        assert run.last_image.flags.writeable


def test_plain_h5py_in_three_lines(tmp_path: Path, finished_round, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START, rounds=5, max_evaluations=40, parts=PARTS)
        for index in (1, 2):
            archive.append_round(*finished_round(index))
        with h5py.File(tmp_path / "run.h5") as run:
            # The archive of a run that is going on, or was killed: rounds beyond the count do not exist.
            assert run["finished_rounds"][()] == 2
            assert run["images"].shape == (5, 3, 4, 5)
            np.testing.assert_array_equal(run["images"][1], finished_round(2)[0].image[0])
        archive.finish()
    with h5py.File(tmp_path / "run.h5") as run:
        assert run.attrs["schema"] == 1
        assert run.attrs["creator"].startswith("AudioStyle")
        assert json.loads(run["description"][()]) == description
        np.testing.assert_array_equal(run["start_image"], START)
        np.testing.assert_array_equal(run["images"][-1], finished_round(2)[0].image[0])
        assert run["images"].shape == (2, 3, 4, 5)
        assert run["rounds"]["message"].tolist() == [b"message 1", b"message 2"]
        assert run["rounds"]["nit"].tolist() == [7, 7]
        assert run["evaluations"].dtype.names == ("round", "index", "total", "seconds", *PARTS)
        totals = [one.total for index in (1, 2) for one in finished_round(index)[1]]
        assert run["evaluations"]["total"].tolist() == totals


def test_the_hdf5_part_is_where_a_user_block_ends(tmp_path: Path, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        Archive.create(folder, description, START)
    with h5py.File(tmp_path / "run.h5") as run:
        assert run.userblock_size == 16384
    assert (tmp_path / "run.h5").read_bytes().startswith(b"AudioStyle run archive\n{")


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, finished_round, description: dict) -> None:
    for name in ("one", "two"):
        with RunFolder(tmp_path / name) as folder:
            archive = Archive.create(folder, description, START, rounds=2, parts=PARTS)
            archive.append_round(*finished_round(1))
            archive.finish()
        time.sleep(1.1)  # HDF5 can record the second in which a table was made
    assert (tmp_path / "one" / "run.h5").read_bytes() == (tmp_path / "two" / "run.h5").read_bytes()


def test_odd_numbers_and_messages(tmp_path: Path, description: dict) -> None:
    image = np.full((1, 3, 4, 5), np.nan, np.float32)
    image[0, 0, 0, :3] = -0.0, np.inf, np.float32(1e-45)
    finished = Round(1, image, float("inf"), 1, "Zeile\n\N{SNOWMAN}" + "x" * 500, -1, 0, 0.0)
    evaluation = Evaluation(1, 1, {"content": float("nan"), "style": 5e-324}, float("inf"), 0.0)
    with RunFolder(tmp_path) as folder:
        Archive.create(folder, description, START).append_round(finished, [evaluation])
    run = Archive.read(tmp_path / "run.h5")
    assert run.rounds[0].image.tobytes() == image.tobytes()
    assert run.rounds[0].message == ("Zeile\n?" + "x" * 500)[:128]
    assert np.isnan(run.evaluations[0].parts["content"])
    assert run.evaluations[0].parts["style"] == 5e-324


def test_a_part_that_appears_late(tmp_path: Path, finished_round, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START, rounds=3, max_evaluations=40, parts=("content",))
        archive.append_round(*finished_round(1, parts=("content",)))
        archive.append_round(*finished_round(2, parts=("content", "new")))
    run = Archive.read(tmp_path / "run.h5")
    assert run.rows.dtype.names == ("round", "index", "total", "seconds", "content", "new")
    assert np.isnan(run.rows["new"]).tolist() == [True] * 3 + [False] * 3
    assert [one.parts["content"] for one in run.evaluations[:3]] == [
        one.parts["content"] for one in finished_round(1, parts=("content",))[1]
    ]


def test_a_round_without_evaluations(tmp_path: Path, finished_round, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START)
        archive.append_round(finished_round(1)[0], [])
        archive.finish()
    assert len(Archive.read(tmp_path / "run.h5").rounds) == 1


def test_programming_errors_do_not_reach_the_file(tmp_path: Path, finished_round, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START)
        before = (tmp_path / "run.h5").read_bytes()
        with pytest.raises(ValueError, match="cannot follow"):
            archive.append_round(*finished_round(2))
        with pytest.raises(ValueError, match="another kind"):
            archive.append_round(*finished_round(1, shape=(5, 4)))
        with pytest.raises(ValueError, match="another kind"):
            archive.append_round(*finished_round(1, dtype="float64"))
        with pytest.raises(ValueError, match="another round"):
            archive.append_round(finished_round(1)[0], finished_round(2)[1])
        with pytest.raises(ValueError, match="float32 or float64"):
            Archive.create(folder, description, START.astype(int))
        assert (tmp_path / "run.h5").read_bytes() == before


def test_creating_removes_the_run_that_is_overwritten(tmp_path: Path, finished_round, description: dict) -> None:
    with RunFolder(tmp_path) as folder:
        Archive.create(folder, description, START).append_round(*finished_round(1))
        folder.write_bytes("output.wav", b"old")
    with RunFolder(tmp_path, overwrite=True) as folder:
        Archive.create(folder, description, START)
        assert sorted(os.listdir(tmp_path)) == [".audiostyle-lock", "run.h5"]
    assert Archive.read(tmp_path / "run.h5").rounds == ()


class TestBytesWritten:
    """A run of any length costs a few times its own size."""

    @staticmethod
    def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work) -> int:
        written = 0
        pwrite = os.pwrite

        def counting(descriptor: int, data: Any, at: int) -> int:
            nonlocal written
            count = pwrite(descriptor, data, at)
            written += count
            return count

        monkeypatch.setattr(os, "pwrite", counting)
        work()
        return written

    def test_of_a_run_with_room_reserved(self, tmp_path: Path, monkeypatch, finished_round, description: dict) -> None:
        rounds = [finished_round(index, shape=(96, 50)) for index in range(1, 41)]

        def work() -> None:
            start = np.zeros((1, 3, 96, 50), np.float32)
            with RunFolder(tmp_path) as folder:
                archive = Archive.create(folder, description, start, rounds=40, max_evaluations=40, parts=PARTS)
                for one in rounds:
                    archive.append_round(*one)

        size = 41 * 12 * 96 * 50
        assert size < self.count(tmp_path, monkeypatch, work) < 1.05 * size

    def test_of_a_run_without(self, tmp_path: Path, monkeypatch, finished_round, description: dict) -> None:
        rounds = [finished_round(index, shape=(96, 50)) for index in range(1, 41)]

        def work() -> None:
            start = np.zeros((1, 3, 96, 50), np.float32)
            with RunFolder(tmp_path) as folder:
                archive = Archive.create(folder, description, start)
                for one in rounds:
                    archive.append_round(*one)
                archive.finish()

        assert self.count(tmp_path, monkeypatch, work) < 5 * 41 * 12 * 96 * 50

    def test_the_estimate_is_what_is_reserved(self, tmp_path: Path, description: dict) -> None:
        start = np.zeros((1, 3, 96, 854), np.float32)
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, start, rounds=10, max_evaluations=40, parts=PARTS)
        found = os.stat(tmp_path / "run.h5")
        estimate = archive_size(96, 854, 10, 40, PARTS)
        assert found.st_size <= estimate < found.st_size + 150_000
        assert found.st_blocks * 512 >= found.st_size

    def test_a_very_long_run_reserves_little(self) -> None:
        assert archive_size(856, 512, 100_000, 10**6, PARTS) < 1.2e9


class TestResume:
    def test_goes_on_with_the_same_numbers(self, tmp_path: Path, finished_round, description: dict) -> None:
        expected = [finished_round(index) for index in range(1, 6)]
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START, rounds=5, max_evaluations=3, parts=PARTS)
            for one in expected[:2]:
                archive.append_round(*one)
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description, rounds=5, max_evaluations=3)
            assert archive.finished == 2
            assert_holds(run, expected[:2])
            np.testing.assert_array_equal(run.last_image, expected[1][0].image)
            for one in expected[2:]:
                archive.append_round(*one)
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), expected)

    def test_before_the_first_round_it_starts_at_the_start(self, tmp_path: Path, description: dict) -> None:
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).finish()
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description)
        assert archive.finished == 0
        np.testing.assert_array_equal(run.last_image, START)

    def test_more_iterations_after_the_end(self, tmp_path: Path, finished_round, description: dict) -> None:
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START, rounds=1)
            archive.append_round(*finished_round(1))
            archive.finish()
        longer = {**description, "settings": {**description["settings"], "iterations": 60}}
        longer["versions"] = {"numpy": "1.23.6"}
        with RunFolder(tmp_path, resume=True) as folder:
            archive, _ = Archive.resume(folder, longer, rounds=3)
            archive.append_round(*finished_round(2))
        run = Archive.read(tmp_path / "run.h5")
        assert len(run.rounds) == 2
        assert run.settings["iterations"] == 60
        assert run.description["versions"] == {"numpy": "1.23.5"}
        assert [(time["after_round"], time["versions"]) for time in run.description["resumed"]] == [
            (1, {"numpy": "1.23.6"})
        ]

    def test_another_run_is_refused_and_left_alone(self, tmp_path: Path, finished_round, description: dict) -> None:
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).append_round(*finished_round(1))
        before = (tmp_path / "run.h5").read_bytes()
        other = {**description, "weights": {"sha256": "0" * 64}}
        with pytest.raises(InputError, match="other weights"), RunFolder(tmp_path, resume=True) as folder:
            Archive.resume(folder, other)
        assert (tmp_path / "run.h5").read_bytes() == before


class TestWhenTheSystemRefuses:
    @pytest.mark.parametrize("call", ["pwrite", "fsync", "open"])
    def test_the_rounds_before_are_kept(
        self, tmp_path: Path, monkeypatch, finished_round, description: dict, call: str
    ) -> None:
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START, rounds=5, max_evaluations=3, parts=PARTS)
            archive.append_round(*finished_round(1))

            def refuse(*arguments: Any) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            with monkeypatch.context() as patch:
                patch.setattr(os, call, refuse)
                with pytest.raises(RunError, match=r"Round 2 could not be written to .*: the disk is full; free some "):
                    archive.append_round(*finished_round(2))
            assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])
            archive.append_round(*finished_round(2))
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1), finished_round(2)])

    @pytest.mark.parametrize("limit", [100, 20_000, 60_000, 400_000])
    def test_a_file_size_limit_shows_at_the_start(
        self, tmp_path: Path, in_child, description: dict, limit: int
    ) -> None:
        def create(pipe: int) -> None:
            with RunFolder(tmp_path / "run") as folder:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                Archive.create(folder, description, np.zeros((1, 3, 96, 50), np.float32), rounds=9)

        status, said = in_child(create)
        assert status == 1
        assert said.startswith(b"RunError")
        assert b"file-size limit" in said
        assert os.listdir(tmp_path) == []

    def test_the_hdf5_library_never_meets_a_full_disk(self, tmp_path: Path, monkeypatch, description: dict) -> None:
        def refuse(*arguments: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        monkeypatch.setattr(h5py, "File", None)
        with pytest.raises(RunError, match="disk is full"), RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START)
        assert os.listdir(tmp_path) == []

    def test_but_if_it_does_its_words_are_understood(self, tmp_path: Path, monkeypatch, description: dict) -> None:
        def refuse(*arguments: Any, **keywords: Any) -> None:
            raise RuntimeError("Can't decrement id ref count (unable to extend file properly, errno = 28, ...)")

        monkeypatch.setattr(h5py, "File", refuse)
        with pytest.raises(RunError, match="disk is full"), RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START)

    def test_or_when_the_archive_has_to_grow(self, tmp_path: Path, in_child, finished_round, description: dict) -> None:
        rounds = [finished_round(index, shape=(96, 50)) for index in range(1, 9)]

        def write(pipe: int) -> None:
            with RunFolder(tmp_path) as folder:
                archive = Archive.create(folder, description, np.zeros((1, 3, 96, 50), np.float32), parts=PARTS)
                resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
                for one in rounds:
                    archive.append_round(*one)
                    os.write(pipe, b".")

        status, said = in_child(write)
        assert status == 1
        assert b"RunError" in said
        assert_holds(Archive.read(tmp_path / "run.h5"), rounds[: said.count(b".", 0, said.index(b"R"))])
        assert os.listdir(tmp_path) == ["run.h5"]

    def test_the_folder_is_removed_meanwhile(self, tmp_path: Path, finished_round, description: dict) -> None:
        with RunFolder(tmp_path / "run") as folder:
            archive = Archive.create(folder, description, START, rounds=5, max_evaluations=3, parts=PARTS)
            for name in os.listdir(tmp_path / "run"):
                (tmp_path / "run" / name).unlink()
            (tmp_path / "run").rmdir()
            with pytest.raises(RunError, match="not there any more"):
                archive.append_round(*finished_round(1))

    def test_no_room_to_compact_is_no_error(self, tmp_path: Path, monkeypatch, finished_round, description) -> None:
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START, rounds=5, max_evaluations=3, parts=PARTS)
            archive.append_round(*finished_round(1))

            def refuse(*arguments: Any) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(os, "posix_fallocate", refuse)
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])

    def test_a_file_system_without_reservations(self, tmp_path: Path, monkeypatch, finished_round, description) -> None:
        def refuse(*arguments: Any) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).append_round(*finished_round(1))
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])

    def test_an_archive_that_somebody_changed_meanwhile(self, tmp_path: Path, finished_round, description) -> None:
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))
            (tmp_path / "run.h5").write_bytes(b"something else")
            with pytest.raises(RunError, match="changed while the run went on"):
                archive.finish()
