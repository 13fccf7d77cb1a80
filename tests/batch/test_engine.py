"""Dask's workers: tasks come back whatever becomes of a worker, and nobody else gets in."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from fake_batch import SCHEDULER, surroundings, work_quickly

pytest.importorskip("distributed")
pytest.importorskip("cryptography")

from audiostyle.batch.conductor import BatchStopped
from audiostyle.batch.connection import announced, read_connection
from audiostyle.batch.engine import DaskEngine, join, local_cluster
from audiostyle.errors import InputError
from audiostyle.run.request import Interruption

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with local_cluster(tmp_path_factory.mktemp("batch"), 2, 1) as engine:
        engine.work = work_quickly
        yield engine


@pytest.fixture
def run(tmp_path):
    """Runs tasks of the given names on an engine, and returns their outcomes."""

    def carry_out(engine, names, heard=lambda event: None):
        todo = [
            {"signature": f"{at:04d}{name}", "folder": name, "batch": str(tmp_path)} for at, name in enumerate(names)
        ]
        todo.reverse()
        return list(engine.run(lambda: todo.pop() if todo else None, heard))

    return carry_out


def tries(tmp_path, signature):
    return (tmp_path / "trace" / signature).read_text().split()


def test_every_task_comes_back_once(engine, run, tmp_path):
    begun = []
    outcomes = run(engine, ["quick"] * 60, begun.append)
    assert sorted(one["signature"] for one in outcomes) == [f"{at:04d}quick" for at in range(60)]
    assert len({one["worker"] for one in outcomes}) == 2
    assert all(len(tries(tmp_path, one["signature"])) == 1 for one in outcomes)
    assert len(begun) > 50  # what is said last may come too late, which nobody minds


def test_tasks_are_asked_for_as_they_are_needed(engine, tmp_path):
    given = iter(range(40))
    asked, back = 0, 0

    def next_task():
        nonlocal asked
        number = next(given, None)
        if number is None:
            return None
        asked += 1
        assert asked - back <= 4
        return {"signature": f"w{number}", "folder": "quick", "batch": str(tmp_path)}

    for _ in engine.run(next_task, lambda event: None):
        back += 1
    assert back == 40


def test_one_may_be_given_out_again(engine, run, tmp_path):
    assert [one["event"] for one in run(engine, ["quick"])] == ["finished"]
    assert [one["event"] for one in run(engine, ["quick"])] == ["finished"]
    assert len(tries(tmp_path, "0000quick")) == 2


def test_a_worker_that_is_killed_takes_nothing_along(engine, run, tmp_path):
    names = ["quick"] * 5 + ["dies1"] + ["quick"] * 5
    outcomes = run(engine, names)
    assert {one["event"] for one in outcomes} == {"finished"}
    assert len(outcomes) == 11
    pids = tries(tmp_path, "0005dies1")
    assert len(set(pids)) == 2


@pytest.mark.slow
def test_a_task_that_kills_every_process_ends_alone(engine, run, tmp_path):
    outcomes = {one["signature"]: one for one in run(engine, ["quick", "dies99", "quick", "quick"])}
    assert len(outcomes) == 4
    deadly = outcomes.pop("0001dies99")
    assert (deadly["event"], deadly["kind"]) == ("failed", "crash")
    assert {one["event"] for one in outcomes.values()} == {"finished"}
    assert len(tries(tmp_path, "0001dies99")) == 11


def test_workers_are_as_measuring_wants_them(engine):
    found = engine.call(surroundings)
    assert "MALLOC_TRIM_THRESHOLD_" not in found["environment"]
    assert {found["environment"][f"{pool}_NUM_THREADS"] for pool in ("OMP", "OPENBLAS", "MKL")} == {"1"}
    assert not found["daemon"]
    assert not found["profile"]
    assert found["interrupt"]


def listening():
    """Addresses at which this process and its children take connections."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    connections = [one for process in family for one in process.net_connections("inet")]
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}


def test_nobody_else_gets_in(engine):
    from distributed import Client
    from distributed.security import Security

    address = engine._client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    assert listening() == {"127.0.0.1"}
    for stranger, security in ((address.replace("tls", "tcp"), None), (address, Security.temporary())):
        with pytest.raises((OSError, TimeoutError)):
            Client(stranger, security=security, timeout=2)
    # And none of the pages that Dask would show without a password.
    import urllib.request

    ports = {
        one.laddr.port
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    answered = []
    for port in ports:
        for page in ("health", "info/main/workers.html", "json/counts.json", "api/v1/retire_workers"):
            with contextlib.suppress(OSError):
                answered.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=2).read())
    assert answered == []


