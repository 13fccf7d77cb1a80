"""Fixtures for the material beside the repository, which is not part of it, and a cache for each test process."""

import os
from pathlib import Path

import pytest

from audiostyle.cache import use_private_numba_cache
from audiostyle.network.blas import choose_blas_kernels

choose_blas_kernels(authors=True)

import numpy as np  # noqa: E402  OpenBLAS looks once, when numpy loads it

if (worker := os.environ.get("PYTEST_XDIST_WORKER", "gw0")) != "gw0":
    # Theano compiles under a lock whose waiters sleep for seconds.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ["XDG_CACHE_HOME"] = str(cache / f"audiostyle-tests-{worker}")

# Before a test imports librosa: numba would else compile into site-packages, two workers at once.
use_private_numba_cache()

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder ``../shared``; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs {SHARED}, which holds the paper's clips, weights and recorded numbers")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    """Opens one file of numbers recorded by running the authors' code."""
    return lambda name: np.load(shared / "golden" / name)
