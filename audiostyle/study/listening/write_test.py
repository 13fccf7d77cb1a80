"""The folder for listeners, with a page of our own and a configuration for webMUSHRA, and the key, not for them."""

import html
import json
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiostyle.errors import InputError
from audiostyle.files import new_folder, read_bytes, shown, write_bytes
from audiostyle.settings import Settings
from audiostyle.study.listening.blinded_sounds import HIDDEN, QUESTIONS, Trial, blinded_trials
from audiostyle.version import __version__

__all__ = ["SCHEMA", "key_path", "read_key", "write_test"]

#: Name and version of the key's form.
SCHEMA = "audiostyle-listening/1"

_HERE = Path(__file__).parent
_WELCOME = (
    "You will hear short sounds. Please use headphones in a quiet room. On each page, listen to the reference, then "
    "say how each of the other sounds compares with it, from 0 (bad) to 100 (excellent). One of them is the reference "
    "itself: give that one 100."
)
_LARGEST = 2**26


def key_path(folder: str) -> str:
    """Return where the key of a test lies: beside its folder, not in it."""
    return os.path.normpath(folder) + ".key.json"


def write_test(
    folder: str,
    pairs: Sequence[tuple[str, str, str, str]],
    settings: Settings,
    question: str = "style",
    seed: int | None = None,
) -> None:
    """Make a test.

    Parameters
    ----------
    folder : str
        Must not be there, or be empty.
    pairs, settings, question
        As :func:`~audiostyle.study.listening.blinded_sounds.blinded_trials` takes them.
    seed : int, optional
        Draws names and orders; without one nobody can guess them.

    Raises
    ------
    InputError
        If a sound cannot be used, or there is a test already.
    RunError
        If something cannot be written.
    """
    if os.path.lexists(key_path(folder)):
        raise InputError(f"There is a key already, {shown(key_path(folder))}; name another folder.")
    draw: random.Random = random.SystemRandom() if seed is None else random.Random(seed)
    with new_folder(folder, "The listening test") as part:
        (part / "audio").mkdir()
        trials = blinded_trials(part / "audio", pairs, settings, question, draw)
        name = os.path.basename(os.path.abspath(folder))
        (part / "webmushra.yaml").write_text(_webmushra(name, trials, question), encoding="utf-8")
        (part / "index.html").write_text(_page(name, trials, question), encoding="utf-8")
        key = {
            "schema": SCHEMA,
            "audiostyle": __version__,
            "test": name,
            "question": question,
            "trials": {trial.id: trial.key for trial in trials},
        }
        text = json.dumps(key, indent=1) + "\n"
    try:
        write_bytes(key_path(folder), text.encode("ascii"), "The key")
    except BaseException:
        # Without its key a test is of no use.
        shutil.rmtree(folder, ignore_errors=True)
        raise


def read_key(folder: str) -> dict[str, Any]:
    """Return the key of a test.

    Raises
    ------
    InputError
        If there is none, or it is none of ours.
    """
    path = key_path(folder)
    try:
        key: Any = json.loads(read_bytes(path, _LARGEST))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict) or key.get("schema") != SCHEMA or not isinstance(key.get("trials"), dict):
        raise InputError(f"The file {shown(path)} is not the key of a listening test ({SCHEMA}).")
    trials = list(key["trials"].values())
    entries = [entry for trial in trials if isinstance(trial, dict) for entry in trial.values()]
    whole = all(isinstance(entry, dict) and isinstance(entry.get("condition"), str) for entry in entries)
    if not whole or not all(isinstance(trial, dict) for trial in trials):
        raise InputError(f"The key {shown(path)} is damaged: a stimulus has no condition.")
    return key


def _webmushra(name: str, trials: Sequence[Trial], question: str) -> str:
    """Return a configuration for a webMUSHRA in whose folder ``configs`` the test lies."""

    def quoted(text: str) -> str:
        return json.dumps(text)

    def path(file: str) -> str:
        return quoted(f"configs/{name}/audio/{file}")

    lines = [
        f"testname: {quoted('Listening test')}",
        f"testId: {quoted(name)}",
        "bufferSize: 2048",
        "stopOnErrors: true",
        "showButtonPreviousPage: false",
        "remoteService: service/write.php",
        "pages:",
        "  - type: generic",
        "    id: welcome",
        "    name: Welcome",
        f"    content: {quoted(_WELCOME)}",
        "  - type: volume",
        "    id: volume",
        "    name: Volume",
        f"    content: {quoted('Set a level that you like, and leave it there.')}",
        f"    stimulus: {path(trials[0].reference)}",
        "    defaultVolume: 0.5",
        "  -",
        "    - random",
    ]
    for trial in trials:
        lines += [
            "    - type: mushra",
            f"      id: {trial.id}",
            "      name: Compare",
            f"      content: {quoted(QUESTIONS[question])}",
            "      showWaveform: false",
            "      enableLooping: true",
            "      randomize: true",
            f"      reference: {path(trial.reference)}",
            "      createAnchor35: false",
            "      createAnchor70: false",
            "      stimuli:",
        ]
        # webMUSHRA hides the reference among the others itself.
        lines += [
            f"        {identity}: {path(file)}"
            for identity, file in trial.stimuli.items()
            if trial.key[identity]["condition"] != HIDDEN
        ]
    lines += [
        "  - type: finish",
        "    name: Thank you",
        "    content: Please send your answers.",
        "    showResults: false",
        "    writeResults: true",
    ]
    return "\n".join(lines) + "\n"


def _page(name: str, trials: Sequence[Trial], question: str) -> str:
    """Return a page of our own, which needs no server: answers are saved as a CSV of webMUSHRA's columns."""
    pages = [{"id": trial.id, "reference": trial.reference, "stimuli": trial.stimuli} for trial in trials]
    data = json.dumps({"test": name, "question": QUESTIONS[question], "welcome": _WELCOME, "trials": pages})
    style, script = ((_HERE / f"listening.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Listening test</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main></main>\n"
        f"<noscript>{html.escape('This page needs JavaScript.')}</noscript>\n"
        # In a script no text may end it.
        f'<script type="application/json" id="test">{data.replace("<", chr(92) + "u003c")}</script>\n'
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )
