"""What goes into run.h5 comes out of it, by our reader and by plain h5py."""

import dataclasses
import errno
import json
import os
import resource
import time
import uuid

import h5py
import numpy as np
import pytest

from audiostyle.errors import InputError, RunError
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.archive import Archive, largest_size
from audiostyle.run.folder import RunFolder

START = np.linspace(-128, 128, 60, dtype=np.float32).reshape(1, 3, 4, 5)
PARTS = ("content", "style_conv1_1", "row_autocorrelation")


def names(folder):
    return sorted(os.listdir(folder))


def assert_holds(run, expected):
    """Every number of every round is there, bit for bit."""
    assert len(run.rounds) == len(expected)
    for found, (wanted, _) in zip(run.rounds, expected, strict=True):
        assert found.image.dtype == wanted.image.dtype
        np.testing.assert_array_equal(found.image, wanted.image)
        assert dataclasses.replace(found, image=None) == dataclasses.replace(wanted, image=None)
    assert list(run.evaluations) == [one for _, records in expected for one in records]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parts", [PARTS, ()])
def test_what_is_written_is_read(tmp_path, finished_round, description, parts, dtype):
    start = START.astype(dtype)
    expected = [finished_round(index, dtype=dtype, parts=parts) for index in (1, 2, 3)]
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, start)
        for count, (finished, evaluations) in enumerate(expected):
            assert archive.finished == count
            assert_holds(Archive.read(tmp_path / "run.h5"), expected[:count])
            archive.append_round(finished, evaluations)
        assert_holds(Archive.read(tmp_path / "run.h5"), expected)
        assert names(tmp_path) == [".audiostyle-lock", "run.0001.h5", "run.0002.h5", "run.0003.h5", "run.h5"]
        archive.finish()
        assert names(tmp_path) == [".audiostyle-lock", "run.h5"]
    run = Archive.read(tmp_path / "run.h5")
    assert_holds(run, expected)
    assert run.description == description
    assert run.settings == description["settings"]
    assert run.hashes == {"content": "c" * 64, "style": "5" * 64, "weights": "3" * 64}
    np.testing.assert_array_equal(run.start_image, start)
    np.testing.assert_array_equal(run.last_image, expected[-1][0].image)
    assert run.last_image.flags.writeable
    assert [one.index for one in run.rounds[1:]] == [2, 3]


def test_plain_h5py_in_three_lines(tmp_path, finished_round, description):
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START)
        for index in (1, 2):
            archive.append_round(*finished_round(index))
        with h5py.File(tmp_path / "run.0002.h5") as run:
            np.testing.assert_array_equal(run["images"][0], finished_round(2)[0].image[0])
            assert run["rounds"]["index"].tolist() == [2]
        archive.finish()
    with h5py.File(tmp_path / "run.h5") as run:
        assert run.attrs["schema"] == 2
        assert run.attrs["creator"].startswith("AudioStyle")
        assert run.attrs["run"] == Archive.read(tmp_path / "run.h5").run_id
        assert json.loads(run["description"][()]) == description
        np.testing.assert_array_equal(run["start_image"], START)
        np.testing.assert_array_equal(run["images"][-1], finished_round(2)[0].image[0])
        assert run["images"].shape == (2, 3, 4, 5)
        assert run["rounds"]["message"].tolist() == [b"message 1", b"message 2"]
        assert run["rounds"]["nit"].tolist() == [7, 7]
        assert run["evaluations"].dtype.names == ("round", "index", "total", "seconds", *PARTS)
        totals = [one.total for index in (1, 2) for one in finished_round(index)[1]]
        assert run["evaluations"]["total"].tolist() == totals


def test_the_same_run_gives_the_same_bytes(tmp_path, finished_round, description, monkeypatch):
    # All but the name of the part that is renamed, and the run's random id.
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    for name in ("one", "two"):
        with RunFolder(tmp_path / name) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))
            archive.finish()
        time.sleep(1.1)  # HDF5 can record the second in which a table was made
    assert (tmp_path / "one" / "run.h5").read_bytes() == (tmp_path / "two" / "run.h5").read_bytes()


