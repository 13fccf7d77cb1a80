"""Artistic style transfer for music data, as Coleman, Penco and Porisky (2017) released it.

The house, in the order in which a sound goes through it:

- ``settings/``   every constant, each with its row of the differences table; presets
- ``audio/``      samples <-> log spectrogram <-> mel and other representations
- ``image.py``    representation <-> the network's image
- ``pipeline.py`` both directions in one place: ``analyse`` a clip, ``synthesise`` an image
- ``weights/``    weights files of any form -> 32 arrays
- ``network/``    the only room with Theano: VGG-19, the losses and their table, one compiled objective
- ``optimise.py`` from noise downhill: the start image, rounds of L-BFGS, a record of every step; ``lbfgs.py``
  is scipy's, which can be put down and taken up again, ``two_loop.py`` one with less arithmetic
- ``api.py``      a whole transfer in memory, for those who program
- ``run/``        a transfer on disk: folder, archive, pictures, sound
- ``study/``      what uses runs: stages for ports, metrics, the paper's experiments
- ``batch/``      many transfers: a plan, what has become of each, the engine that runs them, tables and a page
- ``command/``    the command line, one file a subcommand; ``demo/`` and ``doctor/`` serve it

Each room imports from those above it only (tests/test_house.py), and importing this package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from audiostyle.version import __version__ as __version__

if TYPE_CHECKING:
    from audiostyle.api import Transfer, make_objective, transfer
    from audiostyle.audio.clip import write_wav
    from audiostyle.errors import AudioStyleError, InputError, RunError
    from audiostyle.optimise import Evaluation, Round, descend, run_round, start_image
    from audiostyle.pipeline import Analysis, Synthesis, analyse, synthesise
    from audiostyle.run.archive import Archive
    from audiostyle.settings import PRESETS, Settings, preset
    from audiostyle.study.evaluate import evaluate, measure
    from audiostyle.weights.load import Weights, load_weights


# Where each public name lives; it is imported when it is first used (PEP 562).
_HOMES = {
    "audiostyle.api": ("Transfer", "make_objective", "transfer"),
    "audiostyle.audio.clip": ("write_wav",),
    "audiostyle.errors": ("AudioStyleError", "InputError", "RunError"),
    "audiostyle.optimise": ("Evaluation", "Round", "descend", "run_round", "start_image"),
    "audiostyle.pipeline": ("Analysis", "Synthesis", "analyse", "synthesise"),
    "audiostyle.run.archive": ("Archive",),
    "audiostyle.settings": ("PRESETS", "Settings", "preset"),
    "audiostyle.study.evaluate": ("evaluate", "measure"),
    "audiostyle.weights.load": ("Weights", "load_weights"),
}
_PUBLIC = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "PRESETS",
    "Analysis",
    "Archive",
    "AudioStyleError",
    "Evaluation",
    "InputError",
    "Round",
    "RunError",
    "Settings",
    "Synthesis",
    "Transfer",
    "Weights",
    "analyse",
    "descend",
    "evaluate",
    "load_weights",
    "make_objective",
    "measure",
    "preset",
    "run_round",
    "start_image",
    "synthesise",
    "transfer",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
