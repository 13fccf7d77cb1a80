"""run.json says what was run on what, in strict JSON, and how it ended."""

import hashlib
import json
import os
import sys
import time
from types import SimpleNamespace

import pytest

from audiostyle.audio.stuck_rows import Buzz
from audiostyle.errors import InputError, RunError
from audiostyle.optimise import Evaluation
from audiostyle.run.description import describe_machine, describe_run, describe_versions
from audiostyle.run.folder import RunFolder
from audiostyle.run.manifest import Stopwatch, peak_memory, read_manifest, write_manifest
from audiostyle.settings import Settings


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def clips(tmp_path):
    paths = tmp_path / "rock.wav", tmp_path / os.fsdecode(b"reggae \xff.wav")
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 3_000_000)
    return str(paths[0]), str(paths[1])


@pytest.fixture
def described(clips, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    request = SimpleNamespace(
        content="rock.wav",
        style=clips[1],
        weights="random",
        settings=Settings(seed=7),
        command_line=("run_transfer.py", "--rowac", os.fsdecode(b"\xff")),
        start_from="",
    )
    weights = SimpleNamespace(form="random", normalised=True, sha256="3" * 64, file_sha256=None)
    backend = SimpleNamespace(device="cpu", threads=2, blas="-lopenblas", compile_cache="/cache")
    return describe_run(request, weights, backend, convolution="onednn")


def test_a_run_is_described(described, clips):
    assert described["command_line"][1] == "--rowac"
    assert described["settings"]["seed"] == 7
    assert described["settings"]["style_layers"] == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    assert described["inputs"]["content"] == {
        "path": clips[0],
        "name": "rock.wav",
        "sha256": hashlib.sha256(b"\0" * 3_000_000).hexdigest(),
    }
    assert described["inputs"]["style"]["path"] == clips[1]
    assert described["weights"] == {
        "path": "random",
        "form": "random",
        "normalised": True,
        "sha256": "3" * 64,
        "file_sha256": None,
    }
    assert described["machine"].items() >= {"device": "cpu", "convolution": "onednn", "threads": 2}.items()
    # Exactly what comes back from an archive, so that the two can be compared.
    assert json.loads(json.dumps(described)) == described


def test_a_weights_file_is_found_from_anywhere(clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = SimpleNamespace(
        content=clips[0], style=clips[1], weights="a.pkl", settings=Settings(), command_line=(), start_from=""
    )
    weights = SimpleNamespace(form="pickle", normalised=True, sha256="3" * 64, file_sha256="4" * 64)
    backend = SimpleNamespace(device="cpu", threads=2, blas="", compile_cache="")
    found = describe_run(request, weights, backend)
    assert found["weights"]["path"] == str(tmp_path / "a.pkl")
    assert found["machine"]["convolution"] == "auto"


class TestWriting:
    def test_a_finished_run(self, tmp_path, described, finished_round):
        rounds, evaluations = zip(*(finished_round(index) for index in (1, 2)), strict=True)
        evaluations = [one for records in evaluations for one in records]
        watch = Stopwatch()
        with watch.stage("network"):
            time.sleep(0.02)
        with RunFolder(tmp_path / "run") as folder:
            write_manifest(folder, described, rounds, evaluations, watch, buzz=Buzz(4.5, (3000.0, 3100.0)))
        found = strict((tmp_path / "run" / "run.json").read_text(encoding="ascii"))
        assert found["schema"] == 1
        assert (found["state"], found["signal"], found["failure"]) == ("finished", 0, None)
        assert found.items() >= described.items()
        assert found["seed"] == 7
        assert [one["message"] for one in found["rounds"]] == ["message 1", "message 2"]
        assert set(found["rounds"][0]) == {"index", "total", "evaluations", "message", "warnflag", "nit", "seconds"}
        assert found["evaluations"] == 6
        assert found["seconds_per_evaluation"] == pytest.approx(sum(one.seconds for one in evaluations) / 6)
        assert found["first_loss"] == {"total": evaluations[0].total, **evaluations[0].parts}
        assert found["last_loss"]["total"] == evaluations[-1].total
        assert 0.02 <= found["seconds"]["network"] <= found["seconds"]["total"]
        assert found["peak_memory_bytes"] > 10_000_000
        assert (found["stuck_row_index_db"], found["stuck_rows_hertz"]) == (4.5, [3000.0, 3100.0])
        assert found["started"] <= found["ended"]

    @pytest.mark.parametrize(
        ("signal", "failure", "state"),
        [(2, None, "interrupted"), (0, RunError("The loss is NaN."), "failed"), (15, RunError("Both."), "failed")],
    )
    def test_other_ends(self, tmp_path, described, signal, failure, state):
        with RunFolder(tmp_path / "run") as folder:
            write_manifest(folder, described, [], [], Stopwatch(), signal, failure)
        found = strict((tmp_path / "run" / "run.json").read_text())
        assert (found["state"], found["signal"]) == (state, signal)
        assert found["failure"] == (None if failure is None else str(failure))
        assert found["seconds_per_evaluation"] is found["stuck_row_index_db"] is found["stuck_rows_hertz"] is None

    def test_numbers_that_json_lacks(self, tmp_path, described):
        odd = Evaluation(1, 1, {"content": float("nan"), "style": float("inf")}, float("nan"), 0.1)
        with RunFolder(tmp_path / "run") as folder:
            write_manifest(folder, described, [], [odd], Stopwatch())
        found = strict((tmp_path / "run" / "run.json").read_text())
        assert found["last_loss"] == {"total": "nan", "content": "nan", "style": "inf"}


class TestReading:
    """Whatever is in a folder's run.json: a record, or one sentence (M8)."""

    @pytest.fixture
    def written(self, tmp_path, described, finished_round):
        rounds, evaluations = finished_round(1)
        with RunFolder(tmp_path / "run") as folder:
            write_manifest(folder, described, [rounds], evaluations, Stopwatch())
        return json.loads((tmp_path / "run" / "run.json").read_text())

    def test_what_was_written(self, tmp_path, written):
        assert read_manifest(tmp_path / "run") == written

    @pytest.mark.parametrize(
        "change",
        [
            {"state": 7},
            {"state": None},
            {"last_loss": ["a"]},
            {"last_loss": "low"},
            {"first_loss": 7},
            {"first_loss": {"total": "inf"}},
            {"last_loss": {"total": [1]}},
            {"last_loss": {"total": float("inf")}},
            {"seconds_per_evaluation": "fast"},
            {"seconds_per_evaluation": 10**400},
            {"evaluations": True},
            {"peak_memory_bytes": {}},
        ],
        ids=lambda change: ascii(change)[:40],
    )
    def test_other_values(self, tmp_path, written, change):
        (tmp_path / "run" / "run.json").write_text(json.dumps(written | change))
        self.refused(tmp_path / "run")

    @pytest.mark.parametrize("name", ["state", "last_loss", "seconds_per_evaluation"])
    def test_missing_values(self, tmp_path, written, name):
        del written[name]
        (tmp_path / "run" / "run.json").write_text(json.dumps(written))
        self.refused(tmp_path / "run")

    @pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"null", b"{}", b"\xff", b'{"a": ' + b"9" * 5000 + b"}"])
    def test_other_bytes(self, tmp_path, content):
        (tmp_path / "run.json").write_bytes(content)
        self.refused(tmp_path)

    def test_no_file(self, tmp_path):
        self.refused(tmp_path)
        os.mkfifo(tmp_path / "run.json")
        self.refused(tmp_path)

    def test_an_interrupted_run_may_have_lost_its_numbers(self, tmp_path, described):
        odd = Evaluation(1, 1, {"content": float("nan")}, float("nan"), 0.1)
        with RunFolder(tmp_path / "run") as folder:
            write_manifest(folder, described, [], [odd], Stopwatch(), signal=2)
        assert read_manifest(tmp_path / "run")["last_loss"]["total"] == "nan"

    @staticmethod
    def refused(folder):
        with pytest.raises(InputError) as error:
            read_manifest(folder)
        assert "run.json" in str(error.value)
        assert "\n" not in str(error.value)


