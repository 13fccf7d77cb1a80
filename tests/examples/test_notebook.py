"""The notebook's cells run from the first to the last, without jupyter."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.io import wavfile

FILE = Path(__file__).resolve().parents[2] / "examples" / "transfer.ipynb"
CELLS = json.loads(FILE.read_text())["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


class Audio:
    def __init__(self, data, rate):
        assert np.isfinite(data).all()
        self.seconds = len(data) / rate


def test_the_notebook_is_kept_without_what_it_showed():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)


def test_the_cells_run(tmp_path, monkeypatch, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    heard = []
    stub = ModuleType("IPython.display")
    stub.__dict__.update(Audio=Audio, display=heard.append)
    monkeypatch.setitem(sys.modules, "IPython.display", stub)
    monkeypatch.chdir(tmp_path)
    names = {}
    try:
        for cell in CODE:
            exec(compile("".join(cell["source"]), f"{FILE.name}, cell {cell['id']}", "exec"), names)
        assert len(pyplot.get_fignums()) == 3
    finally:
        pyplot.close("all")
    assert [round(one.seconds) for one in heard] == [2, 2]
    assert "round 2: " in capsys.readouterr().out
    rate, samples = wavfile.read("notebook.wav")
    assert rate == 22050
    assert len(samples) > rate
