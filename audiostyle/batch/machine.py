"""What decides about the last bits and is the machine's: pinned by the first that works on a batch, for all others."""

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import uuid
from pathlib import Path
from typing import Any

from audiostyle.errors import InputError, RunError, WriteFailed
from audiostyle.files import read_bytes, reason, shown, synchronise

__all__ = ["Facts", "WrongMachine", "check_machine", "device_kind", "machine_facts", "pin", "read_pin"]

Facts = dict[str, Any]

_NAME = "machine.json"
_LARGEST = 2**16


class WrongMachine(RunError):
    """This machine cannot do a batch's work with the same bits, or at all; another one may."""


def machine_facts(device: str, threads: int, convolution: str) -> Facts:
    """Start Theano and say what this process computes with.

    Parameters
    ----------
    device, convolution : str
    threads : int
        As the settings of these names.

    Raises
    ------
    WrongMachine
        If it cannot compute at all.
    """
    from audiostyle.errors import AudioStyleError
    from audiostyle.network.gpu.device import resolve_device
    from audiostyle.network.start import start_theano

    try:
        backend = start_theano(resolve_device(device), threads)
    except WriteFailed:
        raise
    except AudioStyleError as error:
        raise WrongMachine(str(error)) from error
    from audiostyle.network.onednn import TILES, available

    usable = device_kind(backend.device) == "cpu" and convolution != "corrmm"
    works, how = available(TILES.get(convolution, 4)) if usable else (False, "")
    return {
        "device": device_kind(backend.device),
        "threads": backend.threads,
        # How many threads it last ran on is no part of it.
        "onednn": re.sub(r", \d+ threads$", "", how) if works else None,
        "openblas": os.environ.get("OPENBLAS_CORETYPE", ""),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "scipy")},
    }


def device_kind(device: str) -> str:
    """Return ``cpu``, ``cuda`` or ``opencl``: which of several GPUs a run had is chance."""
    return re.sub(r"[\d:]+$", "", device)


def check_machine(pinned: Facts, here: Facts) -> None:
    """Raise WrongMachine if bits would differ from those of the machine that was pinned."""
    differing = [
        f"{name} {here.get(name) or 'none'} (not {pinned.get(name) or 'none'})"
        for name in pinned
        if name != "python" and here.get(name) != pinned[name]
    ]
    if differing:
        raise WrongMachine(
            f"The machine {platform.node()} would compute other bits than the one that began the batch: "
            f"{', '.join(differing)}; use machines of one kind, or make another batch for this one."
        )


def read_pin(folder: Path) -> Facts | None:
    """Return what a batch's first machine computed with, or None before there was one.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    with contextlib.suppress(ValueError, RecursionError):
        facts = json.loads(read_bytes(path, _LARGEST))
        if isinstance(facts, dict):
            return facts
    raise InputError(
        f"The record {shown(path)} of the batch's machine is damaged; remove it if all machines are alike."
    )


def pin(folder: Path, facts: Facts) -> Facts:
    """Record what this machine computes with, unless another one was first; return the first one's.

    Raises
    ------
    WriteFailed
        If it cannot be recorded.
    """
    part = folder / f".audiostyle-part-{uuid.uuid4().hex}.json"
    try:
        try:
            part.write_text(json.dumps(facts, indent=1) + "\n")
            synchronise(part)
            # A link is made by one of several that try at the same moment, and is whole.
            with contextlib.suppress(FileExistsError):
                os.link(part, folder / _NAME)
            synchronise(folder)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
    except OSError as error:
        raise WriteFailed(f"The batch's machine could not be recorded in {shown(folder)}: {reason(error)}.") from error
    return read_pin(folder) or facts