def test_odd_numbers_and_messages(tmp_path, description):
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


def test_a_part_that_appears_late(tmp_path, finished_round, description):
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START)
        archive.append_round(*finished_round(1, parts=("content",)))
        archive.append_round(*finished_round(2, parts=("content", "new")))
    run = Archive.read(tmp_path / "run.h5")
    assert run.rows.dtype.names == ("round", "index", "total", "seconds", "content", "new")
    assert np.isnan(run.rows["new"]).tolist() == [True] * 3 + [False] * 3
    assert [one.parts["content"] for one in run.evaluations[:3]] == [
        one.parts["content"] for one in finished_round(1, parts=("content",))[1]
    ]


def test_a_round_without_evaluations(tmp_path, finished_round, description):
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, START)
        archive.append_round(finished_round(1)[0], [])
        archive.finish()
    assert len(Archive.read(tmp_path / "run.h5").rounds) == 1


def test_programming_errors_do_not_reach_the_file(tmp_path, finished_round, description):
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


def test_creating_removes_the_run_that_is_overwritten(tmp_path, finished_round, description):
    with RunFolder(tmp_path) as folder:
        Archive.create(folder, description, START).append_round(*finished_round(1))
        folder.write_bytes("output.wav", b"old")
    with RunFolder(tmp_path, overwrite=True) as folder:
        Archive.create(folder, description, START)
        assert sorted(os.listdir(tmp_path)) == [".audiostyle-lock", "run.h5"]
    assert len(Archive.read(tmp_path / "run.h5").rounds) == 0


def test_every_byte_is_written_twice(tmp_path, monkeypatch, finished_round, description):
    """Once into the round's file, once into the archive, however long the run; and no file is larger than was said."""
    written, pwrite = 0, os.pwrite

    def counting(descriptor, data, at):
        nonlocal written
        written += (count := pwrite(descriptor, data, at))
        return count

    monkeypatch.setattr(os, "pwrite", counting)
    start = np.zeros((1, 3, 96, 50), np.float32)
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, start)
        for index in range(1, 41):
            archive.append_round(*finished_round(index, shape=(96, 50)))
        parts = sum(path.stat().st_size for path in tmp_path.glob("run.0*.h5"))
        archive.finish()
    size = 41 * 12 * 96 * 50
    assert size < written < 2.5 * size
    largest = largest_size(start, 40, 3, len(PARTS))
    assert (tmp_path / "run.h5").stat().st_size <= largest < 2 * size
    assert parts <= largest


class TestState:
    """What the optimiser keeps between two rounds, where its memory does not start empty."""

    @staticmethod
    def states(count):
        numbers = np.random.RandomState(0)
        return [{"s": numbers.rand(10, 60), "rho": numbers.rand(10), "n": np.array([3])} for _ in range(count)]

    def test_that_of_the_last_round_is_kept(self, tmp_path, finished_round, description):
        states = self.states(3)
        rounds = [(dataclasses.replace(one, state=state), records) for state, (one, records) in zip(
            states, map(finished_round, (1, 2, 3)), strict=True)]  # fmt: skip
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            for one in rounds[:2]:
                archive.append_round(*one)
            self.check(tmp_path, states[:2])
            archive.finish()
            self.check(tmp_path, states[:2])
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description)
            assert run.rounds[-1].state["n"] == 3
            archive.append_round(*rounds[2])
            self.check(tmp_path, states)
            archive.finish()
        self.check(tmp_path, states)
        with h5py.File(tmp_path / "run.h5") as file:
            np.testing.assert_array_equal(file["state/s"], states[-1]["s"])

    @staticmethod
    def check(path, states):
        run = Archive.read(path / "run.h5")
        found = run.rounds[-1].state
        assert found.keys() == states[-1].keys()
        for name, array in states[-1].items():
            np.testing.assert_array_equal(found[name], array)
        assert run.rounds[0].state == {}

    def test_a_damaged_one_is_refused(self, tmp_path, finished_round, description):
        (state,) = self.states(1)
        one, records = finished_round(1)
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).append_round(dataclasses.replace(one, state=state), records)
        path = tmp_path / "run.0001.h5"
        data = path.read_bytes()
        assert data.count(state["s"].tobytes()) == 1
        path.write_bytes(data.replace(state["s"].tobytes(), state["s"][::-1].tobytes()))
        with pytest.raises(InputError, match="table state/s in it is damaged"):
            Archive.read(tmp_path / "run.h5").rounds[-1]


