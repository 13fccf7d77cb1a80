"""Nobody else's code is run: the folders of what is executed belong to this user alone."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from audiostyle.cache import cache_folder, use_private_numba_cache
from audiostyle.errors import InputError, RunError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def places(monkeypatch, tmp_path):
    """The two folders that a cache may be in: the user's, and the system's temporary one."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home / "audiostyle", temporary / f"audiostyle-{os.geteuid()}"


def mode(folder):
    return folder.stat().st_mode & 0o7777


def test_a_cache_is_made_for_this_user_alone(places):
    before = os.umask(0o002)
    try:
        assert cache_folder() == places[0]
        assert cache_folder("theano") == places[0] / "theano"
    finally:
        os.umask(before)
    assert mode(places[0]) == mode(places[0] / "theano") == 0o700


def test_a_cache_of_an_earlier_version_is_closed(places):
    places[0].mkdir(parents=True, mode=0o755)
    assert cache_folder() == places[0]
    assert mode(places[0]) == 0o700


def writable_by_others(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def writable_by_a_group(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o770)


def a_link(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def a_file(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()


def in_a_folder_where_others_may_rename(folder):
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)


TRAPS = [writable_by_others, writable_by_a_group, a_link, a_file, in_a_folder_where_others_may_rename]


@pytest.mark.parametrize("trap", TRAPS)
def test_what_others_may_have_written_is_not_used(places, trap):
    trap(places[0])
    assert cache_folder("onednn") == places[1] / "onednn"
    assert mode(places[1]) == 0o700


@pytest.mark.parametrize("trap", TRAPS)
def test_a_folder_in_the_cache_is_looked_at_as_well(places, trap):
    places[0].mkdir(parents=True)
    if trap is in_a_folder_where_others_may_rename:
        pytest.skip("the cache folder itself is refused then")
    trap(places[0] / "theano")
    assert cache_folder("theano") == places[1] / "theano"


@pytest.mark.parametrize("trap", TRAPS)
def test_where_nothing_is_left_a_sentence_says_why(places, trap):
    places[0].parent.write_text("no folder")
    trap(places[1])
    with pytest.raises(RunError, match=r"^There is no folder for compiled functions: .*; correct one of them, or name"):
        cache_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a folder to another user")
def test_another_users_folder_is_not_used_even_by_root(places):
    places[0].mkdir(parents=True)
    os.chown(places[0], 65534, 65534)
    assert cache_folder() == places[1]
    places[1].rmdir()
    places[1].mkdir()
    os.chown(places[1], 65534, 65534)
    with pytest.raises(RunError, match="belongs to another user"):
        cache_folder()


CLAIM = "import os, audiostyle.cache as c; c.use_private_numba_cache(); print(os.environ['NUMBA_CACHE_DIR'])"


def test_numba_has_a_folder_for_each_process(places, monkeypatch):
    """Two that compiled into one left an index of the one with the code of the other, and readers died of it."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.chdir(ROOT)

    def start(*words):
        environment = os.environ | {"XDG_CACHE_HOME": str(places[0].parent)}
        return subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment
        )

    waiting = start("-c", f"{CLAIM}; print(flush=True); input()")
    assert waiting.stdout.readline() == f"{places[0] / 'numba' / '0'}\n"
    use_private_numba_cache()
    use_private_numba_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(places[0] / "numba" / "1")
    # A process that this one starts has one of its own too, and the first one's is free when that is gone.
    assert start("-c", CLAIM).communicate()[0] == f"{places[0] / 'numba' / '2'}\n"
    waiting.communicate("\n")
    assert start("-c", CLAIM).communicate()[0] == f"{places[0] / 'numba' / '0'}\n"


def test_a_folder_for_numba_that_others_can_write_is_refused(places, monkeypatch, tmp_path):
    writable_by_others(tmp_path / "shared")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "shared"))
    with pytest.raises(InputError, match="can be written by others; name another folder, or unset it"):
        use_private_numba_cache()


def in_docker(tmp_path, **prepared):
    """Run the image's entry point with a /cache and a python of the test's; return the environment it ends in."""
    script = (ROOT / "docker" / "audiostyle").read_text().replace("/cache/", f"{tmp_path}/cache/")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text('#!/bin/sh\necho "$*"\nenv\n')
    (programs / "python").chmod(0o755)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o1777)
    for prepare in prepared.values():
        prepare(tmp_path / "cache" / str(os.geteuid()))
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script, "audiostyle", "doctor"], env=environment, capture_output=True, text=True)
    command, *lines = done.stdout.splitlines()
    assert command == "-P -m audiostyle doctor", done.stderr
    return dict(line.partition("=")[::2] for line in lines)


def test_every_user_of_the_image_has_a_folder(tmp_path):
    environment = in_docker(tmp_path)
    folder = tmp_path / "cache" / str(os.geteuid())
    assert mode(folder) == 0o700
    assert {environment[name] for name in ("HOME", "XDG_CACHE_HOME")} == {str(folder)}
    assert environment["POCL_CACHE_DIR"] == str(folder / "pocl")


def given_away(folder):
    folder.mkdir()
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize("trap", [a_link, a_file, given_away])
def test_another_users_folder_in_the_image_is_not_used(tmp_path, trap):
    if trap is given_away and os.geteuid() != 0:
        pytest.skip("needs root, to give a folder to another user")
    environment = in_docker(tmp_path, trap=trap)
    assert not environment["HOME"].startswith(f"{tmp_path}/cache/")
    assert mode(Path(environment["HOME"])) == 0o700
