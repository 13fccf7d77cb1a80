"""Which clip an autocorrelation is taken from, or none."""

import dataclasses
import weakref

import numpy as np
import pytest

from audiostyle.network.terms import loss_terms
from audiostyle.settings import Settings
from audiostyle.weights.load import load_weights

BASE = Settings(rowac=True, colac=True)


def names(every_term=False, **changes):
    terms = loss_terms(dataclasses.replace(BASE, **changes), every_term)
    return [term.name for term in terms if term.axis]


@pytest.mark.parametrize("every_term", [False, True])
def test_no_target_is_no_term(every_term):
    assert names(every_term) == ["row_autocorrelation", "column_autocorrelation"]
    assert names(every_term, row_target="none") == ["column_autocorrelation"]
    assert names(every_term, row_target="none", column_target="none") == []


def test_each_axis_has_its_own_clip():
    from audiostyle.network.start import start_theano

    start_theano("cpu", 0)
    from audiostyle.network.objective import Objective

    random = np.random.RandomState(0)
    content, style = (random.uniform(-100, 100, (1, 3, 32, 40)).astype(np.float32) for _ in range(2))
    settings = dataclasses.replace(BASE, row_target="content", column_target="style")
    weights = load_weights("random")
    objective = Objective(content, style, weights.arrays, settings)
    at_content, at_style = objective(content)[0], objective(style)[0]
    assert at_content["row_autocorrelation"] < 1e-6 * at_style["row_autocorrelation"]
    assert at_style["column_autocorrelation"] < 1e-6 * at_content["column_autocorrelation"]
    without = Objective(content, style, weights.arrays, dataclasses.replace(settings, row_target="none"))
    parts = without(style)[0]
    assert "row_autocorrelation" not in parts
    assert parts["column_autocorrelation"] == at_style["column_autocorrelation"]


def test_activations_of_one_clip_go_before_those_of_the_other_come(monkeypatch):
    from audiostyle.network.start import start_theano

    start_theano("cpu", 0)
    from audiostyle.network.objective import Objective

    kept, measure = [], Objective.features

    def features(self, image, layers):
        # A whole spectrogram's would be a gigabyte.
        assert [name for name, activation in kept if activation() is not None] in ([], ["conv4_2"])
        found = measure(self, image, layers)
        kept.extend((name, weakref.ref(activation)) for name, activation in found.items() if name != "input")
        return found

    monkeypatch.setattr(Objective, "features", features)
    content, style = (np.full((1, 3, 32, 40), level, np.float32) for level in (1, 2))
    Objective(content, style, load_weights("random").arrays, BASE)
    assert len(kept) == 12
