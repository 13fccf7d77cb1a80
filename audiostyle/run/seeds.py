"""The same transfer from several start images: which buzz is chance, and which result is best."""

import csv
import dataclasses
import io
import os
from collections.abc import Callable, Sequence
from typing import Any

from audiostyle.api import make_objective
from audiostyle.files import write_bytes
from audiostyle.run.finished import find_finished, going_on
from audiostyle.run.job import run_transfer
from audiostyle.run.manifest import read_manifest
from audiostyle.run.request import Interruption, Outcome, Reporter, Request

__all__ = ["SEEDS_NAME", "SeedResult", "best_of", "run_seeds", "seed_requests"]

#: The table of all seeds, in the folder that holds theirs.
SEEDS_NAME = "seeds.csv"


@dataclasses.dataclass(frozen=True)
class SeedResult:
    """How one seed ended.

    Attributes
    ----------
    seed : int
    folder : str
        Its run.
    loss : float
        At the end.
    stuck_rows : int
        Rows of the sound that buzz (:mod:`audiostyle.audio.stuck_rows`).
    stuck_row_index_db : float
        The excess that the worst row keeps; NaN for a sound too short to measure.
    """

    seed: int
    folder: str
    loss: float
    stuck_rows: int
    stuck_row_index_db: float


def seed_requests(request: Request, count: int) -> list[Request]:
    """Return a request for each of `count` seeds, from the own seed on, in folders ``seed_0``, ``seed_1``..."""
    first = request.settings.seed
    return [
        dataclasses.replace(
            request,
            folder=os.path.join(request.folder, f"seed_{seed}"),
            settings=dataclasses.replace(request.settings, seed=seed),
        )
        for seed in range(first, first + count)
    ]


def run_seeds(
    request: Request,
    count: int,
    reporter: Reporter,
    interruption: Interruption,
    tell: Callable[..., None] = lambda *lines: None,
) -> tuple[list[SeedResult], Outcome | None]:
    """Run all seeds, each in a folder of its own; what is finished there is not run again.

    Parameters
    ----------
    request : Request
        Of the first seed; its folder holds the others'.
    count : int
    reporter, interruption
        As :func:`audiostyle.run.job.run_transfer` takes them.
    tell : callable
        Called with lines before each seed.

    Returns
    -------
    list of SeedResult
        Of the finished seeds.  :data:`SEEDS_NAME` holds the same.
    Outcome or None
        Of the interrupted one, if one was.
    """
    requests = seed_requests(request, count)
    if not request.overwrite:
        requests = [going_on(one) for one in requests]
    # A run of something else in one of the folders is found before hours are spent on another.
    finished = [one for one in requests if find_finished(one) is not None]
    results: list[SeedResult] = []
    build = _shared_objective()
    for one in requests:
        seed = one.settings.seed
        if one in finished:
            tell(f"Seed {seed} is finished; it is not run again.")
        else:
            tell("", f"Seed {seed}")
            outcome = run_transfer(one, reporter, interruption, build)
            if outcome.signal:
                return results, outcome
        results.append(_result(one))
        write_bytes(os.path.join(request.folder, SEEDS_NAME), _as_csv(results).encode("ascii"), "The table")
    return results, None


def best_of(results: Sequence[SeedResult]) -> SeedResult:
    """Return the result with the fewest stuck rows and, among equals, the lowest loss."""
    return min(results, key=lambda one: (one.stuck_rows, one.loss))


def _result(request: Request) -> SeedResult:
    record = read_manifest(request.folder)
    index, rows = record.get("stuck_row_index_db"), record.get("stuck_rows_hertz")
    return SeedResult(
        request.settings.seed,
        request.folder,
        (record["last_loss"] or {}).get("total", float("nan")),
        len(rows) if isinstance(rows, list) else 0,
        float(index) if isinstance(index, (int, float)) and abs(index) < 1e300 else float("nan"),
    )


def _as_csv(results: Sequence[SeedResult]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["seed", "folder", "loss", "stuck_rows", "stuck_row_index_db"])
    for one in results:
        table.writerow([one.seed, os.path.basename(one.folder), one.loss, one.stuck_rows, one.stuck_row_index_db])
    return text.getvalue()


def _shared_objective() -> Callable[..., Any]:
    """Return a maker of objectives that makes one: only the start image depends on the seed."""
    made: list[Any] = []

    def build(*arguments: Any) -> Any:
        if not made:
            made.append(make_objective(*arguments))
        return made[0]

    return build