class TestAnotherRun:
    """Rounds of one run are never taken for those of another (S2)."""

    def test_that_was_overwritten_after_a_kill(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            for index in (1, 2, 3):
                archive.append_round(*finished_round(index))
        old = {path.name: path.read_bytes() for path in tmp_path.glob("run.0*.h5")}
        with RunFolder(tmp_path, overwrite=True) as folder:
            archive = Archive.create(folder, description, START)
            assert names(tmp_path) == [".audiostyle-lock", "run.h5"]
            archive.append_round(*finished_round(1))
            # As if a kill had come before they were removed.
            for name in ("run.0002.h5", "run.0003.h5"):
                (tmp_path / name).write_bytes(old[name])
            assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description)
            assert_holds(run, [finished_round(1)])
            assert names(tmp_path) == [".audiostyle-lock", "run.h5"]

    def test_that_got_the_folder_s_name(self, tmp_path, finished_round, description):
        """Run A, its folder renamed, run B under the old name: A ends with a sentence, B as if alone."""
        with RunFolder(tmp_path / "out") as folder_a:
            a = Archive.create(folder_a, description, START)
            a.append_round(*finished_round(1))
            (tmp_path / "out").rename(tmp_path / "moved")
            with RunFolder(tmp_path / "out") as folder_b:
                b = Archive.create(folder_b, description, START + 1)
                b.append_round(*finished_round(1, dtype="float32"))
                for work in (lambda: a.append_round(*finished_round(2)), a.finish):
                    with pytest.raises(RunError, match="not the run's any more"):
                        work()
                b.append_round(*finished_round(2))
                b.finish()
        np.testing.assert_array_equal(Archive.read(tmp_path / "out" / "run.h5").start_image, START + 1)
        assert_holds(Archive.read(tmp_path / "out" / "run.h5"), [finished_round(1), finished_round(2)])
        assert_holds(Archive.read(tmp_path / "moved" / "run.h5"), [finished_round(1)])

    def test_whose_archive_was_put_in_the_place(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path / "other") as folder:
            Archive.create(folder, description, START)
        with RunFolder(tmp_path / "run") as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))
            (tmp_path / "other" / "run.h5").replace(tmp_path / "run" / "run.h5")
            with pytest.raises(RunError, match="it is another run's"):
                archive.append_round(*finished_round(2))
            assert names(tmp_path / "run") == [".audiostyle-lock", "run.0001.h5", "run.h5"]


