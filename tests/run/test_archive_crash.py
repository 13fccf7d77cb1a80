"""A process killed at any instant leaves every finished round behind, and the run can go on.

Proved twice: by dying at each call that changes the disk, one after the other, half way through
where a call can be done by halves; and by SIGKILL at moments that nobody chose.
"""

import functools
import os
import random
import select
import shutil
import signal
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from audiostyle.run.archive import Archive
from audiostyle.run.folder import RunFolder

ROUNDS = 3
_CHANGING = ("pwrite", "fsync", "replace", "unlink", "posix_fallocate")


@pytest.fixture
def no_waiting(monkeypatch):
    """A killed process loses nothing that it has given to the system, so the disk need not be waited for."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def write_run(path, description, rounds, done):
    """Write a whole run into a new folder or go on with the one that is there."""
    exists = (path / "run.h5").exists()
    with RunFolder(path, resume=exists) as folder:
        if exists:
            archive, _ = Archive.resume(folder, description)
        else:
            archive = Archive.create(folder, description, np.zeros_like(rounds[0][0].image))
        for one in rounds[archive.finished :]:
            archive.append_round(*one)
            done(archive.finished)
        archive.finish()


def said_to(pipe, count):
    """Tell the other process that a round is safe."""
    os.write(pipe, bytes([count]))


def check(path, rounds, at_least):
    """Check what is there, by our reader and by HDF5's library, and return how many rounds it is."""
    if not path.exists():
        assert at_least == 0
        return 0
    run = Archive.read(path)
    count = len(run.rounds)
    assert at_least <= count <= len(rounds)
    for found, (wanted, _) in zip(run.rounds, rounds, strict=False):
        assert found.image.tobytes() == wanted.image.tobytes()
        assert (found.total, found.message) == (wanted.total, wanted.message)
    assert list(run.evaluations) == [one for _, evaluations in rounds[:count] for one in evaluations]
    # And by whoever has only h5py: those in the archive, then one in each file of its own.
    with h5py.File(path) as file:
        found = [file["images"][index] for index in range(len(file["images"]))]
    while len(found) < count:
        with h5py.File(path.with_name(f"run.{len(found) + 1:04d}.h5")) as file:
            found.append(file["images"][0])
    assert [one.tobytes() for one in found] == [one.image.tobytes() for one, _ in rounds[:count]]
    return count


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("state", [False, True], ids=["image only", "with a state"])
def test_dying_at_every_call(tmp_path, in_child, finished_round, description, state):
    rounds = [finished_round(index) for index in range(1, ROUNDS + 1)]
    if state:
        rounds = [(replace(one, state={"rho": np.arange(9) + one.index}), records) for one, records in rounds]

    def dying(path, last_call):
        calls = 0

        def wrap(name, function):
            def call(*arguments, **keywords):
                nonlocal calls
                calls += 1
                if calls == last_call:
                    if name == "pwrite":
                        descriptor, data, at = arguments
                        function(descriptor, bytes(data)[: len(data) // 2], at)
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **keywords)

            return call

        def work(pipe):
            for name in _CHANGING:
                setattr(os, name, wrap(name, getattr(os, name)))
            write_run(path, description, rounds, functools.partial(said_to, pipe))

        return work

    deaths = 0
    while True:
        path = tmp_path / str(deaths)
        status, said = in_child(dying(path, deaths + 1))
        if status == 0:
            break
        assert status == -signal.SIGKILL, said
        deaths += 1
        check(path / "run.h5", rounds, at_least=max(said, default=0))
        # What was killed can be resumed, and ends as if nothing had happened.
        write_run(path, description, rounds, lambda count: None)
        assert check(path / "run.h5", rounds, at_least=ROUNDS) == ROUNDS
        assert os.listdir(path) == ["run.h5"]
    assert deaths > 30


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kills", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_dying_at_random_moments(tmp_path, finished_round, description, kills):
    chance = random.Random(kills)
    rounds = [finished_round(index, shape=(96, 400), evaluations=41) for index in range(1, 9)]
    begun = time.perf_counter()
    write_run(tmp_path / "whole", description, rounds, lambda count: None)
    of_a_round = (time.perf_counter() - begun) / len(rounds)
    done, counts = 0, set()
    while done < kills:
        path = tmp_path / str(done)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                write_run(path, description, rounds, functools.partial(said_to, writing))
            finally:
                os._exit(0)
        os.close(writing)
        # Some rounds are waited for, so that a busy machine does not make all deaths early or late.
        said = b"".join(os.read(reading, 1) for _ in range(chance.randrange(len(rounds))))
        select.select([], [], [], chance.uniform(0, 3 * of_a_round))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with open(reading, "rb") as stream:
            said += stream.read()
        if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
            done += 1
        counts.add(check(path / "run.h5", rounds, at_least=max(said, default=0)))
        if path.exists():
            write_run(path, description, rounds, lambda count: None)
            check(path / "run.h5", rounds, at_least=len(rounds))
            shutil.rmtree(path)
    # Some of the moments were in the middle of the run.
    assert len(counts - {0, len(rounds)}) > 1


def test_a_round_counts_only_when_it_is_on_the_disk(tmp_path, monkeypatch, finished_round, description):
    # What a power cut could reorder is what was written since the last fsync: the name comes after the contents.
    with RunFolder(tmp_path) as folder:
        archive = Archive.create(folder, description, np.zeros((1, 3, 4, 5), np.float32))
        calls = []
        for name in ("pwrite", "fsync", "replace"):
            function = getattr(os, name)

            def call(*arguments, name=name, function=function):
                calls.append(name)
                return function(*arguments)

            monkeypatch.setattr(os, name, call)
        archive.append_round(*finished_round(1))
    assert calls == ["pwrite", "pwrite", "pwrite", "pwrite", "fsync", "replace", "fsync"]
