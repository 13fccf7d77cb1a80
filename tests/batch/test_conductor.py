"""What a batch does with what it finds and what comes back: skip, go on, list, try again, stop."""

import csv
import json
import os
from pathlib import Path

import pytest
from fake_batch import FACTS, FakeEngine, leave_a_run

from audiostyle.batch.conductor import BatchStopped, Listener, make_task, survey, transfer_command
from audiostyle.batch.journal import Journal, last_outcomes, read_events
from audiostyle.batch.machine import WrongMachine, check_machine, pin, read_pin
from audiostyle.batch.results import write_all
from audiostyle.batch.task import forget
from audiostyle.command.main import main

FAILED = {"event": "failed", "kind": "run", "sentence": "It failed."}
UNREADABLE = {"event": "failed", "kind": "input", "sentence": "No sound."}
FIRST = "rock.00000+reggae.00000"


def states(entries):
    return [entry.found.state for entry in entries]


def snapshot(folder):
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)
        for path in [folder, *folder.rglob("*")]
    }


def test_everything_is_run_once(planned, conducted, tmp_path):
    plan, engine = planned(), FakeEngine()
    assert states(conducted(plan, engine)) == ["finished"] * 3
    assert len(engine.tasks) == 3
    again = FakeEngine()
    before = snapshot(tmp_path / "batch")
    assert states(conducted(plan, again)) == ["finished"] * 3
    assert again.tasks == []
    assert snapshot(tmp_path / "batch") == before


def test_what_a_worker_gets_is_plain(planned, conducted, tmp_path):
    engine = FakeEngine()
    conducted(planned(points=[{"seed": "7"}], keep="all", pictures=True), engine)
    task = engine.tasks[0]
    assert json.loads(json.dumps(task)) == json.loads(json.dumps(task, default=repr))
    assert task["settings"]["seed"] == 7
    assert task["settings"]["threads"] == 1
    assert (task["keep"], task["pictures"], task["run"], task["evaluate"]) == ("all", True, True, True)
    assert task["pinned"] == FACTS
    assert task["command_line"][-6:-2] == ["--set", "threads=1", "--set", "seed=7"]
    assert task["command_line"][-1] == str(tmp_path / "batch" / planned(points=[{"seed": "7"}]).lines[0].folder)


def test_what_failed_for_good_is_tried_again_only_when_asked(planned, conducted):
    plan = planned()
    entries = conducted(plan, FakeEngine({FIRST: [FAILED]}))
    assert [entry.failure for entry in entries] == ["It failed.", "", ""]
    again = FakeEngine()
    assert [entry.failure for entry in conducted(plan, again)] == ["It failed.", "", ""]
    assert again.tasks == []
    assert states(conducted(plan, again, retry=True)) == ["finished"] * 3
    assert len(again.tasks) == 1


def test_a_clip_that_failed_is_tried_again_each_time(planned, conducted):
    plan = planned()
    assert [entry.failure for entry in conducted(plan, FakeEngine({FIRST: [UNREADABLE]}))] == ["No sound.", "", ""]
    again = FakeEngine()
    assert [entry.failure for entry in conducted(plan, again)] == ["", "", ""]
    assert len(again.tasks) == 1


def test_a_run_that_says_itself_that_it_failed(planned, conducted, tmp_path):
    plan = planned()
    engine = FakeEngine()
    conducted(plan, engine)
    leave_a_run(engine.tasks[0], "failed")
    again = FakeEngine()
    (tmp_path / "batch" / "journal.jsonl").unlink()
    assert conducted(plan, again)[0].failure == "It failed."
    assert again.tasks == []


def test_what_was_interrupted_is_given_out_again(planned, conducted):
    engine = FakeEngine({FIRST: [{"event": "interrupted"}, {"event": "interrupted"}]})
    assert states(conducted(planned(), engine)) == ["finished"] * 3
    assert len(engine.tasks) == 5


def test_a_full_disk_stops_the_batch(planned, conducted, tmp_path):
    full = {"event": "failed", "kind": "disk", "sentence": "The disk is full."}
    plan, engine = planned(), FakeEngine({FIRST: [full]})
    with pytest.raises(BatchStopped, match=r"The disk is full\. The batch was stopped") as error:
        conducted(plan, engine)
    assert error.value.exit_status == 3
    assert len(engine.tasks) == 1
    # And nothing of it lasts.
    again = FakeEngine()
    assert states(conducted(plan, again)) == ["finished"] * 3
    assert len(again.tasks) == 3


