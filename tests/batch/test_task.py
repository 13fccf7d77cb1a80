"""A task in this process, whose network is a bowl: what it leaves, how it goes on, and what its failures are."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audiostyle.batch import task as task_module
from audiostyle.batch.conductor import ThisProcess, conduct, make_task, survey
from audiostyle.batch.journal import Journal, last_outcomes
from audiostyle.batch.machine import machine_facts
from audiostyle.batch.plan import BatchPlan
from audiostyle.batch.state import is_held
from audiostyle.batch.table_of_pairs import add_lines, read_pairs
from audiostyle.batch.task import carry_out
from audiostyle.demo.clips import write_clips
from audiostyle.errors import InputError, RunError
from audiostyle.run.archive import Archive
from audiostyle.run.folder import RunFolder
from audiostyle.run.request import Interruption
from audiostyle.settings import STYLE_LAYERS

SHORT = {"duration": "0.5", "iterations": "4", "max_evaluations": "4", "threads": "1", "inversion_iterations": "1"}
ROOT = Path(__file__).resolve().parents[2]


class Bowl:
    """Loss that is lowest at noise; it may do something at an evaluation."""

    weights = {"content": 1.0}  # noqa: RUF012
    made = 0

    def __init__(self, shape):
        type(self).made += 1
        self._lowest = np.random.RandomState(0).uniform(-70, -40, shape)

    def __call__(self, image):
        difference = image - self._lowest
        value = float((difference**2).sum())
        return {"content": value}, value, 2 * difference

    def features(self, image, names):
        return dict.fromkeys(STYLE_LAYERS, image[:, :, ::4, ::4])

    def each_feature(self, image, names):
        return self.features(image, names).items()


@pytest.fixture
def bowls(monkeypatch):
    """Networks that are bowls, and weights that are none."""
    weights = SimpleNamespace(notes=("Odd weights.",), form="none", normalised=True, sha256="0" * 64, file_sha256=None)
    monkeypatch.setattr("audiostyle.weights.load.load_weights", lambda *_: weights)
    monkeypatch.setattr("audiostyle.api.make_objective", lambda content, *_: Bowl(content.shape))
    task_module._loaded.cache_clear()
    task_module._LastObjective.key = ""
    monkeypatch.setattr(Bowl, "made", 0)
    yield Bowl
    task_module._loaded.cache_clear()
    task_module._LastObjective.key = ""


@pytest.fixture
def batch(tmp_path, bowls):
    """Plans transfers of two short clips."""
    write_clips(tmp_path / "clips", 0.6)
    (tmp_path / "pairs.csv").write_text(
        "content,style\nclips/rock.wav,clips/reggae.wav\nclips/reggae.wav,clips/rock.wav\n"
    )

    def plan(points=({},), **options):
        made = BatchPlan("released", SHORT, "random", None, **options)
        add_lines(made, read_pairs(tmp_path / "pairs.csv"), list(points))
        folder = tmp_path / "batch"
        folder.mkdir(exist_ok=True)
        return folder, made

    return plan


def do(folder, plan, interruption=None, heard=lambda event: None):
    entries = survey(folder, plan)
    with Journal(folder) as journal:
        from audiostyle.batch.conductor import Listener

        listener = Listener()
        listener.heard = heard
        conduct(folder, plan, entries, ThisProcess(interruption or Interruption()), journal, listener)
    return [entry.found.state for entry in entries]


def one_task(folder, plan, **changes):
    entry = survey(folder, plan)[0]
    return {**make_task(folder, plan, entry, machine_facts("cpu", 1, "auto")), **changes}


def test_a_finished_task_leaves_what_was_asked_for(batch):
    folder, plan = batch()
    assert do(folder, plan) == ["finished", "finished"]
    run = folder / plan.lines[0].folder
    assert sorted(os.listdir(run)) == ["losses.csv", "metrics.json", "output.wav", "run.h5", "run.json"]
    assert Archive.read(run / "run.h5").rounds.with_images == [2]
    record = json.loads((run / "run.json").read_text())
    assert record["command_line"][:2] == ["audiostyle", "transfer"]
    assert os.listdir(folder / "running") == []
    assert last_outcomes(folder)[plan.lines[0].signature]["warnings"] == ["Odd weights."]


def test_all_images_and_pictures_if_asked_for(batch):
    folder, plan = batch(keep="all", pictures=True)
    do(folder, plan)
    run = folder / plan.lines[0].folder
    assert (run / "mel.png").exists()
    assert Archive.read(run / "run.h5").rounds.with_images == [0, 1, 2]


def test_seeds_share_a_network(batch, bowls):
    folder, plan = batch([{"seed": str(seed)} for seed in range(3)])
    assert do(folder, plan) == ["finished"] * 6
    assert bowls.made == 2
    sounds = {
        json.loads((folder / line.folder / "metrics.json").read_text())["output"]["sha256"] for line in plan.lines
    }
    assert len(sounds) == 6


def test_an_interrupted_task_goes_on_to_the_same_bits(batch, monkeypatch):
    folder, plan = batch()
    whole = {}
    do(folder, plan)
    for line in plan.lines:
        whole[line.folder] = (folder / line.folder / "output.wav").read_bytes()
        for path in (folder / line.folder).iterdir():
            path.unlink()
    interruption, run = Interruption(), folder / plan.lines[0].folder
    before = Bowl.__call__

    def stop(self, image):
        if (run / "run.0001.h5").exists():
            interruption.signal = signal.SIGTERM
        return before(self, image)

    monkeypatch.setattr(Bowl, "__call__", stop)
    assert do(folder, plan, interruption) == ["begun", "new"]
    assert os.listdir(run) == ["run.h5"]
    assert len(Archive.read(run / "run.h5").rounds) == 1
    assert os.listdir(folder / "running") == []
    monkeypatch.setattr(Bowl, "__call__", before)
    events = []
    assert do(folder, plan, heard=events.append) == ["finished", "finished"]
    # What the first had done before is no work of today's.
    assert [event["found"] for event in events if "found" in event] == [5, 0]
    assert json.loads((run / "run.json").read_text())["rounds"][2]["index"] == 3
    for name, sound in whole.items():
        assert (folder / name / "output.wav").read_bytes() == sound


def test_what_is_complete_is_not_touched(batch):
    """A worker's answer may be lost with its process; the task is then given to another."""
    folder, plan = batch()
    task = one_task(folder, plan)
    do(folder, plan)
    run = folder / plan.lines[0].folder
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    assert carry_out(task, lambda event: None, Interruption())["event"] == "finished"
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before


