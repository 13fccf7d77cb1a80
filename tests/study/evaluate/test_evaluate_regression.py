"""Every number of synthetic sounds against those stored by generate_data.py, as mir_eval's tests do."""

import json
import math
import runpy
from pathlib import Path

import pytest

from audiostyle.study.evaluate import evaluate

HERE = Path(__file__).parent
STORED = json.loads((HERE / "data" / "evaluate.json").read_text())


@pytest.fixture(scope="module")
def cases():
    return runpy.run_path(str(HERE / "generate_data.py"))["synthetic_cases"]()


def test_all_cases_are_stored(cases):
    assert list(STORED) == list(cases)


@pytest.mark.parametrize("name", list(STORED))
def test_numbers_are_the_stored_ones(cases, name):
    scores = evaluate(*cases[name])
    assert list(scores) == list(STORED[name])
    for metric, value in scores.items():
        expected = STORED[name][metric]
        if expected is None:
            assert math.isnan(value), metric
        else:
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-9), metric


def test_the_cases_tell_what_they_were_made_to_tell():
    good, buzzing, no_beat = STORED["good"], STORED["buzzing"], STORED["no_beat"]
    assert good["row_ac_r_style"] > 0.8 > 0.3 > no_beat["row_ac_r_style"]
    assert good["row_ac_lag_columns"] == pytest.approx(34, abs=0.3)
    assert buzzing["stuck_row_count"] == 1
    assert good["stuck_row_count"] == no_beat["stuck_row_count"] == 0
    assert buzzing["line_energy"] > 3 * good["line_energy"]
    assert good["tempo_matches_style"] == 1
    assert good["tempo_matches_content"] == 0
    assert STORED["style"]["copy_waveform_style"] == pytest.approx(1)
