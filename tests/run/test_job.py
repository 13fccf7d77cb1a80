"""A whole transfer whose network is a bowl: what is measured of its result is said and recorded."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audiostyle.demo.clips import write_clips
from audiostyle.run import job
from audiostyle.run.descent import Interruption, Reporter
from audiostyle.run.job import Request, run_transfer
from audiostyle.settings import STYLE_LAYERS, Settings


class Bowl:
    """Loss that is lowest at noise, or at noise with one row that is always bright."""

    def __init__(self, content: np.ndarray, bright: bool) -> None:
        self._lowest = np.random.RandomState(0).uniform(-70, -40, content.shape)
        if bright:
            self._lowest[:, :, 60] = 120.0
        self.weights = {"content": 1.0}

    def __call__(self, image: np.ndarray) -> tuple[dict[str, float], float, np.ndarray]:
        difference = image - self._lowest
        value = float((difference**2).sum())
        return {"content": value}, value, 2 * difference

    def features(self, image: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        return dict.fromkeys(STYLE_LAYERS, image[:, :, ::4, ::4])


@pytest.mark.parametrize("bright", [False, True])
def test_a_buzz_is_said_and_recorded(bright: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    reporter = Reporter()
    reporter.warning = heard.append  # type: ignore[method-assign]
    settings = Settings(
        duration=1.5, iterations=2, max_evaluations=5, start="first_draw", output_channel="mean", inversion="griffinlim"
    )
    weights = SimpleNamespace(notes=(), form="none", normalised=True, sha256="0" * 64, file_sha256=None)
    monkeypatch.setattr(job, "load_weights", lambda *_: weights)
    content, style = write_clips(tmp_path / "clips", 1.5)
    request = Request(str(content), str(style), "random", str(tmp_path / "out"), settings)
    run_transfer(request, reporter, Interruption(), build=lambda content, *_: Bowl(content, bright))
    recorded = json.loads((tmp_path / "out" / "run.json").read_text())
    about_buzz = [text for text in heard if "buzz" in text]
    if bright:
        assert recorded["stuck_row_index_db"] > 3
        assert recorded["stuck_rows_hertz"]
        assert about_buzz
        assert "--seed" in about_buzz[0]
    else:
        assert recorded["stuck_row_index_db"] < 3
        assert recorded["stuck_rows_hertz"] == []
        assert not about_buzz
