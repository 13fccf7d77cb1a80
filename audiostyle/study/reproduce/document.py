"""``results.json``: the reproduction in numbers, small enough to publish and free of the machine's paths.

Beside the stage files of the experiments it is the baseline that a newer port compares itself with.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from audiostyle.run.archived_run import ArchivedRun
from audiostyle.study.evaluate.measured_files import Measurements, Row
from audiostyle.study.evaluate.tables import SCHEMA as METRICS_SCHEMA
from audiostyle.study.reproduce.experiments import EXPERIMENTS
from audiostyle.version import __version__

__all__ = ["PAPERS_ROUNDS", "PAPERS_SECONDS", "SCHEMA", "as_document", "as_json", "is_quick"]

#: Name and version of the JSON's form; ``results.schema.json`` beside this module describes it.
SCHEMA = "audiostyle-reproduction/1"

PAPERS_SECONDS = 10
#: Of 3b, 3c and 3d, and of 3a (D5).
PAPERS_ROUNDS = (39, 24)

_SOUND = ("name", "sha256")
_RUN = ("started", "ended", "evaluations", "first_loss", "last_loss", "seconds_per_evaluation", "peak_memory_bytes")


def as_document(
    runs: Mapping[str, ArchivedRun],
    manifests: Mapping[str, dict[str, Any]],
    outputs: Mapping[str, bytes],
    evaluation: Measurements,
) -> dict[str, Any]:
    """Return the reproduction as what JSON can hold.

    Parameters
    ----------
    runs : mapping of str to ArchivedRun
        The finished experiments by name.
    manifests : mapping of str to dict
        Their ``run.json``.
    outputs : mapping of str to bytes
        Their sound files.
    evaluation : Measurements
        Of their sounds.
    """
    rows = {row.name: row for row in evaluation.rows}
    first = next(iter(runs.values())).description
    return {
        "schema": SCHEMA,
        "audiostyle": __version__,
        "inputs": {role: _picked(first["inputs"][role], _SOUND) for role in ("content", "style")},
        "weights": _picked(first["weights"], ("form", "normalised", "sha256", "file_sha256")),
        "metrics_schema": METRICS_SCHEMA,
        "analysis": {
            name: getattr(evaluation.analysis, name)
            for name in ("sample_rate", "duration", "offset_content", "offset_style")
        },
        "scale": [_measured(row) for row in evaluation.rows if row.role != "output"],
        "experiments": {
            name: {
                "title": EXPERIMENTS[name].title,
                "settings": run.settings,
                "machine": _machine(run.description["machine"]),
                "versions": run.description["versions"],
                "image": {"height": run.start_image.shape[2], "width": run.start_image.shape[3]},
                "start_image_sha256": hashlib.sha256(run.start_image.tobytes()).hexdigest(),
                "last_image_sha256": hashlib.sha256(run.last_image.tobytes()).hexdigest(),
                "output_sha256": hashlib.sha256(outputs[name]).hexdigest(),
                "resumed": len(run.description.get("resumed", [])),
                "rounds": [
                    {"index": one.index, "total": _number(one.total), "evaluations": one.evaluations, "nit": one.nit}
                    for one in run.rounds
                ],
                **{key: manifests[name].get(key) for key in _RUN},
                "metrics": _measured(rows[name])["metrics"],
            }
            for name, run in runs.items()
        },
    }


def is_quick(document: Mapping[str, Any]) -> bool:
    """Say whether clips or descents were shorter than the paper's."""
    rounds = {name: len(one["rounds"]) for name, one in document["experiments"].items()}
    enough = all(count >= PAPERS_ROUNDS[name == "3a"] for name, count in rounds.items())
    return not (document["analysis"]["duration"] >= PAPERS_SECONDS and enough)


def as_json(document: dict[str, Any]) -> str:
    """Return it as text, every number with all its digits."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _machine(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of a machine with the BLAS's name instead of the flags that say where it lies."""
    names = re.findall(r"(?<!\S)-l:?([\w.+-]+)(?!\S)", entry["blas"])
    return {**entry, "blas": " ".join(names)}


def _measured(row: Row) -> dict[str, Any]:
    metrics = {name: _number(value) for name, value in row.metrics().items()}
    return {"name": row.name, "role": row.role, "seconds": row.seconds, "note": row.note, "metrics": metrics}


def _picked(entry: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: entry.get(name) for name in names}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