def test_the_key_is_for_its_owner_alone(tmp_path):
    with announced(tmp_path, "tls://here:1", "certificate", "key") as connection:
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        assert read_connection(tmp_path) == connection
        assert Path(connection["key"]).read_text() == "key"
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="takes workers: there is no"):
        read_connection(tmp_path)


def test_a_scheduler_that_is_not_there_is_a_sentence(monkeypatch):
    from audiostyle.batch import engine

    monkeypatch.setattr(engine, "_CLOSING_SECONDS", 1.0)
    with pytest.raises(InputError, match="does not answer"), join("tcp://127.0.0.1:1", {}, 1):
        pass


@pytest.fixture
def elsewhere(tmp_path):
    """Starts a scheduler in a process of its own, with some workers."""
    started = []
    (tmp_path / "scheduler.py").write_text(SCHEDULER)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}

    def start(workers):
        command = [sys.executable, str(tmp_path / "scheduler.py"), str(tmp_path), str(workers)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def begun(tmp_path, signature):
    end = time.monotonic() + 60
    while not (tmp_path / "trace" / signature).exists():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_a_sentence(elsewhere, tmp_path):
    process = elsewhere(1)
    connection = read_connection(tmp_path)
    todo = [{"signature": "s", "folder": "waits", "batch": str(tmp_path)}]
    with join(connection["address"], connection, 1) as engine:
        engine.work = work_quickly

        def hear(event):
            process.kill()

        with pytest.raises(BatchStopped, match="scheduler is lost"):
            list(engine.run(lambda: todo.pop() if todo else None, hear))
    (pid,) = map(int, tries(tmp_path, "s"))
    end = time.monotonic() + 60
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.2)
    assert not psutil.pid_exists(pid)


@pytest.mark.slow
def test_a_worker_from_elsewhere_ends_its_task_in_time(elsewhere, tmp_path):
    """Its lifetime is over in mid-task: the task is put down, and goes on with the next worker."""
    elsewhere(0)
    connection = read_connection(tmp_path)
    command = [sys.executable, "-m", "audiostyle", "worker", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    first = subprocess.Popen([*command, "--lifetime", "8s"], cwd=ROOT, env=environment)
    todo = [{"signature": "s", "folder": "waits1", "batch": str(tmp_path)}]

    def next_worker():
        first.wait(120)
        following.append(subprocess.Popen(command, cwd=ROOT, env=environment))

    following = []
    waiting = threading.Thread(target=next_worker)
    waiting.start()
    with join(connection["address"], connection, 1) as engine:
        engine.work = work_quickly
        outcomes = []
        # As a conductor does: what was interrupted is given out again.
        for outcome in engine.run(lambda: todo.pop() if todo else None, lambda event: None):
            outcomes.append(outcome["event"])
            if outcome["event"] == "interrupted":
                todo.append({"signature": "s", "folder": "waits1", "batch": str(tmp_path)})
    waiting.join()
    assert first.returncode == 0
    # Whether the first one's answer comes in time or is lost with it, the task is not.
    assert outcomes[-1] == "finished"
    assert len(set(tries(tmp_path, "s"))) == 2
    following[0].terminate()
    assert following[0].wait(60) == 0


@pytest.mark.slow
def test_each_gpu_is_a_worker_s_own(tmp_path, run):
    with local_cluster(tmp_path, 0, 1, gpus=["0", "3"]) as engine:
        engine.work = work_quickly
        assert len({one["worker"] for one in run(engine, ["quick"] * 20)}) == 2
        seen = {engine.call(surroundings)["environment"]["CUDA_VISIBLE_DEVICES"] for _ in range(20)}
        assert seen <= {"0", "3"}
        found = engine._client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(found.values()) == ["0", "3"]


@pytest.mark.slow
def test_two_thousand_tasks_take_no_more_memory_than_two_hundred(engine, run):
    run(engine, ["quick"] * 200)
    process = psutil.Process()
    before = process.memory_info().rss
    run(engine, ["quick"] * 2000)
    assert process.memory_info().rss - before < 30 * 2**20


@pytest.mark.parametrize(("status", "heard"), [("closing", True), ("closing_gracefully", True), ("running", False)])
def test_only_a_worker_that_closes_ends_its_task(status, heard, monkeypatch):
    """A second client's plugin takes the first one's place, which is torn down in a worker that goes on."""
    from audiostyle.batch import engine

    monkeypatch.setattr(engine, "_interruption", Interruption())
    engine._plugin().teardown(SimpleNamespace(status=SimpleNamespace(name=status)))
    assert bool(engine._interruption.signal) == heard


def test_two_clients_share_workers(engine, run):
    second = DaskEngine(engine._client)
    second.work = work_quickly
    assert {one["event"] for one in run(second, ["quick"] * 8)} == {"finished"}
    assert {one["event"] for one in run(engine, ["quick"] * 8)} == {"finished"}