def test_too_many_failures_stop_it(planned, conducted):
    engine = FakeEngine({FIRST: [UNREADABLE] * 3})
    with pytest.raises(BatchStopped, match="1 transfers have failed, and --max-failures is 1"):
        conducted(planned(), engine, max_failures=1)
    points = [{"seed": str(seed)} for seed in range(30)]
    engine = FakeEngine({FIRST: [dict(FAILED) for _ in range(30)]})
    with pytest.raises(BatchStopped, match="20 transfers have failed one after the other"):
        conducted(planned(points=points), engine)
    assert len(engine.tasks) == 20
    engine = FakeEngine({FIRST: [dict(UNREADABLE) for _ in range(30)]})
    conducted(planned(points=[{"seed": str(seed)} for seed in range(40, 70)]), engine)
    assert len(engine.tasks) == 90


def made_on(**changes):
    return {"machine": {"device": "cpu", "convolution": "onednn", "threads": 1, "blas": "", "cpu": "", **changes}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (made_on(threads=2), "threads 2 (not 1)"),
        (made_on(device="cuda1"), "device cuda (not cpu)"),
        (made_on(convolution="corrmm"), "convolution corrmm (not onednn)"),
        ({"settings": {"seed": 5}}, "seed 5 (not 0)"),
        (
            {"weights": {"path": "w", "form": "h5", "normalised": True, "sha256": "0", "file_sha256": "a"}},
            "other weights",
        ),
    ],
)
def test_another_run_in_the_place_is_not_taken_for_ours(change, said, planned, conducted):
    plan, engine = planned(), FakeEngine()
    conducted(plan, engine)
    leave_a_run(engine.tasks[1], **change)
    again = FakeEngine()
    entries = conducted(plan, again)
    assert states(entries) == ["finished", "foreign", "finished"]
    assert said in entries[1].failure
    assert again.tasks == []


def test_convolutions_in_larger_tiles_are_others(planned, conducted):
    plan, engine = planned(settings={"convolution": "onednn_f6"}), FakeEngine()
    conducted(plan, engine)
    for task, name in zip(engine.tasks, ("onednn_f6", "onednn", "corrmm"), strict=True):
        leave_a_run(task, **made_on(convolution=name))
    entries = conducted(plan, FakeEngine())
    assert states(entries) == ["finished", "foreign", "foreign"]
    assert "convolution onednn (not onednn_f6)" in entries[1].failure


def test_a_plain_transfer_s_run_needs_its_metrics_only(planned, conducted, tmp_path):
    plan, engine = planned(), FakeEngine()
    conducted(plan, engine)
    for task, damage in zip(engine.tasks, ("", "{}", '{"signature": "of another"}'), strict=True):
        path = Path(task["folder"]) / "metrics.json"
        path.write_text(damage) if damage else path.unlink()
    again = FakeEngine()
    assert states(conducted(plan, again)) == ["finished"] * 3
    assert [task["run"] for task in again.tasks] == [False] * 3


def test_a_run_without_its_sound_goes_on(planned, conducted):
    plan, engine = planned(), FakeEngine()
    conducted(plan, engine)
    (Path(engine.tasks[0]["folder"]) / "output.wav").unlink()
    leave_a_run(engine.tasks[1], "interrupted", rounds=[{}] * 3)
    again = FakeEngine()
    assert states(conducted(plan, again)) == ["finished"] * 3
    assert [task["run"] for task in again.tasks] == [True, True]


def test_shards_share_the_work(planned, tmp_path):
    plan = planned(points=[{"seed": str(seed)} for seed in range(4)])
    parts = [survey(tmp_path, plan, (shard, 5)) for shard in range(1, 6)]
    assert sorted(entry.line.number for part in parts for entry in part) == list(range(1, 13))
    assert {len(part) for part in parts} == {2, 3}


class TestTables:
    def test_they_hold_what_was_found(self, planned, conducted, tmp_path):
        text = "content,style,content_label,style_label\n" + "\n".join(
            f"clips/rock/rock.0000{i}.wav,clips/reggae/reggae.0000{j}.wav,rock,=reggae"
            for i in range(3)
            for j in (0, 1)
        )
        plan = planned(text, points=[{"seed": "0", "rowac": "true"}, {"seed": "1", "rowac": "false"}])
        entries = conducted(plan, FakeEngine({"rock.00002+reggae.00001": [dict(FAILED)]}))
        write_all(tmp_path / "batch", plan, entries)
        rows = list(csv.DictReader((tmp_path / "batch" / "results.csv").open()))
        assert len(rows) == 11
        assert rows[0]["style_label"] == "'=reggae"
        assert rows[0]["loss_content"] == "0.25"
        assert rows[0]["key_distance_content"] == ""
        assert rows[0]["output_sha256"] == plan.lines[0].signature[::-1]
        groups = list(csv.DictReader((tmp_path / "batch" / "labels.csv").open()))
        found = [one for one in groups if one["number"] == "row_ac_r_style"]
        assert [(one["rowac"], one["n"]) for one in found] == [("true", "5"), ("false", "6")]
        values = sorted(float(row["row_ac_r_style"]) for row in rows if row["rowac"] == "true")
        assert float(found[0]["median"]) == values[2]
        assert (float(found[0]["lower_quartile"]), float(found[0]["upper_quartile"])) == (values[1], values[3])
        (failed,) = csv.DictReader((tmp_path / "batch" / "failed.csv").open())
        assert failed["sentence"] == "It failed."
        assert "--set threads=1 --set rowac=true -o " in failed["command"]

    def test_they_are_not_touched_without_need(self, planned, conducted, tmp_path):
        plan = planned()
        write_all(tmp_path / "batch", plan, conducted(plan, FakeEngine({FIRST: [dict(FAILED)]})))
        before = snapshot(tmp_path / "batch")
        write_all(tmp_path / "batch", plan, conducted(plan))
        after = snapshot(tmp_path / "batch")
        # The folder itself sees a part come and go.
        assert {name: one for name, one in after.items() if name != str(tmp_path / "batch")} == {
            name: one for name, one in before.items() if name != str(tmp_path / "batch")
        }
        conducted(plan, retry=True)
        write_all(tmp_path / "batch", plan, survey(tmp_path / "batch", plan))
        assert not (tmp_path / "batch" / "failed.csv").exists()


