"""The paper's sentences as numbers: what is measured, what would make it true, and whether it is.

Each claim is a number made of the metrics of one reproduction (``results.json``), and a threshold.  A sentence is
judged over reproductions that differ in their seed:

* ``verified``: it holds in every seed, and there are three or more;
* ``falsified``: it holds in none, and there are three or more;
* ``seed-dependent``: it holds in some and not in others;
* ``inconclusive``: fewer than three seeds were measured, and they agree.

``docs/metrics.md`` defines the metrics.  Thresholds are ours, since the paper has none; each is written out.
"""

import dataclasses
import json
import operator
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiostyle.study.reproduce.claims_list import CLAIMS, Claim, Number

__all__ = ["RULE", "SCHEMA", "claims_document", "columns_of", "of_the_papers_clips", "published"]

#: Name and version of the JSON's form; ``claims.schema.json`` beside this module describes it.
SCHEMA = "audiostyle-claims/1"
#: How a verdict comes about.
RULE = (
    "verified: it holds in every seed, of three or more; falsified: in none of three or more; seed-dependent: in some "
    "and not in others; inconclusive: fewer than three seeds, which agree"
)

_LEAST_SEEDS = 3
_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PAPER = "Coleman, Penco, Porisky: Artistic Style Transfer for Music Data, 2017"
_COMMAND = (
    "python -m audiostyle reproduce --content {content} --style {style} --weights vgg19_weights/vgg19_normalized.pkl "
    "--seed N --only {only} -o seedN"
)

Columns = Mapping[str, Mapping[str, float | None]]


def published() -> dict[str, Any]:
    """Return the numbers of the authors' WAVs: ``columns`` (name to metric to value), and their clips' ``inputs``."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="ascii"))
    return found


def of_the_papers_clips(document: Mapping[str, Any]) -> bool:
    """Say whether a reproduction is of the clips that the authors' results are of."""
    wanted = published()["inputs"]
    return all(document["inputs"][role]["sha256"] == wanted[role]["sha256"] for role in ("content", "style"))


def claims_document(
    runs: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Judge every claim.

    Parameters
    ----------
    runs : mapping of str to mapping
        File name to ``results.json``, one of each seed.
    others : mapping of str to mapping, optional
        Reproductions that are shown and have no part in the verdict, such as another preset's.

    Returns
    -------
    dict
        What JSON can hold, as ``claims.schema.json`` has it.
    """
    first = next(iter(runs.values()))
    theirs = published()["columns"] if of_the_papers_clips(first) else {}
    return {
        "schema": SCHEMA,
        "paper": _PAPER,
        "rule": RULE,
        "inputs": first["inputs"],
        "weights": first["weights"],
        "runs": [
            {"file": file, "seed": _seed(one), "experiments": list(one["experiments"])} for file, one in runs.items()
        ],
        "claims": [_judged(claim, theirs, runs, others or {}) for claim in CLAIMS],
    }


def columns_of(document: Mapping[str, Any]) -> dict[str, Mapping[str, float | None]]:
    """Return content, style, ``inverted`` (mel) and the experiments of a ``results.json``, each as metric to value."""
    names = {"content inverted, mel": "inverted"}
    found = {names.get(row["name"], row["name"]): row["metrics"] for row in document["scale"]}
    return found | {name: one["metrics"] for name, one in document["experiments"].items()}


def _judged(
    claim: Claim, theirs: Columns, runs: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    ours = [
        {"file": file, "seed": _seed(one), **found}
        for file, one in runs.items()
        if (found := _measured(claim, columns_of(one))) is not None
    ]
    holds = [one["holds"] for one in ours]
    if any(holds) and not all(holds):
        verdict = "seed-dependent"
    elif len(holds) < _LEAST_SEEDS:
        verdict = "inconclusive"
    else:
        verdict = "verified" if all(holds) else "falsified"
    used = [one for file, one in runs.items() if file in {entry["file"] for entry in ours}]
    first = next(iter(runs.values()))
    return {
        "id": claim.id,
        "sentence": claim.sentence,
        "section": claim.section,
        "number": claim.number,
        "measure": {name: value for name, value in dataclasses.asdict(claim.measure).items() if value},
        "comparison": claim.comparison,
        "threshold": claim.threshold,
        "why": claim.why,
        "remark": claim.remark,
        "theirs": _measured(claim, theirs),
        "ours": ours,
        "spread": _spread([one["value"] for one in ours]),
        "others": {name: _measured(claim, columns_of(one)) for name, one in others.items()},
        "verdict": verdict,
        "command": _COMMAND.format(
            content=first["inputs"]["content"]["name"],
            style=first["inputs"]["style"]["name"],
            only=",".join(claim.measure.experiments),
        ),
        "scale": _scale(claim.measure.experiments, used),
        "hardware": "; ".join(dict.fromkeys(_hardware(one) for one in used)),
    }


def _measured(claim: Claim, columns: Columns) -> dict[str, Any] | None:
    """Return the number and whether it makes the claim true; None where there is no such number."""
    value = _value(claim.measure, columns)
    return None if value is None else {"value": value, "holds": bool(_HOLDS[claim.comparison](value, claim.threshold))}


def _value(number: Number, columns: Columns) -> float | None:
    if number.when and not (_picked(number.when, columns) or 0) > 0:
        return None
    value = _picked(number.of, columns)
    for name, apply in (("minus", operator.sub), ("over", operator.truediv)):
        if value is None or not (operand := getattr(number, name)):
            continue
        other = _picked(operand, columns)
        value = None if other is None or (name == "over" and other == 0) else apply(value, other)
    return value


def _picked(operand: str, columns: Columns) -> float | None:
    """Return the number that ``3d mfcc_frechet_style`` or ``lowest 3a,3b,3c mfcc_frechet_style`` stands for."""
    *pick, names, metric = operand.split(" ")
    values = [columns.get(name, {}).get(metric) for name in names.split(",")]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return max(known) if pick == ["highest"] else min(known)


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"n": len(values), "median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _seed(document: Mapping[str, Any]) -> int:
    seeds = {one["settings"]["seed"] for one in document["experiments"].values()}
    return int(min(seeds))


def _scale(names: Sequence[str], runs: Sequence[Mapping[str, Any]]) -> str:
    """Say how long clips and descents were."""
    seconds = sorted({one["analysis"]["duration"] for one in runs})
    parts = [f"{' and '.join(f'{each:g}' for each in seconds)} s of each clip"] if seconds else []
    for name in names:
        found = [one["experiments"][name] for one in runs if name in one["experiments"]]
        if found:
            rounds, evaluations = (_range(counts) for counts in zip(
                *((len(one["rounds"]), one["evaluations"]) for one in found), strict=True))  # fmt: skip
            parts.append(f"{name}: {rounds} rounds, {evaluations} evaluations")
    return "; ".join(parts)


def _range(counts: Sequence[int]) -> str:
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _hardware(document: Mapping[str, Any]) -> str:
    machine = next(iter(document["experiments"].values()))["machine"]
    words = [machine.get("cpu"), f"{machine['cores']} cores" if "cores" in machine else None, machine.get("kernels")]
    return ", ".join(str(word) for word in words if word)
