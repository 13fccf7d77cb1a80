"""Small runs to write, and a way to look into a forked process."""

import os

import numpy as np
import pytest

from audiostyle.optimise import Evaluation, Round

PARTS = ("content", "style_conv1_1", "row_autocorrelation")


def _finished_round(index, shape=(4, 5), evaluations=3, parts=PARTS, dtype="float32"):
    random = np.random.RandomState(index)
    image = random.uniform(-128, 128, (1, 3, *shape)).astype(dtype)
    records = [
        Evaluation(index, number, {part: random.uniform() for part in parts}, random.uniform(), random.uniform())
        for number in range(1, evaluations + 1)
    ]
    finished = Round(index, image, records[-1].total, evaluations, f"message {index}", index % 3, 7, random.uniform())
    return finished, records


@pytest.fixture(scope="session")
def finished_round():
    """Makes round `index` and its evaluations; the same index always gives the same numbers."""
    return _finished_round


@pytest.fixture(scope="session")
def description():
    """Of a run that never was."""
    return {
        "command_line": ["run_transfer.py"],
        "settings": {"iterations": 40, "representation": "mel", "style_weight": 2e5, "style_layers": ["conv1_1"]},
        "inputs": {
            "content": {"path": "/a/rock.wav", "name": "rock.wav", "sha256": "c" * 64},
            "style": {"path": "/a/reggae.wav", "name": "reggae.wav", "sha256": "5" * 64},
        },
        "weights": {
            "path": "random",
            "form": "random",
            "normalised": True,
            "sha256": "3" * 64,
            "file_sha256": None,
        },
        "machine": {"device": "cpu", "convolution": "onednn", "threads": 2, "blas": "", "cpu": "abacus"},
        "versions": {"numpy": "1.23.5"},
    }


@pytest.fixture(scope="session")
def in_child():
    """Runs a function in a forked process and returns its status and what it wrote to its pipe."""

    def run(work):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)
                work(writing)
                status = 0
            except BaseException as error:
                os.write(writing, repr(error).encode())
            finally:
                os._exit(status)
        os.close(writing)
        with open(reading, "rb") as stream:
            said = stream.read()
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), said

    return run
