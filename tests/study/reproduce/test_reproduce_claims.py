"""Numbers of the claims, and how a verdict comes about."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from audiostyle.study import reproduce
from audiostyle.study.reproduce.claims import claims_document, columns_of, of_the_papers_clips
from audiostyle.study.reproduce.claims_list import CLAIMS, Number

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((Path(reproduce.__file__).parent / "claims.schema.json").read_text())


@pytest.fixture(scope="module")
def released():
    return json.loads((ROOT / "docs" / "baseline" / "released.json").read_text())


def seeds(released, *values, metric="row_ac_r_style"):
    """Reproductions whose 3d has these numbers."""
    found = {}
    for seed, value in enumerate(values):
        one = copy.deepcopy(released)
        one["experiments"]["3d"]["settings"]["seed"] = seed
        one["experiments"] = {"3d": one["experiments"]["3d"]}
        one["experiments"]["3d"]["metrics"][metric] = value
        found[f"{seed}.json"] = one
    return found


def claim(document, name):
    (found,) = [one for one in document["claims"] if one["id"] == name]
    return found


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.7, 0.6, 0.5), "verified"),
        ((0.1, 0.2, 0.4999), "falsified"),
        ((0.7, 0.4), "seed-dependent"),
        ((0.7, 0.6, 0.6, 0.4), "seed-dependent"),
        ((0.7, 0.6), "inconclusive"),
        ((0.1,), "inconclusive"),
    ],
)
def test_a_verdict_needs_three_seeds_that_agree(released, values, verdict):
    document = claims_document(seeds(released, *values))
    jsonschema.validate(document, SCHEMA)
    found = claim(document, "periodicity-of-style")
    assert found["verdict"] == verdict
    assert [one["seed"] for one in found["ours"]] == list(range(len(values)))
    assert found["spread"]["highest"] == max(values)
    assert found["spread"]["n"] == len(values)
    assert found["scale"] == "10 s of each clip; 3d: 39 rounds, 1600 evaluations"
    # What these files have no number for is not judged.
    other = claim(document, "no-beat")
    assert (other["ours"], other["spread"], other["verdict"]) == ([], None, "inconclusive")


def test_numbers_are_what_their_words_say(released):
    columns = columns_of(released)
    values = {one["id"]: one["ours"][0]["value"] for one in claims_document({"a": released})["claims"] if one["ours"]}
    assert values["periodicity-of-style"] == columns["3d"]["row_ac_r_style"]
    assert values["more-periodic"] == columns["3c"]["row_ac_lag_strength"] - columns["3b"]["row_ac_lag_strength"]
    greatest = max(columns[name]["mfcc_frechet_style"] for name in ("3b", "3c", "3d"))
    assert values["least-musical"] == columns["3a"]["mfcc_frechet_style"] / greatest
    # Nothing buzzes in 3c of seed 0, so there is nothing to fix.
    assert "buzz-is-fixed" not in values
    assert Number("3d a", over="lowest 3a,3c b", when="content c").experiments == ("3a", "3c", "3d")


def test_a_number_that_is_not_defined_judges_nothing(released):
    document = claims_document(seeds(released, 0.7, None, 0.7))
    found = claim(document, "periodicity-of-style")
    assert [one["seed"] for one in found["ours"]] == [0, 2]


def test_theirs_are_of_the_papers_clips_only(released):
    other = copy.deepcopy(released)
    other["inputs"]["style"]["sha256"] = "0" * 64
    assert of_the_papers_clips(released)
    assert not of_the_papers_clips(other)
    assert {one["theirs"] for one in claims_document({"a": other})["claims"]} == {None}
    theirs = {one["id"]: one["theirs"]["holds"] for one in claims_document({"a": released})["claims"]}
    # As docs/reproduction.md judges them one by one.
    assert [name for name, holds in theirs.items() if not holds] == [
        "beat-is-heard", "best-of-content", "very-closely", "content-preserved",
    ]  # fmt: skip


def test_each_claim_is_one():
    names = [one.id for one in CLAIMS]
    assert len(set(names)) == len(names)
