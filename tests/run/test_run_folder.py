"""One run at a time, files whole or absent, nothing touched that is not ours."""

import errno
import os
import resource
import signal

import pytest

from audiostyle.errors import InputError, RunError
from audiostyle.run.folder import RUN_FILES, RunFolder


def names(folder):
    return sorted(os.listdir(folder))


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert text[0].isupper() or text[0] == "'"
    assert text.endswith(".")
    return text


def test_a_file_appears_whole(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.write_bytes("losses.csv", b"evaluation")
        assert (tmp_path / "run" / "losses.csv").read_bytes() == b"evaluation"
    assert names(tmp_path / "run") == ["losses.csv"]


def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.write_bytes("mel.png", b"old")
        with pytest.raises(KeyboardInterrupt), folder.atomic_path("mel.png") as part:  # noqa: PT012
            part.write_bytes(b"half of the n")
            raise KeyboardInterrupt
    assert names(tmp_path) == ["mel.png"]
    assert (tmp_path / "mel.png").read_bytes() == b"old"


def test_the_part_keeps_the_suffix(tmp_path):
    with RunFolder(tmp_path) as folder, folder.atomic_path("output.wav") as part:
        part.touch()
        assert part.suffix == ".wav"
        assert part.parent == folder.path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_only_plain_names_are_written(tmp_path, name):
    with RunFolder(tmp_path) as folder, pytest.raises(ValueError, match="plain"):
        folder.write_bytes(name, b"")


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a\nb",
        "'\"$(x)`;",
        "-o",
        "--overwrite",
        "\N{SNOWMAN}",
        os.fsdecode(b"caf\xe9 \xff\xfe"),
        "x" * 255,
        "a/b/c",
    ],
)
def test_any_name_the_system_allows(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RunFolder(name) as folder:
        folder.write_bytes("run.json", b"{}")
    assert (tmp_path / name / "run.json").read_bytes() == b"{}"
    with pytest.raises(InputError) as error, RunFolder(name):
        pass
    one_sentence(error).encode("utf-8")


def test_the_folder_stays_the_same_when_the_working_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RunFolder("run") as folder:
        monkeypatch.chdir("/")
        folder.write_bytes("run.json", b"{}")
    assert (tmp_path / "run" / "run.json").exists()


class TestRefusals:
    def test_an_existing_run(self, tmp_path):
        (tmp_path / "run.json").write_text("{}")
        with pytest.raises(InputError) as error, RunFolder(tmp_path):
            pass
        assert "--overwrite" in one_sentence(error)
        assert names(tmp_path) == ["run.json"]

    def test_a_folder_with_other_files_is_no_run(self, tmp_path):
        (tmp_path / "holiday.jpg").write_text("sea")
        with RunFolder(tmp_path):
            pass
        assert names(tmp_path) == ["holiday.jpg"]

    def test_a_file_in_the_place_of_the_folder(self, tmp_path):
        (tmp_path / "run").write_text("I am a file")
        for name in ("run", "run/below"):
            with pytest.raises(InputError) as error, RunFolder(tmp_path / name):
                pass
            assert "file" in one_sentence(error)
        assert (tmp_path / "run").read_text() == "I am a file"

    @pytest.mark.parametrize("target", ["nowhere", "loop"])
    def test_links_that_lead_nowhere(self, tmp_path, target):
        (tmp_path / "loop").symlink_to(tmp_path / target)
        for name in ("loop", "loop/below"):
            with pytest.raises(InputError) as error, RunFolder(tmp_path / name):
                pass
            one_sentence(error)
        assert names(tmp_path) == ["loop"]

    @pytest.mark.parametrize("path", ["/proc/audiostyle/run", "/dev/null/run", "a" * 300, "b\0c"])
    def test_folders_that_cannot_be(self, tmp_path, monkeypatch, path):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError) as error, RunFolder(path):
            pass
        one_sentence(error)
        assert names(tmp_path) == []

    def test_a_folder_without_permission(self, tmp_path):
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(InputError) as error, RunFolder(locked):
                pass
        finally:
            os.seteuid(user)
        assert "permission" in one_sentence(error)

    @pytest.mark.parametrize("kind", ["folder", "link", "dead link", "pipe"])
    @pytest.mark.parametrize("name", ["output.wav", "mel.png", "run.h5", "run.0003.h5"])
    def test_what_is_no_file_where_a_file_should_go(self, tmp_path, name, kind):
        victim, place = tmp_path / "victim", tmp_path / "run" / name
        victim.write_text("precious")
        place.parent.mkdir()
        {
            "folder": place.mkdir,
            "link": lambda: place.symlink_to(victim),
            "dead link": lambda: place.symlink_to("nowhere"),
            "pipe": lambda: os.mkfifo(place),
        }[kind]()
        before = os.lstat(place)
        for options in ({"overwrite": True}, {"resume": True}, {}):
            with pytest.raises(InputError) as error, RunFolder(place.parent, **options):
                pass
            assert name in one_sentence(error)
        assert os.path.samestat(os.lstat(place), before)
        assert victim.read_text() == "precious"

    def test_a_folder_that_takes_no_folders(self):
        with pytest.raises(InputError) as error, RunFolder("/proc/x"):
            pass
        assert "'/proc' takes no new folders" in one_sentence(error)

    def test_resuming_what_is_not_there(self, tmp_path):
        for path in (tmp_path / "no", tmp_path):
            with pytest.raises(InputError) as error, RunFolder(path, resume=True):
                pass
            assert "no run to resume" in one_sentence(error)
        assert names(tmp_path) == []

    def test_a_lock_file_that_is_a_trap(self, tmp_path):
        victim = tmp_path / "victim"
        victim.write_text("precious")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / ".audiostyle-lock").symlink_to(victim)
        with pytest.raises(InputError) as error, RunFolder(tmp_path / "run"):
            pass
        one_sentence(error)
        assert victim.read_text() == "precious"


