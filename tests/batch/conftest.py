"""Batches whose transfers cost nothing: tables of pairs of tiny files, for the engine of fake_batch."""

import pytest
from fake_batch import FakeEngine

from audiostyle.batch.conductor import Listener, conduct, survey
from audiostyle.batch.journal import Journal
from audiostyle.batch.plan import BatchPlan
from audiostyle.batch.table_of_pairs import add_lines, read_pairs


@pytest.fixture
def clips(tmp_path):
    """Nine files in three folders, which are no sounds."""
    for label in ("jazz", "reggae", "rock"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "clips" / label / f"{label}.{number:05d}.wav").write_text(f"{label} {number}")
    return tmp_path / "clips"


@pytest.fixture
def planned(clips, tmp_path):
    """Makes a plan of a table given as text, and a sweep."""

    def make(text="", points=({},), **changes):
        table = tmp_path / "pairs.csv"
        table.write_text(text or "content,style\n" + "\n".join(
            f"clips/rock/rock.0000{i}.wav,clips/reggae/reggae.0000{i}.wav" for i in range(3)
        ))  # fmt: skip
        plan = BatchPlan("released", {"threads": "1", **changes.pop("settings", {})}, "random", None, **changes)
        return add_lines(plan, read_pairs(table), list(points))

    return make


@pytest.fixture
def conducted(tmp_path):
    """Conducts a plan with an engine, and returns its entries."""

    def run(plan, engine=None, listener=None, **options):
        folder = tmp_path / "batch"
        folder.mkdir(exist_ok=True)
        plan.write(folder)
        entries = survey(folder, plan)
        with Journal(folder) as journal:
            conduct(folder, plan, entries, engine or FakeEngine(), journal, listener or Listener(), **options)
        return entries

    return run
