"""``audiostyle batch`` and ``worker``, as they are typed: what they say before anything runs."""

import shutil

import pytest

from audiostyle.batch.cluster_file import job_arguments, read_cluster
from audiostyle.batch.gpus import chosen_gpus
from audiostyle.command.main import main
from audiostyle.demo.clips import write_clips
from audiostyle.errors import InputError

RANDOM = ["--weights", "random"]


@pytest.fixture
def table(tmp_path):
    write_clips(tmp_path / "clips", 0.3)
    (tmp_path / "pairs.csv").write_text("content,style\nclips/rock.wav,clips/reggae.wav\n")
    return tmp_path / "pairs.csv"


def test_a_dry_run_writes_nothing(table, tmp_path, capsys):
    (tmp_path / "sweep.toml").write_text("[grid]\nseed = [0, 1, 2]\n")
    grid = ["--grid", str(tmp_path / "sweep.toml")]
    assert main(["batch", str(table), "-o", str(tmp_path / "out"), *RANDOM, *grid, "--rowac", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "transfers 3: 0 finished, 0 begun, 0 failed, 3 to do" in said
    assert "4797 evaluations" in said
    assert "varying   seed" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{table}"], "A new batch needs a folder"),
        (["{table}", "-o", "{out}", "--threads", "0"], "--threads must be a number"),
        (["{table}", "-o", "{out}", "--device", "cuda1"], "--device is cuda, not cuda1"),
        (["{table}", "-o", "{out}", "--shard", "3/2"], "--shard was given '3/2'"),
        (["{table}", "-o", "{out}", "--max-failures", "x"], "--max-failures was given 'x'"),
        (["{table}", "-o", "{out}", "--set", "poling=max"], "did you mean pooling?"),
        (["{table}", "-o", "{out}", "--gpus", "0"], "the batch's device is the CPU"),
        (["{table}", "-o", "{out}", "--listen", "here", "--dry-run"], "takes an address and a port"),
        (["{table}", "-o", "{out}", "--workers", "-3", "--dry-run"], "a whole number of at least 1"),
        (["{table}", "-o", "{out}", "--workers", "0", "--dry-run"], "a whole number of at least 1"),
        (["{table}", "-o", "{out}", "--scheduler", "{table}.d"], "takes workers: there is no connection.json"),
        (["{table}", "-o", "{folder}"], "holds no batch but other things ('reggae.wav')"),
        (["{table}", "-o", "{out}", "--scheduler", "tls://here:1", "--tls-key", "x"], "--tls-cert and --tls-key go"),
        (["{table}", "-o", "{out}", "--cluster", "{table}", "--dry-run"], "is no TOML"),
        (["nowhere.csv", "-o", "{out}"], "there is no such file"),
        (["{folder}"], "holds no batch"),
        (["{table}", "-o", "{out}", "--workers", "2", "--shard", "1/2"], "not allowed with"),
    ],
)
def test_mistakes_are_sentences(arguments, said, table, tmp_path, capsys):
    places = {"table": table, "out": tmp_path / "out", "folder": table.parent / "clips"}
    assert main(["batch", *(one.format(**places) for one in arguments), *RANDOM]) == 2
    assert said in capsys.readouterr().err


