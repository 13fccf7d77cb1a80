"""What a transfer shows while it runs: a progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TYPE_CHECKING, Any

from audiostyle.command.terminal import Unheeded, counted, tell
from audiostyle.run.request import Reporter
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from audiostyle.optimise import Evaluation, Round

__all__ = ["ProgressReporter", "QuietReporter", "duration_text"]

# scipy's L-BFGS stops at the first line search past maxfun, one or two evaluations later.
_PAST_LIMIT = 1
# Without a terminal a line is printed this often, and after each round.
_SECONDS_BETWEEN_LINES = 30


def duration_text(seconds: float) -> str:
    """Return a duration as people say it: ``45 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _results_text(settings: Settings, seconds_per_evaluation: float) -> str:
    """Say how long the results take, measured in evaluations; a GPU's say nothing of the processor that makes them."""
    if settings.device != "cpu":
        return ""
    # Of a mel image of 10 s, which the spectrogram's outgrows fivefold.
    unit = seconds_per_evaluation * 10 / settings.duration / (5.4 if settings.representation == "spectrogram" else 1)
    pictures, a_phase = 34, 0.5
    evaluations = pictures + a_phase * settings.inversion_iterations * settings.duration / 10
    return f" in about {duration_text(evaluations * unit)}"


class QuietReporter(Reporter):
    """Shows warnings only."""

    def warning(self, text: str) -> None:
        """Print a warning on stderr."""
        tell(f"audiostyle: {text}", stream=sys.stderr)


class ProgressReporter(QuietReporter):
    """Shows the plan, the stages, and the descent evaluation by evaluation."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._terminal = sys.stderr.isatty()
        self._settings = Settings()
        self._remaining = 0.0
        self._printed = 0.0

    def plan(self, lines: list[str]) -> None:
        """Print the plan."""
        tell(*lines)

    def stage(self, text: str) -> None:
        """Print the stage's name."""
        tell(f"{text} ...")

    def descent(self, settings: Settings, first_round: int, seconds_per_evaluation: float) -> None:
        """Print how long it will take and open the bar."""
        self._settings = settings
        per_round = settings.max_evaluations + _PAST_LIMIT
        self._remaining = (settings.rounds - first_round + 1) * per_round
        tell(
            f"Descending: {self._remaining:.0f} evaluations of {seconds_per_evaluation:.2f} s, about "
            f"{duration_text(self._remaining * seconds_per_evaluation)}, and then the pictures and the sound"
            f"{_results_text(settings, seconds_per_evaluation)}; Ctrl-C stops early and keeps finished rounds."
        )
        self._started = self._printed = time.monotonic()
        self._done = 0
        if self._terminal:
            import tqdm

            self._bar = tqdm.tqdm(
                total=int(self._remaining), unit="eval", dynamic_ncols=True, smoothing=0.05, file=Unheeded(sys.stderr)
            )

    def evaluation(self, evaluation: "Evaluation") -> None:
        """Advance the bar, or print a line now and then."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_description(f"round {evaluation.round}/{self._settings.rounds}", refresh=False)
            self._bar.set_postfix_str(f"loss {evaluation.total:.6g}", refresh=False)
            self._bar.update()
        elif time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES:
            self._line(f"evaluation {evaluation.index}", evaluation.round, evaluation.total)

    def round(self, finished: "Round") -> None:
        """Print a line for the round where there is no bar."""
        if self._bar is None:
            self._line(counted(finished.evaluations, "evaluation"), finished.index, finished.total)

    def descent_ended(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, what: str, index: int, total: float) -> None:
        self._printed = time.monotonic()
        left = (self._printed - self._started) / self._done * max(self._remaining - self._done, 0)
        tell(f"round {index}/{self._settings.rounds}, {what}: loss {total:.6g}, {duration_text(left)} left")
