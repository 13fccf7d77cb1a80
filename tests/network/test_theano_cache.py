"""Theano's folder of compiled functions: damage, locks of the dead, and disks that are full or gone."""

import errno
import logging
import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from audiostyle.errors import RunError
from audiostyle.network.theano_cache import LockReporter, disk_trouble, drop_damaged_modules, require_room

ROOT = Path(__file__).resolve().parents[2]


def test_modules_that_are_no_programs_are_removed(tmp_path):
    for name, content in {"empty": b"", "text": b"no program", "whole": b"\x7fELF..."}.items():
        folder = tmp_path / "compiledir_x" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.so").write_bytes(content)
    drop_damaged_modules(tmp_path)
    assert [path.name for path in (tmp_path / "compiledir_x").iterdir()] == ["whole"]
    drop_damaged_modules(tmp_path / "none")


@pytest.mark.slow
def test_a_cache_of_empty_modules_is_made_again(tmp_path):
    program = (
        "from audiostyle.network.start import start_theano; start_theano(); import theano, theano.tensor as T\n"
        "x = T.dscalar(); print(theano.function([x], 2 * x)(3))"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "6.0", done.stderr
        for module in tmp_path.rglob("*.so"):
            module.write_bytes(b"")


@pytest.fixture
def lock(tmp_path):
    """A lock that another host has left."""
    file = tmp_path / "lock_dir" / "lock"
    file.parent.mkdir()
    file.write_text("17_0123456789_an\x1bother.host\n")
    return file


def hear(folder):
    LockReporter().handle(
        logging.makeLogRecord({"msg": "To manually release the lock, delete %s", "args": (str(folder),)})
    )


def test_waiting_for_another_host_is_said(lock, capsys):
    hear(lock.parent)
    said = capsys.readouterr().err
    assert said.startswith("audiostyle: Waiting for process 17 on an?other.host, which compiles in the same cache")
    assert said.count("\n") == 1
    assert lock.exists()


def test_a_lock_whose_age_proves_it_dead_is_broken(lock, capsys):
    old = time.time() - 130
    os.utime(lock, (old, old))
    hear(lock.parent)
    assert not lock.parent.exists()
    assert capsys.readouterr().err == ""


def test_a_lock_without_an_owner(lock, capsys):
    lock.write_text("")
    hear(lock.parent)
    assert "on an unknown host" in capsys.readouterr().err
    lock.unlink()
    hear(lock.parent)
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_one_sentence(monkeypatch, tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    assert disk_trouble(full, tmp_path) == ""  # some other disk
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(RunError, match="There is no room for compiled functions in "):
        require_room(tmp_path / "not" / "made")
    for error in (full, Exception("Compilation failed: ld: No space left on device")):
        assert disk_trouble(error, tmp_path).startswith("There is no room for compiled functions")
    assert disk_trouble(ValueError("other"), tmp_path) == ""


def test_a_cache_that_has_gone_is_one_sentence(monkeypatch, tmp_path):
    config = namedtuple("config", "compiledir")(str(tmp_path / "gone"))
    monkeypatch.setitem(sys.modules, "theano", namedtuple("theano", "config")(config))
    assert "was removed while it was in use" in disk_trouble(FileNotFoundError(2, "No such file"), tmp_path)