class TestResume:
    def test_goes_on_with_the_same_numbers(self, tmp_path, finished_round, description):
        expected = [finished_round(index) for index in range(1, 6)]
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            for one in expected[:2]:
                archive.append_round(*one)
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description)
            assert archive.finished == 2
            assert_holds(run, expected[:2])
            np.testing.assert_array_equal(run.last_image, expected[1][0].image)
            for one in expected[2:]:
                archive.append_round(*one)
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), expected)

    def test_before_the_first_round_it_starts_at_the_start(self, tmp_path, description):
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).finish()
        with RunFolder(tmp_path, resume=True) as folder:
            archive, run = Archive.resume(folder, description)
        assert archive.finished == 0
        np.testing.assert_array_equal(run.last_image, START)

    def test_more_iterations_after_the_end(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))
            archive.finish()
        longer = {**description, "settings": {**description["settings"], "iterations": 60}}
        longer["versions"] = {"numpy": "1.23.6"}
        with RunFolder(tmp_path, resume=True) as folder:
            archive, _ = Archive.resume(folder, longer)
            archive.append_round(*finished_round(2))
        run = Archive.read(tmp_path / "run.h5")
        assert len(run.rounds) == 2
        assert run.settings["iterations"] == 60
        assert run.description["versions"] == {"numpy": "1.23.5"}
        assert [(time["after_round"], time["versions"]) for time in run.description["resumed"]] == [
            (1, {"numpy": "1.23.6"})
        ]

    def test_a_finished_run_gets_no_empty_rows(self, tmp_path, finished_round, description):
        expected = [finished_round(1), finished_round(2)]
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            for one in expected:
                archive.append_round(*one)
            archive.finish()
        with RunFolder(tmp_path, resume=True) as folder:
            Archive.resume(folder, description)
        assert_holds(Archive.read(tmp_path / "run.h5"), expected)
        with h5py.File(tmp_path / "run.h5") as file:
            assert [len(file[name]) for name in ("rounds", "images", "evaluations")] == [2, 2, 6]

    def test_damage_shows_before_the_run_goes_on(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            for index in (1, 2):
                archive.append_round(*finished_round(index))
        path = tmp_path / "run.0001.h5"
        image = finished_round(1)[0].image
        path.write_bytes(path.read_bytes().replace(image.tobytes(), (-image).tobytes()))
        before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
        with pytest.raises(InputError, match="its round 1 is damaged"), RunFolder(tmp_path, resume=True) as folder:
            Archive.resume(folder, description)
        assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before

    def test_another_run_is_refused_and_left_alone(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).append_round(*finished_round(1))
        before = (tmp_path / "run.h5").read_bytes()
        other = {**description, "weights": {**description["weights"], "sha256": "0" * 64}}
        with pytest.raises(InputError, match="other weights"), RunFolder(tmp_path, resume=True) as folder:
            Archive.resume(folder, other)
        assert (tmp_path / "run.h5").read_bytes() == before


class TestWhenTheSystemRefuses:
    @pytest.mark.parametrize("call", ["pwrite", "fsync", "replace", "posix_fallocate"])
    def test_the_rounds_before_are_kept(self, tmp_path, monkeypatch, finished_round, description, call):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))

            def refuse(*arguments):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            with monkeypatch.context() as patch:
                patch.setattr(os, call, refuse)
                with pytest.raises(RunError, match=r"Round 2 could not be written to .*: the disk is full; free some "):
                    archive.append_round(*finished_round(2))
            assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])
            archive.append_round(*finished_round(2))
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1), finished_round(2)])

    @pytest.mark.parametrize("limit", [100, 20_000, 60_000])
    def test_a_file_size_limit_shows_at_the_start(self, tmp_path, in_child, description, limit):
        def create(pipe):
            with RunFolder(tmp_path / "run") as folder:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                Archive.create(folder, description, np.zeros((1, 3, 96, 50), np.float32))

        status, said = in_child(create)
        assert status == 1
        assert said.startswith(b"WriteFailed")
        assert b"file-size limit" in said
        assert os.listdir(tmp_path) == []

    def test_the_hdf5_library_never_meets_a_full_disk(self, tmp_path, monkeypatch, description):
        def refuse(*arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        monkeypatch.setattr(h5py, "File", None)
        with pytest.raises(RunError, match="disk is full"), RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START)
        assert os.listdir(tmp_path) == []

    def test_but_if_it_does_its_words_are_understood(self, tmp_path, monkeypatch, description):
        def refuse(*arguments, **keywords):
            raise RuntimeError("Can't decrement id ref count (unable to extend file properly, errno = 28, ...)")

        monkeypatch.setattr(h5py, "File", refuse)
        with pytest.raises(RunError, match="disk is full"), RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START)

    def test_no_room_for_a_round(self, tmp_path, in_child, finished_round, description):
        rounds = [finished_round(1), finished_round(2, shape=(4, 5), evaluations=3000)]

        def write(pipe):
            with RunFolder(tmp_path) as folder:
                archive = Archive.create(folder, description, START)
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
                for one in rounds:
                    archive.append_round(*one)
                    os.write(pipe, b".")

        status, said = in_child(write)
        assert status == 1
        assert said.startswith(b".WriteFailed")
        assert_holds(Archive.read(tmp_path / "run.h5"), rounds[:1])
        assert names(tmp_path) == ["run.0001.h5", "run.h5"]

    def test_the_folder_is_removed_meanwhile(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path / "run") as folder:
            archive = Archive.create(folder, description, START)
            for name in os.listdir(tmp_path / "run"):
                (tmp_path / "run" / name).unlink()
            (tmp_path / "run").rmdir()
            with pytest.raises(RunError, match="not the run's any more"):
                archive.append_round(*finished_round(1))

    def test_no_room_to_merge_is_no_error(self, tmp_path, monkeypatch, finished_round, description):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))

            def refuse(*arguments):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(os, "posix_fallocate", refuse)
            archive.finish()
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])

    def test_a_file_system_without_reservations(self, tmp_path, monkeypatch, finished_round, description):
        def refuse(*arguments):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        with RunFolder(tmp_path) as folder:
            Archive.create(folder, description, START).append_round(*finished_round(1))
        assert_holds(Archive.read(tmp_path / "run.h5"), [finished_round(1)])

    def test_an_archive_that_somebody_changed_meanwhile(self, tmp_path, finished_round, description):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START)
            archive.append_round(*finished_round(1))
            (tmp_path / "run.h5").write_bytes(b"something else")
            with pytest.raises(RunError, match="changed while the run went on"):
                archive.finish()


