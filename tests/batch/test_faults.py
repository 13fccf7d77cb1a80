"""Whatever is killed, the same command goes on, and ends with the bits of transfers that nobody disturbed."""

import functools
import os
import signal
import subprocess
import sys

import psutil
import pytest
from fake_batch import SCHEDULER
from faulty_batch import PAIRS, ROOT, SHORT, check, command, finish, rounds, wait_for, write_place

from audiostyle.batch.plan import read_plan

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two clips and a table of two pairs."""
    return write_place(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def undisturbed(place):
    """The same two transfers, each in a process of its own."""
    clips = place / "clips" / "rock.wav", place / "clips" / "reggae.wav"
    folders = [place / "one", place / "two"]
    for folder, pair in zip(folders, (clips, clips[::-1]), strict=True):
        done = finish("transfer", *pair, *SHORT, "--threads", "1", "-o", folder)
        assert done.returncode == 0, done.stderr
    return folders


@pytest.fixture
def started(place):
    """Starts batches; what is left of them at the end is killed."""
    processes = []

    def start(*arguments, **options):
        # Whoever runs the tests may ignore it, as a shell does for a job in the background.
        heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(
            command("batch", *arguments), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=heed, **options
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_nobody_disturbs_it(place, undisturbed, tmp_path):
    batch = tmp_path / "batch"
    done = finish("batch", place / "pairs.csv", *SHORT, "-o", batch)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    check(batch, undisturbed)
    before = {path: path.stat().st_mtime_ns for path in batch.rglob("*")}
    again = finish("batch", batch)
    assert again.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in batch.rglob("*")} == before


def test_shards_need_no_engine(place, undisturbed, tmp_path):
    batch = tmp_path / "batch"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "without")}
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "distributed.py").write_text("raise ImportError('not here')\n")
    for shard in ("1/2", "2/2"):
        done = finish("batch", place / "pairs.csv", *SHORT, "-o", batch, "--shard", shard, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    check(batch, undisturbed)
    # Shards write no tables: none knows when the last one ends.
    assert not (batch / "results.csv").exists()
    assert finish("batch", batch, "--status").returncode == 0
    assert len((batch / "results.csv").read_text().splitlines()) == 3


def test_plain_transfers_in_the_place_count(place, undisturbed, tmp_path):
    batch = tmp_path / "batch"
    assert finish("batch", place / "pairs.csv", *SHORT, "-o", batch, "--dry-run").returncode == 0
    assert not batch.exists()
    from audiostyle.batch.plan import BatchPlan
    from audiostyle.batch.table_of_pairs import add_lines, read_pairs

    chosen = {"duration": "0.5", "iterations": "7", "max_evaluations": "8", "rowac": "true", "threads": "1"}
    plan = add_lines(BatchPlan("released", chosen, "random", None), read_pairs(place / "pairs.csv"), [{}])
    for line, expected in zip(plan.lines, undisturbed, strict=True):
        (batch / line.folder).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", expected, batch / line.folder], check=True)
    before = {path: path.stat().st_mtime_ns for path in batch.rglob("run.*")}
    done = finish("batch", place / "pairs.csv", *SHORT, "-o", batch)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in batch.rglob("run.*")} == before
    check(batch, undisturbed)


def workers_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_worker_is_killed(place, undisturbed, started, tmp_path):
    batch = tmp_path / "batch"
    process = started(place / "pairs.csv", *SHORT, "-o", batch, "--workers", 2)
    for _ in range(2):
        seen = len(rounds(batch))
        wait_for(lambda seen=seen: len(rounds(batch)) > seen or process.poll() is not None)
        held = [worker for worker in workers_of(process) if worker.cpu_times().user > 2]
        if held:
            held[0].kill()
    said, _ = process.communicate(timeout=3600)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    check(batch, undisturbed)


def test_the_client_is_killed(place, undisturbed, started, tmp_path):
    batch = tmp_path / "batch"
    process = started(place / "pairs.csv", *SHORT, "-o", batch, "--workers", 2)
    wait_for(lambda: rounds(batch))
    workers = workers_of(process)
    process.kill()
    wait_for(lambda: not any(worker.is_running() for worker in workers), 60)
    assert finish("batch", batch).returncode == 0
    check(batch, undisturbed)


def test_ctrl_c(place, undisturbed, started, tmp_path):
    batch = tmp_path / "batch"
    process = started(place / "pairs.csv", *SHORT, "-o", batch, "--workers", 2)
    wait_for(lambda: rounds(batch))
    workers = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    wait_for(lambda: not any(worker.is_running() for worker in workers), 60)
    assert not list((batch / "running").iterdir())
    assert not list(batch.rglob(".audiostyle-*"))
    assert finish("batch", batch).returncode == 0
    check(batch, undisturbed)


def test_ctrl_c_of_a_shard(place, undisturbed, started, tmp_path):
    batch = tmp_path / "batch"
    process = started(place / "pairs.csv", *SHORT, "-o", batch, "--shard", "1/1")
    wait_for(lambda: rounds(batch))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert finish("batch", batch, "--shard", "1/1").returncode == 0
    check(batch, undisturbed)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a size, which may be another later; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def size(text):
        options = f"size={text}" if not os.path.ismount(disk) else f"remount,size={text}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("needs the right to mount a file system")
        return disk

    yield size
    subprocess.run(["umount", "-l", disk], check=False)


def test_the_disk_is_full(place, undisturbed, started, small_disk):
    batch = small_disk("60m") / "batch"
    (place / "many.toml").write_text("[grid]\nseed = [0, 1, 2, 3, 4, 5, 6, 7]\n")
    arguments = (place / "pairs.csv", *SHORT, "-o", batch, "--grid", place / "many.toml", "--workers", 2)
    process = started(*arguments)
    wait_for(lambda: rounds(batch))
    filler = batch.parent / "filler"
    with filler.open("wb") as stream:
        try:
            while True:
                stream.write(bytes(2**16))
        except OSError:
            pass
    said, _ = process.communicate(timeout=3600)
    assert process.returncode == 3, said
    assert "the disk is full" in said or "are free there" in said
    assert "The batch was stopped; the same command goes on with it." in said
    assert "Traceback" not in said
    # At most what was under way has failed, and not all the others.
    assert said.count(" failed: ") <= 6, said
    filler.unlink()
    (place / "two.toml").write_text("[grid]\nseed = [0]\n")
    done = finish("batch", place / "pairs.csv", *SHORT, "-o", batch, "--grid", place / "two.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No longer in the plan: 14 transfers, whose runs stay." in done.stderr
    check(batch, undisturbed)


def test_a_garbage_clip(place, undisturbed, tmp_path):
    (place / "clips" / "garbage.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(256)) * 9)
    (place / "garbage.csv").write_text(f"{PAIRS}clips/garbage.wav,clips/rock.wav\n")
    batch = tmp_path / "batch"
    done = finish("batch", place / "garbage.csv", *SHORT, "-o", batch)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 of 3 transfers finished, 1 failed, 0 left." in done.stdout
    assert "Traceback" not in done.stderr
    assert "garbage.wav" in (batch / "failed.csv").read_text()
    plan = read_plan(batch)
    del plan.lines[2]
    plan.write(batch)
    check(batch, undisturbed)


def test_the_scheduler_is_killed(place, undisturbed, started, tmp_path):
    batch = tmp_path / "batch"
    (tmp_path / "scheduler.py").write_text(SCHEDULER)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    scheduler = subprocess.Popen(
        [sys.executable, str(tmp_path / "scheduler.py"), str(tmp_path), "2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert scheduler.stdout is not None
        assert scheduler.stdout.readline() == "ready\n"
        process = started(place / "pairs.csv", *SHORT, "-o", batch, "--scheduler", tmp_path)
        wait_for(lambda: rounds(batch))
        scheduler.kill()
        said, _ = process.communicate(timeout=300)
    finally:
        scheduler.kill()
        scheduler.communicate()
    assert process.returncode == 3, said
    assert "The scheduler is lost" in said
    assert "Traceback" not in said
    assert finish("batch", batch).returncode == 0
    check(batch, undisturbed)
