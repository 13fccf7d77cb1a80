"""A child process that dies of what it reads: the parent says one sentence and goes on."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audiostyle.errors import InputError, RunError
from audiostyle.isolation import isolated

ROOT = Path(__file__).parents[1]


def crash():
    ctypes.string_at(0)


def hang():
    while True:
        pass


def wait():
    time.sleep(60)


def fill():
    return [np.empty(2**28, np.uint8) for _ in range(1000)]


def blow_up():
    raise ValueError("one\nline \x1b[31m and no more.")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (crash, r"^Reading 'a' and 'b' ends in a crash \(signal 11\); get it"),
        (lambda: os._exit(7), "ends in a crash"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"crash \(signal 9\)"),
        (hang, "takes longer than 1 s"),
        (fill, "needs more than 2 GiB of memory"),
        (blow_up, r"fails \(ValueError: one line \\x1b\[31m and no more\)"),
        (lambda: [][0], r"fails \(IndexError: list index out of range\)"),
    ],
)
def test_every_death_is_a_sentence(function, expected):
    with pytest.raises(InputError, match=expected) as caught:
        isolated(function, files=["a", "b"], seconds=1)
    assert str(caught.value).isprintable()


def test_waiting_ends_too():
    start = time.monotonic()
    with pytest.raises(InputError, match="takes longer than 1 s"):
        isolated(wait, files=["a"], seconds=0.6)
    assert time.monotonic() - start < 20


def test_what_is_returned_and_raised_comes_back():
    assert isolated(os.path.join, "a", "b", files=["a", "b"]) == "a/b"

    def fail(text):
        raise RunError(text)

    with pytest.raises(RunError, match=r"^as it was$"):
        isolated(fail, "as it was", files=[])


def test_arrays_come_back_writable():
    arrays = [np.arange(10**6, dtype="f4"), np.ones((3, 4), order="F")]
    result = isolated(lambda: arrays, files=[])
    assert all(map(np.array_equal, result, arrays))
    assert all(array.flags.writeable for array in result)


@pytest.mark.parametrize(("size", "holes", "seconds"), [(2**30, True, 1), (10**7, False, 2)])
def test_larger_files_get_more_time_unless_they_are_holes(size, holes, seconds, tmp_path):
    with open(tmp_path / "file", "wb") as file:
        file.truncate(size) if holes else file.write(bytes(size))
    with pytest.raises(InputError, match=f"takes longer than {seconds} s"):
        isolated(hang, files=[tmp_path / "file"], seconds=0.6)


def test_the_parents_memory_is_not_counted():
    held = np.empty(2**31 + 2**29, np.uint8)
    assert isolated(lambda: len(np.empty(2**29, np.uint8)), files=[]) == 2**29
    del held


def test_the_child_is_silent(capfd):
    def speak():
        os.write(1, b"out")
        os.write(2, b"err")

    print("once", end="")
    isolated(speak, files=[])
    sys.stdout.flush()
    assert capfd.readouterr() == ("once", "")


def test_threads_of_the_parent_are_no_hindrance():
    """OpenBLAS's pool, which the child does not have, and a thread that goes on meanwhile."""
    matrix = np.ones((900, 900), np.float32)
    expected = (matrix @ matrix).sum()
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [sorted(range(1000)) for _ in iter(stop.is_set, True)])
    busy.start()
    try:
        for _ in range(5):
            assert isolated(lambda: (matrix @ matrix).sum(), files=[]) == expected
    finally:
        stop.set()
        busy.join()


AFTER_THEANO = """
import numpy as np, theano, theano.tensor as T
x = T.matrix()
product = theano.function([x], T.dot(x, x))
product(np.ones((300, 300), theano.config.floatX))
from audiostyle.isolation import isolated
print(isolated(lambda: float(np.ones((300, 300)).sum()), files=[]))
"""


def test_theano_in_the_parent_is_no_hindrance():
    code = "from audiostyle.network.start import start_theano\nstart_theano('cpu', 2)\n" + AFTER_THEANO
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1:] == ["90000.0"], done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_child(number, tmp_path):
    def note_and_wait():
        (tmp_path / "child").write_text(str(os.getpid()))
        time.sleep(60)

    def interrupt():
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.01)
        # What a terminal does: all of the group are told; the child must not care.
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGINT:
                os.kill(int((tmp_path / "child").read_text()), number)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, number)

    def handler(number, frame):
        raise KeyboardInterrupt(number)

    before = signal.signal(number, handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            isolated(note_and_wait, files=[])
    finally:
        thread.join()
        signal.signal(number, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "child").read_text()), 0)


def test_no_child_can_be_started(monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(RunError, match=r"No process could be started .* temporarily unavailable"):
        isolated(int, files=[])
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
