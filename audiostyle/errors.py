"""The ways a run can fail, and the exit status each one means."""

__all__ = [
    "AudioStyleError",
    "DiskError",
    "FolderBusy",
    "InputError",
    "Interrupted",
    "NoSpace",
    "RunError",
    "WriteFailed",
]


class AudioStyleError(Exception):
    """Base of every error whose text is a sentence meant for the user.

    The text says what was tried, what came, what was expected and what to do.
    """

    exit_status = 1


class InputError(AudioStyleError):
    """The user's input (a file, an option, a setting) cannot be used: exit status 2."""

    exit_status = 2


class RunError(AudioStyleError):
    """The input was fine but the run failed (full disk, NaN loss): exit status 1."""

    exit_status = 1


class DiskError(AudioStyleError):
    """The disk or the rights on it are what refuses, so another run in the same place would fare no better."""


class FolderBusy(InputError):
    """Another run holds the folder, and leaves it when it ends."""


class NoSpace(DiskError, InputError):
    """Nothing was begun, for there is no room or no right to write: exit status 2."""


class WriteFailed(DiskError, RunError):
    """The system refused to write a file: exit status 1."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM ended the program at once: exit status 130 or 143.

    Attributes
    ----------
    exit_status : int
        128 and the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number
