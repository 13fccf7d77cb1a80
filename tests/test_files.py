"""Files are replaced whole or not at all, and only files."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from audiostyle.errors import InputError, RunError
from audiostyle.files import (
    PART_PREFIX,
    check_output,
    open_regular,
    read_bytes,
    replacing,
    sha256_of_file,
    write_bytes,
)


def names(folder):
    return sorted(os.listdir(folder))


def test_a_block_that_ends_well_replaces_the_file(tmp_path):
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")
    with replacing(target, "The table") as part:
        assert part.suffix == ".csv"
        assert target.read_bytes() == b"old"
        part.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["table.csv"]


def test_a_block_that_raises_leaves_all_as_it_was(tmp_path):
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")

    def interrupted():
        with replacing(target, "The table") as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["table.csv"]


def test_a_new_file_has_the_permissions_that_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "x", b"", "The table")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o640


def test_a_full_disk_is_a_sentence():
    with pytest.raises(RunError, match=r"^The table could not be written to .*"):
        write_bytes("/proc/table.csv", b"x", "The table")


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling", "socket"])
def test_what_is_no_regular_file_is_never_replaced(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "socket":
        os.mknod(target, stat.S_IFSOCK | 0o600)
    else:
        (tmp_path / "elsewhere").write_bytes(b"kept")
        target.symlink_to("elsewhere" if kind == "link" else "nowhere")
    before = os.lstat(target)
    with pytest.raises(InputError, match=r"cannot be written to .*target"):
        write_bytes(target, b"x", "The table")
    with pytest.raises(InputError, match=r"^The table cannot be written to .*target"):
        check_output(target, "The table")
    assert os.path.samestat(before, os.lstat(target))
    assert "nowhere" not in names(tmp_path)


def test_special_files_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match=r"cannot be read: (it is not a regular file|.*folder)"):
            sha256_of_file(path)
        with pytest.raises((ValueError, OSError)):
            open_regular(path)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x", 5) == b"12345"
    with pytest.raises(InputError, match="larger"):
        read_bytes(tmp_path / "x", 4)


@pytest.mark.parametrize("path", ["no/such/folder/x.json", "a\0b", "", "."])
def test_impossible_outputs_are_refused_before_the_work(tmp_path, path):
    with pytest.raises(InputError, match="cannot be written to"):
        check_output(path, "The numbers")


def test_an_input_is_not_replaced(tmp_path):
    clip = tmp_path / "clip.wav"
    clip.write_bytes(b"sound")
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match="files that are read"):
        check_output(tmp_path / "sub" / ".." / "clip.wav", "The numbers", [clip])
    check_output(tmp_path / "other.wav", "The numbers", [clip])


def test_what_a_killed_writer_left_is_removed(tmp_path):
    kept = [tmp_path / f"{PART_PREFIX}{name}" for name in ("young", "locked", "folder", "link")]
    left = tmp_path / f"{PART_PREFIX}old"
    for path in (*kept[:2], left):
        path.write_bytes(b"half")
    kept[2].mkdir()
    kept[3].symlink_to("nowhere")
    for path in (kept[1], left):
        os.utime(path, (0, 0))
    with open(kept[1]) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_bytes(tmp_path / "table.csv", b"x", "The table")
    assert names(tmp_path) == sorted([*(path.name for path in kept), "table.csv"])


def test_a_writer_holds_its_part(tmp_path):
    with replacing(tmp_path / "slow", "It") as part:
        part.write_bytes(b"slow")
        os.utime(part, (0, 0))
        write_bytes(tmp_path / "fast", b"fast", "It")
    assert names(tmp_path) == ["fast", "slow"]