def outcome(task):
    found = carry_out(task, lambda event: None, Interruption())
    return found.get("kind", found["event"]), found.get("sentence", "")


def test_kernels_of_larger_tiles_are_pinned_as_such():
    usual, larger = (machine_facts("cpu", 1, name)["onednn"] for name in ("auto", "onednn_f6"))
    if usual is None:
        pytest.skip("oneDNN does not work here")
    assert larger == usual.replace("kernels,", "kernels of 6x6 tiles,") != usual


def test_failures_are_of_kinds(batch, tmp_path, monkeypatch):
    folder, plan = batch()
    task = one_task(folder, plan)
    kind, said = outcome({**task, "pinned": {**task["pinned"], "onednn": "oneDNN of another kind"}})
    assert kind == "machine"
    assert "would compute other bits" in said
    kind, said = outcome({**task, "weights_sha256": "1" * 64})
    assert kind == "machine"
    assert "are not those that the batch was planned with" in said
    kind, said = outcome({**task, "clips": {**task["clips"], "style": "1" * 64}})
    assert kind == "input"
    assert "is not the clip any more" in said
    monkeypatch.setattr(task_module, "_PATIENCE", 0.0)
    with RunFolder(task["folder"]):
        assert is_held(Path(task["folder"]))
        assert outcome(task)[0] == "busy"
    assert not is_held(Path(task["folder"]))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert outcome(task)[0] == "disk"
    for error, expected in ((RunError("NaN."), ("run", "NaN.")), (ZeroDivisionError("x"), ("run", "An error that"))):

        def fail(self, image, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(Bowl, "__call__", fail)
            kind, said = outcome(task)
        assert (kind, said[:13]) == expected
    assert outcome(task) == ("finished", "")


def test_a_garbage_clip_is_a_sentence_and_the_others_go_on(batch, tmp_path):
    (tmp_path / "clips" / "garbage.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(256)) * 9)
    table = tmp_path / "pairs.csv"
    table.write_text(table.read_text() + "clips/garbage.wav,clips/rock.wav\n")
    folder, plan = batch()
    assert do(folder, plan) == ["finished", "finished", "new"]
    failed = last_outcomes(folder)[plan.lines[2].signature]
    assert failed["kind"] == "input"
    assert "garbage.wav" in failed["sentence"]


DIES = """
import os, sys, json
from pathlib import Path
from audiostyle.batch import task as tasks
task = json.loads(Path(sys.argv[1]).read_text())
with tasks._remembered(task, Path(task["folder"])):
    os._exit(9)
"""


def test_a_task_that_ends_its_process_is_given_up(batch, tmp_path):
    folder, plan = batch()
    task = one_task(folder, plan)
    (tmp_path / "task.json").write_text(json.dumps(task))

    def die():
        command = [sys.executable, "-c", DIES, str(tmp_path / "task.json")]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9

    note = folder / "running" / f"{task['signature']}.json"
    for deaths in range(3):
        die()
        assert json.loads(note.read_text())["deaths"] == deaths
    kind, said = outcome(task)
    assert kind == "crash"
    assert "ended in the midst of it 3 times" in said
    assert not note.exists()
    # A round in between is progress: its machine was taken away.
    die()
    content = json.loads(note.read_text())
    note.write_text(json.dumps({**content, "deaths": 7, "rounds": -1}))
    assert outcome(task) == ("finished", "")


def test_a_crash_is_remembered_until_it_is_to_be_tried_again(batch, tmp_path):
    folder, plan = batch()
    signature = plan.lines[0].signature
    with Journal(folder) as journal:
        journal.add("failed", signature, kind="crash", sentence="It crashed.")
    assert do(folder, plan) == ["new", "finished"]
    first = survey(folder, plan)[0]
    assert first.failure == "It crashed."
    assert first.left(retry=True)
    assert not first.left(retry=False)


def test_a_round_without_an_image_cannot_be_rendered(batch):
    from audiostyle.run.rendering import render

    folder, plan = batch()
    do(folder, plan)
    with pytest.raises(InputError, match="not that of round 1; give one from 3 to 3, or 0, the start image"):
        render(folder / plan.lines[0].folder, number=1)
