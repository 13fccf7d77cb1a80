"""What a batch says of the time that is left."""

import types

import pytest

from audiostyle.command import batch_progress
from audiostyle.command.batch_progress import BatchProgress

NAMES = ["one", "two"]


@pytest.fixture
def clock(monkeypatch):
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(batch_progress.time, "monotonic", lambda: now.seconds)
    return now


def entry(name, state="begun"):
    return types.SimpleNamespace(
        line=types.SimpleNamespace(signature=name, name=name), found=types.SimpleNamespace(state=state)
    )


def begun(found):
    """Two transfers of 1000 evaluations, of which some were made before."""
    progress = BatchProgress()
    progress.begin([entry(name) for name in NAMES], lambda entry: 1000)
    for name in NAMES:
        progress.heard({"signature": name, "begun": True})
        progress.heard({"signature": name, "evaluations": found, "found": found})
    return progress


@pytest.mark.parametrize("found", [0, 600])
def test_the_time_left_is_that_of_what_is_left_at_the_pace_of_today(found, clock, capsys):
    progress = begun(found)
    clock.seconds = 100.0
    progress.heard({"signature": "one", "evaluations": found + 200})
    left = {0: "15 min", 600: "5 min"}[found]  # 200 in 100 s; 1800 or 600 more to come
    assert (
        f"{(2 * found + 200) / 20:.0f} %, 0/2 done, 0 failed, 2 running, 0.0/h, {left} left" in capsys.readouterr().out
    )


def test_a_task_that_is_begun_again_has_done_its_part_today(clock, capsys):
    progress = begun(600)
    clock.seconds = 100.0
    progress.heard({"signature": "one", "evaluations": 800})
    progress.ended({"signature": "one", "event": "interrupted"})
    progress.heard({"signature": "one", "begun": True})
    clock.seconds = 200.0
    progress.heard({"signature": "one", "evaluations": 800, "found": 800})
    assert "10 min left" in capsys.readouterr().out.splitlines()[-1]


def test_before_anything_is_done_nobody_knows(clock, capsys):
    progress = begun(600)
    clock.seconds = 100.0
    progress.heard({"signature": "one", "evaluations": 600})
    assert "? left" in capsys.readouterr().out


def test_what_only_wants_measuring_was_descended_before(clock, capsys):
    progress = BatchProgress()
    progress.begin([entry("one", "unmeasured"), entry("two", "new")], lambda entry: 1000)
    progress.heard({"signature": "one", "begun": True})
    progress.ended({"signature": "one", "event": "finished"})
    progress.heard({"signature": "two", "begun": True})
    clock.seconds = 100.0
    progress.heard({"signature": "two", "evaluations": 100})
    assert "15 min left" in capsys.readouterr().out


def test_the_bar_reckons_likewise(clock, monkeypatch, capsys):
    monkeypatch.setattr(batch_progress.sys.stderr, "isatty", lambda: True)
    with begun(600) as progress:
        shown = progress._bar.format_dict
    assert (shown["n"], shown["initial"], shown["total"]) == (1200, 1200, 2000)