class TestOnlyTheLastImage:
    """With ``keep="last"`` an archive has all records and one image, from which the run goes on all the same."""

    def make(self, tmp_path, finished_round, description, keep, rounds):
        with RunFolder(tmp_path) as folder:
            archive = Archive.create(folder, description, START, keep)
            for index in range(1, rounds + 1):
                archive.append_round(*finished_round(index))
            archive.finish()

    def test_it_is_smaller_and_has_what_is_needed(self, tmp_path, finished_round, description):
        self.make(tmp_path / "all", finished_round, description, "all", 3)
        self.make(tmp_path / "last", finished_round, description, "last", 3)
        whole, run = (Archive.read(tmp_path / name / "run.h5") for name in ("all", "last"))
        np.testing.assert_array_equal(run.last_image, whole.last_image)
        np.testing.assert_array_equal(run.rows, whole.rows)
        np.testing.assert_array_equal(run.rounds.records, whole.rounds.records)
        assert run.rounds.with_images == [2]
        assert run.rounds[0].image.size == 0
        with h5py.File(tmp_path / "last" / "run.h5") as file:
            assert file["images"].shape == (1, 3, 4, 5)

    @pytest.mark.parametrize("keep", ["all", "last"])
    def test_it_is_resumed(self, keep, tmp_path, finished_round, description):
        self.make(tmp_path, finished_round, description, "last", 3)
        with RunFolder(tmp_path, resume=True) as folder:
            archive, before = Archive.resume(folder, description, keep)
            np.testing.assert_array_equal(before.last_image, finished_round(3)[0].image)
            archive.append_round(*finished_round(4))
            archive.append_round(*finished_round(5))
            between = Archive.read(tmp_path / "run.h5")
            assert between.rounds.with_images == [2, 3, 4]
            archive.finish()
        run = Archive.read(tmp_path / "run.h5")
        assert run.rounds.with_images == ([2, 3, 4] if keep == "all" else [4])
        for at in run.rounds.with_images:
            np.testing.assert_array_equal(run.rounds[at].image, finished_round(at + 1)[0].image)
        assert len(run.evaluations) == 15

    def test_it_is_checked_all_the_same(self, tmp_path, finished_round, description):
        self.make(tmp_path, finished_round, description, "last", 2)
        data = bytearray((tmp_path / "run.h5").read_bytes())
        image = finished_round(2)[0].image.tobytes()
        data[data.index(image[:24])] ^= 1
        (tmp_path / "run.h5").write_bytes(data)
        with pytest.raises(InputError, match="damaged"):
            Archive.read(tmp_path / "run.h5").last_image  # noqa: B018
