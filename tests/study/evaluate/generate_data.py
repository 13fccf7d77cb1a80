"""Remakes data/evaluate.json, the numbers that test_evaluate_regression.py holds the metrics against.

Run it after a change that is meant to change numbers, and look at what changed:

    python tests/study/evaluate/generate_data.py && git diff tests/study/evaluate/data
"""

import json
import math
from pathlib import Path

import numpy as np

from audiostyle.study.evaluate.all_metrics import evaluate
from audiostyle.study.evaluate.sounds import Sound

DATA = Path(__file__).parent / "data" / "evaluate.json"
RATE, HOP, SECONDS = 22050, 256, 3
COLUMNS, BANDS = 250, 32


def synthetic_sound(seed, period, tone, stuck=None):
    """A beat every `period` columns, a tone and noise, as samples and, made apart from them, as mel image."""
    rng = np.random.RandomState(seed)
    time = np.arange(RATE * SECONDS) / RATE
    since_beat = np.mod(time, period * HOP / RATE)
    samples = rng.standard_normal(len(time)) * (0.02 + np.exp(-since_beat / 0.03)) + 0.3 * np.sin(
        2 * np.pi * tone * time
    )
    column = np.arange(COLUMNS)
    beat = np.exp(-np.mod(column, period) / 4)
    mel = np.linspace(-1.3, -2.8, BANDS)[:, None] + 0.9 * np.outer(np.linspace(0.5, 1, BANDS), beat)
    mel += 0.2 * rng.standard_normal((BANDS, COLUMNS))
    if stuck is not None:
        mel[stuck] += 1.1
        samples += 0.5 * np.sin(2 * np.pi * 4656 * time)
    return Sound(samples, np.clip(mel, -4, 0), RATE, HOP, -4.0)


def synthetic_cases():
    """Name to (output, content, style)."""
    content = synthetic_sound(1, 42.5, 110.0)
    style = synthetic_sound(2, 34.0, 164.81)
    return {
        "content": (content, content, style),
        "style": (style, content, style),
        "good": (synthetic_sound(3, 34.0, 110.0), content, style),
        "buzzing": (synthetic_sound(4, 34.0, 110.0, stuck=21), content, style),
        "no_beat": (synthetic_sound(5, 1000.0, 138.59), content, style),
    }


def main():
    """Write the file."""
    numbers = {
        name: {metric: None if math.isnan(value) else value for metric, value in evaluate(*sounds).items()}
        for name, sounds in synthetic_cases().items()
    }
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
