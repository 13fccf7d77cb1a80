"""Tables, pages and docs/metrics.md say the same of a metric: its words, its definition, which way is nearer."""

import json
import re
from pathlib import Path

import pytest

import audiostyle.study.evaluate
from audiostyle.study.evaluate.catalogue import metric

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path(audiostyle.study.evaluate.__file__).parent
METRICS = json.loads((PACKAGE / "schema.json").read_text())["$defs"]["sound"]["properties"]["metrics"]
DEFINITIONS = json.loads((PACKAGE / "definitions.json").read_text())


def documented():
    """Anchor to the cells of its row: name, in words, what it is, range, nearer, wanted, source."""
    found = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        for anchor in re.findall(r'<a id="(\w+)">', line) if line.startswith("| <a") else ():
            found[anchor] = [cell.strip() for cell in line.strip("|").split("|")]
    return found


@pytest.mark.parametrize("name", METRICS["required"])
def test_a_metric_is_shown_as_it_is_documented(name):
    it = metric(name)
    names, words, definition, _, nearer, *_ = documented()[it.anchor]
    assert f"`{name}`" in names
    assert re.sub("style|content", r"\*", it.label) in words.replace("the style's", "the *'s") or it.label in words
    assert definition.replace("`", "") == DEFINITIONS[it.anchor]
    assert nearer == {"higher is nearer": "higher", "lower is nearer": "lower"}.get(it.direction, "")


def test_no_two_metrics_have_one_name():
    labels = [metric(name).label for name in METRICS["required"]]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 40


def test_a_name_from_outside_is_left_as_it_is():
    assert metric("fad, lower is nearer") == ("fad, lower is nearer", "", "", "")


@pytest.mark.parametrize("name", ["loss_total", "loss_content", "loss_style_conv5_1", "loss_row_autocorrelation"])
def test_losses_are_documented(name):
    assert metric(name).anchor == "loss"
    assert DEFINITIONS["loss"] == documented()["loss"][2]
    assert any(re.fullmatch(pattern, name) for pattern in METRICS["patternProperties"])