def test_a_torn_journal_is_read_and_gone_on_with(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add("failed", "a", kind="run", sentence="No.")
    with (tmp_path / "journal.jsonl").open("a") as stream:
        stream.write('{"event": "finished", "sig')
    with Journal(tmp_path) as journal:
        journal.add("started", "b")
    (tmp_path / "journal.1-of-2.jsonl").write_text('{"event": "finished", "signature": "c"}\n[1]\n{"event": 3}\n\xff\n')
    assert [event["event"] for event in read_events(tmp_path)] == ["finished", "failed", "started"]
    assert last_outcomes(tmp_path)["a"]["sentence"] == "No."


def test_the_first_machine_is_pinned_for_all(tmp_path):
    assert read_pin(tmp_path) is None
    assert pin(tmp_path, FACTS) == FACTS
    assert pin(tmp_path, {**FACTS, "openblas": "Haswell"}) == FACTS == read_pin(tmp_path)
    assert os.listdir(tmp_path) == ["machine.json"]
    check_machine(FACTS, {**FACTS, "python": "4"})
    with pytest.raises(WrongMachine, match=r"openblas Haswell \(not none\), threads 2 \(not 1\)|threads 2 .*openblas"):
        check_machine(FACTS, {**FACTS, "openblas": "Haswell", "threads": 2})


def test_the_command_of_one_transfer_makes_the_same(planned, tmp_path, capsys):
    """Its options lead to the very settings, and so to the same signature."""
    plan = planned(settings={"rowac": "true", "ac_layers": "input,conv1_1"}, points=[{"preset": "listening"}])
    command = transfer_command(tmp_path, plan, plan.lines[0])
    assert main([*command[1:], "--list-settings"]) == 0
    shown = capsys.readouterr().out
    from audiostyle.settings import describe_settings

    assert shown.strip() == describe_settings(plan.settings(plan.lines[0].values)).strip()


def test_progress_is_heard(planned, conducted):
    heard = []

    class Ears(Listener):
        def begin(self, entries, evaluations):
            heard.append([evaluations(entry) for entry in entries])

        def heard(self, event):
            heard.append(event.get("evaluations"))

        def ended(self, outcome):
            heard.append(outcome["event"])

    conducted(planned(), listener=Ears())
    assert heard == [[39 * 41] * 3, *[None, 7, "finished"] * 3]


def test_make_task_keeps_a_float_s_bits(planned, tmp_path):
    plan = planned(points=[{"style_weight": "0.1"}])
    (entry,) = survey(tmp_path, plan)[:1]
    assert json.loads(json.dumps(make_task(tmp_path, plan, entry, FACTS)))["settings"]["style_weight"] == 0.1


def test_tasks_that_end_with_the_batch_are_not_blamed(planned, conducted, tmp_path):
    full = {"event": "failed", "kind": "disk", "sentence": "The disk is full."}
    under_way = set()
    plan = planned()

    class TwoAtATime(FakeEngine):
        def run(self, next_task, hear):
            first, second = next_task(), next_task()
            for task in (first, second):
                (tmp_path / "batch" / "running").mkdir(exist_ok=True)
                (tmp_path / "batch" / "running" / f"{task['signature']}.json").touch()
            yield {"signature": first["signature"], **full}

    with pytest.raises(BatchStopped):
        conducted(plan, TwoAtATime(), under_way=under_way)
    assert under_way == {plan.lines[1].signature}
    forget(tmp_path / "batch", under_way)
    assert os.listdir(tmp_path / "batch" / "running") == [f"{plan.lines[0].signature}.json"]
