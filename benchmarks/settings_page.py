"""Writes docs/settings.md: what each preset changes, and every setting, as the code has them.

.venv/bin/python benchmarks/settings_page.py
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audiostyle.settings import PRESETS, Settings, preset  # noqa: E402
from audiostyle.settings.fields import as_text  # noqa: E402

PAGE = ROOT / "docs" / "settings.md"
HEAD = """\
# Settings

Every constant of the method is a setting. `--preset` chooses values for several, `--set name=value` changes one, and
`--list-settings` prints them all as the rest of the command line sets them, with a star at each that is not as
released. The rows named here (D1, T1, ...) are those of [differences.md](differences.md).

This page is made by `benchmarks/settings_page.py`.

## What the presets change

`released` is what the authors' code does, `paper` what the paper's text says, and `corrected` mends the faults that
can be heard. An empty cell is as released.
"""


def page() -> str:
    """Return the page's text."""
    changed = [field for field in dataclasses.fields(Settings) if any(field.name in one for one in PRESETS.values())]
    others = [name for name in PRESETS if name != "released"]
    lines = [HEAD, *_row("setting", "released", *others, "rows"), *_row(*["---"] * (len(others) + 3))]
    for field in changed:
        values = [as_text(getattr(preset(name), field.name)) if field.name in PRESETS[name] else "" for name in others]
        lines += _row(f"`{field.name}`", as_text(field.default), *values, field.metadata["rows"])
    lines += ["", "## All of them", "", *_row("setting", "released", "meaning", "values", "rows"), *_row(*["---"] * 5)]
    for field in dataclasses.fields(Settings):
        meta = field.metadata
        values = ", ".join(map(str, meta["choices"])) if meta["choices"] is not None else ""
        if meta["low"] is not None:
            values = f"{meta['low']:g} to {meta['high']:g}"
        lines += _row(f"`{field.name}`", as_text(field.default), meta["help"], values, meta["rows"])
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> Iterator[str]:
    yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