def test_a_batch_goes_on_as_it_was_planned(table, tmp_path, capsys):
    from audiostyle.batch.plan import BatchPlan
    from audiostyle.batch.table_of_pairs import add_lines, read_pairs

    plan = add_lines(BatchPlan("released", {"threads": "1"}, "random", None), read_pairs(table), [{}])
    (tmp_path / "out").mkdir()
    plan.write(tmp_path / "out")
    for arguments in (["--seed", "3"], ["--rowac"], ["--preset", "paper"], ["--pictures"], ["--keep", "all"], RANDOM):
        assert main(["batch", str(tmp_path / "out"), "--dry-run", *arguments]) == 2
        assert "A batch goes on as it was planned" in capsys.readouterr().err
    assert main(["batch", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "1 to do" in capsys.readouterr().out
    again = ["batch", str(table), "-o", str(tmp_path / "out"), "--dry-run", *RANDOM]
    assert main([*again, "--threads", "2"]) == 2
    assert "was begun with threads 1, and 2 would make other bits" in capsys.readouterr().err
    assert main([*again, "--seed", "3"]) == 0
    assert "No longer in the plan: 1 transfer, whose runs stay." in capsys.readouterr().err
    assert main(["batch", str(tmp_path / "out"), "--status"]) == 0
    assert "1 not begun" in capsys.readouterr().out


def test_a_large_batch_is_asked_about(table, tmp_path, capsys):
    (tmp_path / "sweep.toml").write_text(f"[grid]\nseed = {list(range(400))}\n")
    grid = ["--grid", str(tmp_path / "sweep.toml")]
    assert main(["batch", str(table), "-o", str(tmp_path / "out"), *RANDOM, *grid]) == 2
    assert "is begun only with --yes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_dask_it_is_said_what_to_install(table, tmp_path, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "distributed" else find(name))
    assert main(["batch", str(table), "-o", str(tmp_path / "out"), *RANDOM]) == 2
    said = capsys.readouterr().err
    assert "Several workers need the package distributed" in said
    assert "pip install" in said
    assert "--shard 1/1" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "takes workers: there is no connection.json"),
        (["tls://127.0.0.1:1", "--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["nowhere", "--lifetime", "soon"], "--lifetime was given 'soon'"),
        (["nowhere", "--workers", "0"], "--workers was given '0'"),
    ],
)
def test_a_worker_s_mistakes(arguments, said, capsys):
    assert main(["worker", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_gpus_are_numbers():
    assert chosen_gpus(None) == []
    assert chosen_gpus("0,3") == ["0", "3"]
    for text in ("", "0,0", "cuda0", "1,", "-1"):
        with pytest.raises(InputError, match="different numbers such as 0,1"):
            chosen_gpus(text)


def cluster(tmp_path, text):
    (tmp_path / "slurm.toml").write_text(text)
    return read_cluster(tmp_path / "slurm.toml")


def test_a_cluster_file_is_dask_jobqueue_s(tmp_path):
    options = cluster(tmp_path, 'memory = "3GB"\nwalltime = "04:00:00"\nqueue = "short"\nworker_extra_args = ["--x"]\n')
    assert (options["kind"], options["jobs"], options["lifetime"]) == ("SLURM", 10, "12960s")
    arguments = job_arguments(options, tmp_path, 2)
    assert arguments["queue"] == "short"
    assert arguments["cores"] == 2
    assert arguments["worker_extra_args"] == ["--x", "--threads", "2", "--lifetime", "12960s"]
    assert not {"kind", "jobs", "lifetime"} & set(arguments)
    assert cluster(tmp_path, 'memory = "3GB"\nwalltime = "00:02:00"')["lifetime"] == "60s"
    assert cluster(tmp_path, 'memory = "3GB"')["lifetime"] == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "is no TOML"),
        ('kind = "Slurm"', "kind is 'Slurm', but must be one of"),
        ("jobs = 0", "jobs must be a whole number"),
        ("", "how much memory"),
        ('memory = "3GB"\nwalltime = "soon"', "walltime is 'soon'"),
    ],
)
def test_a_cluster_file_that_is_none(text, said, tmp_path):
    with pytest.raises(InputError, match=said):
        cluster(tmp_path, text)


def test_a_job_runs_our_worker(tmp_path):
    jobqueue = pytest.importorskip("dask_jobqueue")
    arguments = job_arguments(cluster(tmp_path, 'memory = "3GB"\nwalltime = "04:00:00"'), tmp_path, 1)
    job = jobqueue.slurm.SLURMJob(scheduler="tls://here:1", name="w1", **{
        name: value for name, value in arguments.items() if name != "scheduler_options"})  # fmt: skip
    script = job.job_script()
    assert "-m audiostyle worker tls://here:1 --name w1 --nthreads 1 --memory-limit" in script
    assert "--threads 1 --lifetime 12960s" in script
    assert "#SBATCH -t 04:00:00" in script
    # And it understands what it is given.
    from audiostyle.command import worker
    from audiostyle.command.options import Parser

    parser = Parser(prog="audiostyle")
    worker.add_parser(parser.add_subparsers())
    (line,) = (one for one in script.splitlines() if "-m audiostyle worker" in one)
    parsed = parser.parse_args(["worker", *line.split("audiostyle worker ")[1].split()])
    assert (parsed.place, parsed.threads, parsed.lifetime, parsed.name) == ("tls://here:1", "1", "12960s", "w1")


def test_a_disk_that_is_too_small_is_found_before(table, tmp_path, monkeypatch, capsys):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**5))
    assert main(["batch", str(table), "-o", str(tmp_path / "out"), *RANDOM]) == 2
    assert "are free there" in capsys.readouterr().err
