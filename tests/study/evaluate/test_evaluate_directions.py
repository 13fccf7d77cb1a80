"""Tables and docs/metrics.md say the same of what is better."""

import json
import re
from pathlib import Path

import audiostyle.study.evaluate
from audiostyle.study.evaluate.directions import direction

ROOT = Path(__file__).resolve().parents[3]
WORDS = {
    "": "",
    "1": "best near 1",
    "0": "lower is better",
    "below 0": "lower is better",
    "near 0": "best near 0",
    "small": "lower is better",
    "high": "higher is better",
    "the style's": "best near the style's",
    "that of content and style": "best near that of content and style",
}


def documented() -> dict[str, str]:
    found = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if not line.startswith("| `"):
            continue
        clip, colon, better = cells[4].rpartition(": ")
        if colon:
            better = {"1": "high", "0": "small"}.get(better, better)
        for name in re.findall(r"`(\w+)`", cells[1]):
            found[name] = WORDS[better] if f"_{clip}" in name or not colon else ""
    return found


def test_directions_are_those_of_the_document() -> None:
    schema = json.loads((Path(audiostyle.study.evaluate.__file__).parent / "schema.json").read_text())
    names = schema["$defs"]["sound"]["properties"]["metrics"]["required"]
    assert {name: direction(name) for name in names} == {name: documented()[name] for name in names}
