"""``docs/settings.md`` says what the code does."""

import runpy
from pathlib import Path

from audiostyle.settings import PRESETS

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_as_the_code_makes_it():
    made = runpy.run_path(str(ROOT / "benchmarks" / "settings_page.py"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text() == made, "run benchmarks/settings_page.py"


def test_it_says_what_each_preset_changes():
    text = (ROOT / "docs" / "settings.md").read_text()
    table = text.partition("## What the presets change")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    for column, name in ((2, "paper"), (3, "corrected")):
        assert {row[0].strip("| `") for row in rows if row[column].strip()} == set(PRESETS[name])