class TestStopwatch:
    def test_stages_add_up_and_keep_their_order(self):
        watch = Stopwatch()
        for name in ("b", "a", "b"):
            with watch.stage(name):
                time.sleep(0.01)
        assert list(watch.seconds) == ["b", "a"]
        assert watch.seconds["b"] > 0.019
        assert watch.total >= sum(watch.seconds.values())

    def test_a_stage_that_fails_is_measured(self):
        watch = Stopwatch()
        with pytest.raises(RunError), watch.stage("descent"):
            raise RunError("NaN")
        assert watch.seconds["descent"] > 0


def test_versions_are_those_of_the_packages(monkeypatch):
    import numpy as np

    versions = describe_versions()
    assert versions["numpy"] == np.__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(versions) >= {"audiostyle", "scipy", "theano", "lasagne", "librosa", "h5py"}
    monkeypatch.setattr("audiostyle.run.description._PACKAGES", ("no such package",))
    assert describe_versions()["no such package"] == "not installed"


def test_the_machine_has_a_name():
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert "Linux" in machine["platform"]


def test_peak_memory_grows(in_child):
    # In a process that has only just begun: this one may have held far more than it does now.
    def measure(pipe):
        before = peak_memory()
        block = bytearray(2**28)
        block[::4096] = b"x" * len(block[::4096])
        os.write(pipe, str(peak_memory() - before).encode())

    status, grown = in_child(measure)
    assert status == 0, grown
    assert int(grown) > 2**27


def test_nothing_heavy_is_imported():
    import subprocess

    code = (
        "import sys, audiostyle.run.archive, audiostyle.run.curves, audiostyle.run.manifest, audiostyle.run.plots\n"
        "heavy = {'theano', 'lasagne', 'librosa', 'matplotlib', 'h5py', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
