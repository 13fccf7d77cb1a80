"""Objective measures of a transfer, in the shape of mir_eval: validate, metrics, evaluate.

The modules each hold one question: :mod:`autocorrelation` (the paper's Figure 4), :mod:`rhythm`,
:mod:`onsets`, :mod:`timbre`, :mod:`harmony`, :mod:`overlap` (bright areas), :mod:`spectral`, :mod:`copying`,
:mod:`buzz`, :mod:`loudness_metric`; :mod:`paper_losses` asks the network.  ``docs/metrics.md`` has the table of all
numbers.
"""

from audiostyle.study.evaluate.all_metrics import evaluate, evaluate_by_module
from audiostyle.study.evaluate.sounds import Sound, measure

__all__ = ["Sound", "evaluate", "evaluate_by_module", "measure"]
