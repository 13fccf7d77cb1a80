"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

from audiostyle.network.start import start_theano

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "audiostyle").rglob("*.py")
    if ">>> " in path.read_text().replace(">>> with RunFolder", "")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    if module.startswith("audiostyle.network"):
        start_theano()
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted
    assert not outcome.failed


def test_there_are_examples_where_a_newcomer_looks():
    rooms = {module.split(".")[1] for module in MODULES}
    assert rooms >= {"audio", "image", "network", "study"}
    assert sum(path.read_text().count(">>> ") for path in (ROOT / "audiostyle").rglob("*.py")) > 30
