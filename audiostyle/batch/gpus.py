"""Which GPUs work on a batch: each is a worker that sees no other, so that all call theirs ``cuda``."""

import re

from audiostyle.errors import InputError

__all__ = ["chosen_gpus"]

_NUMBERS = re.compile(r"\d{1,3}(,\d{1,3})*", re.ASCII)


def chosen_gpus(text: str | None) -> list[str]:
    """Return the numbers of GPUs that ``--gpus`` names, for ``CUDA_VISIBLE_DEVICES``.

    Raises
    ------
    InputError
        If it names none, or one twice.
    """
    if text is None:
        return []
    if text == "all":
        from audiostyle.network.gpu.cuda import Missing, cuda_driver

        try:
            count = len(cuda_driver().gpus)
        except Missing as missing:
            raise InputError(f"There is no GPU to use: {missing}; {missing.remedy}.") from missing
        if not count:
            raise InputError("There is no GPU to use on this machine.")
        return [str(number) for number in range(count)]
    numbers = text.split(",")
    if not _NUMBERS.fullmatch(text) or len(set(numbers)) < len(numbers):
        raise InputError(f"--gpus was given {text!r}, but takes all, or different numbers such as 0,1.")
    return numbers