class TestLock:
    def test_a_second_run_is_refused(self, tmp_path):
        with RunFolder(tmp_path / "run") as folder:
            with pytest.raises(InputError) as error, RunFolder(tmp_path / "run", overwrite=True):
                pass
            assert "Another run" in one_sentence(error)
            folder.write_bytes("run.json", b"still mine")
        with RunFolder(tmp_path / "run", overwrite=True):
            pass

    def test_the_second_run_of_another_process_is_refused(self, tmp_path, in_child):
        with RunFolder(tmp_path):
            status, said = in_child(lambda pipe: RunFolder(tmp_path).__enter__())
        assert status == 1
        assert b"Another run" in said

    def test_a_killed_run_leaves_no_lock(self, tmp_path, in_child):
        def die(pipe):
            folder = RunFolder(tmp_path / "run").__enter__()
            with folder.atomic_path("run.h5") as part:
                part.write_bytes(b"half")
                os.kill(os.getpid(), signal.SIGKILL)

        status, _ = in_child(die)
        assert status == -signal.SIGKILL
        lock, part = names(tmp_path / "run")
        assert lock == ".audiostyle-lock"
        assert part.startswith(".audiostyle-part-")
        assert part.endswith(".h5")
        with RunFolder(tmp_path / "run"):
            assert names(tmp_path / "run") == [".audiostyle-lock"]
        assert names(tmp_path / "run") == []

    def test_a_lock_file_that_was_removed_meanwhile_is_not_trusted(self, tmp_path, monkeypatch):
        # The run before us ends between our opening its lock file and our locking it.
        import fcntl

        lock, flock = tmp_path / ".audiostyle-lock", fcntl.flock
        calls = []

        def removed_first(descriptor, operation):
            calls.append(operation)
            if len(calls) == 1:
                lock.unlink()
            flock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", removed_first)
        with RunFolder(tmp_path):
            assert len(calls) == 2
            assert lock.exists()

    def test_a_lock_file_that_is_removed_again_and_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr("audiostyle.run.folder._same_file", lambda found, path: False)
        with pytest.raises(InputError, match="Another run"), RunFolder(tmp_path):
            pass


class TestOverwrite:
    def test_the_old_run_stays_until_the_new_one_starts(self, tmp_path):
        for name in RUN_FILES:
            (tmp_path / name).write_text("old")
        (tmp_path / "holiday.jpg").write_text("sea")
        (tmp_path / "outside").write_text("outside")
        for name in ("run.0001.h5", "run.12345.h5", "run.1.h5"):
            (tmp_path / name).write_text("old")
        with RunFolder(tmp_path, overwrite=True) as folder:
            assert len(names(tmp_path)) == len(RUN_FILES) + 6
            folder.remove_previous(keep=("run.h5",))
        assert names(tmp_path) == ["holiday.jpg", "outside", "run.1.h5", "run.h5"]

    def test_nothing_is_removed_without_overwrite(self, tmp_path):
        (tmp_path / "run.h5").write_text("old")
        with RunFolder(tmp_path, resume=True) as folder:
            folder.remove_previous()
        assert names(tmp_path) == ["run.h5"]


class TestLeaving:
    def test_an_empty_folder_that_was_made_is_removed(self, tmp_path):
        with pytest.raises(InputError, match="bad clip"), RunFolder(tmp_path / "a" / "b"):
            raise InputError("bad clip")
        assert names(tmp_path) == []

    def test_a_folder_that_was_there_is_not(self, tmp_path):
        (tmp_path / "a").mkdir()
        with RunFolder(tmp_path / "a" / "b"):
            pass
        assert names(tmp_path) == ["a"]

    def test_nor_one_with_something_in_it(self, tmp_path):
        with RunFolder(tmp_path / "a" / "b"):
            (tmp_path / "a" / "letter.txt").write_text("Dear")
        assert names(tmp_path / "a") == ["letter.txt"]


class TestWhenTheSystemRefuses:
    @pytest.mark.parametrize(
        ("number", "words"),
        [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EDQUOT, "quota"), (errno.EIO, "disk")],
    )
    def test_writing(self, tmp_path, monkeypatch, number, words):
        def refuse(descriptor):
            raise OSError(number, os.strerror(number))

        with RunFolder(tmp_path) as folder:
            folder.write_bytes("run.json", b"old")
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", refuse)
                with pytest.raises(RunError) as error:
                    folder.write_bytes("run.json", b"new")
        assert words in one_sentence(error)
        assert names(tmp_path) == ["run.json"]
        assert (tmp_path / "run.json").read_bytes() == b"old"

    def test_a_file_size_limit(self, tmp_path, in_child):
        def write(pipe):
            with RunFolder(tmp_path) as folder:
                folder.write_bytes("run.json", b"old")
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
                folder.write_bytes("run.json", b"x" * 5000)

        status, said = in_child(write)
        assert status == 1
        assert b"file-size limit" in said
        assert names(tmp_path) == ["run.json"]
        assert (tmp_path / "run.json").read_bytes() == b"old"

    def test_the_folder_is_removed_meanwhile(self, tmp_path):
        with RunFolder(tmp_path / "run") as folder:
            (tmp_path / "run" / ".audiostyle-lock").unlink()
            (tmp_path / "run").rmdir()
            with pytest.raises(RunError) as error:
                folder.write_bytes("run.json", b"{}")
            assert "not the run's any more" in one_sentence(error)
        assert names(tmp_path) == []

    def test_a_link_that_takes_a_file_s_place_meanwhile(self, tmp_path):
        with RunFolder(tmp_path / "run") as folder:
            (tmp_path / "run" / "mel.png").symlink_to(tmp_path / "victim")
            with pytest.raises(InputError) as error:
                folder.write_bytes("mel.png", b"new")
            assert "it is a link" in one_sentence(error)
        assert names(tmp_path) == ["run"]

    def test_another_run_takes_the_name_meanwhile(self, tmp_path):
        with RunFolder(tmp_path / "run") as folder:
            (tmp_path / "run").rename(tmp_path / "moved")
            with RunFolder(tmp_path / "run") as other:
                other.write_bytes("run.json", b"the other's")
                for work in (lambda: folder.write_bytes("run.json", b"{}"), lambda: folder.remove(["run.json"])):
                    with pytest.raises(RunError) as error:
                        work()
                    assert "not the run's any more" in one_sentence(error)
            assert (tmp_path / "run" / "run.json").read_bytes() == b"the other's"

    def test_the_folder_is_replaced_meanwhile(self, tmp_path):
        with RunFolder(tmp_path / "run") as folder:
            (tmp_path / "run").rename(tmp_path / "elsewhere")
            (tmp_path / "run").mkdir()
            with pytest.raises(RunError) as error:
                folder.write_bytes("run.json", b"{}")
            one_sentence(error)
        assert names(tmp_path / "run") == []

    def test_space_is_checked_before(self, tmp_path):
        with RunFolder(tmp_path) as folder:
            folder.require_space(1000, 1000)
            with pytest.raises(InputError) as error:
                folder.require_space(2**60, 1)
        assert "MB are free" in one_sentence(error)

    def test_a_file_size_limit_is_found_before(self, tmp_path, in_child):
        def check(pipe):
            with RunFolder(tmp_path) as folder:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
                folder.require_space(1, 5000)

        status, said = in_child(check)
        assert status == 1
        assert b"NoSpace" in said
        assert b"ulimit" in said
