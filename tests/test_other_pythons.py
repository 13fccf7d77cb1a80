"""Python 3.12 and 3.13 compute the same bits as 3.11: each in an environment of its own, as make makes it.

Without AVX-512 there is no name by which two OpenBLAS choose the same kernels: matrix products of some sizes
round otherwise there, and with them the gradient and the descent, but not what comes before and after them.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Samples, spectrograms, image, loss terms, gradient, a short descent and its sound.
CONFIGURATION = ("--only", "mel released onednn")
# What depends on the gradient (the stages of the inversion start from the content).
DESCENT = ("loss ", "last image", "output.wav", "stage gradient")


def interpreter(version):
    """Path of a working Python of a version, on PATH or in pyenv's folder, or None."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for python in (shutil.which(f"python{version}"), *map(str, reversed(found))):
        if python and subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return python
    return None


def run(*command, folder, **environment):
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    file = tmp_path_factory.mktemp("bits") / "bits.json"
    run(sys.executable, "-m", "benchmarks.bits", "record", str(file), *CONFIGURATION, folder=ROOT)
    return file


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_same_bits(recorded, tmp_path, version):
    python = interpreter(version)
    if python is None or sys.version_info[:2] > (3, 13):
        pytest.skip(f"needs Python {version}, and 3.11 to 3.13 to compare it with")
    if version == "{}.{}".format(*sys.version_info):
        pytest.skip("is this Python")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, tmp_path)
    try:
        run("/bin/sh", "scripts/set-up", "run", python, folder=tmp_path)
    except AssertionError as failure:
        pytest.skip(f"no environment could be made: {failure}")
    done = subprocess.run(
        [tmp_path / ".venv/bin/python", "-m", "benchmarks.bits", "check", recorded, *CONFIGURATION],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    differences = re.findall(r"^mel released onednn: (.*) has other bits$", done.stdout, re.MULTILINE)
    if "avx512f" not in Path("/proc/cpuinfo").read_text():
        differences = [name for name in differences if not name.startswith(DESCENT)]
    assert differences == []
    assert "sums" in done.stdout, done.stderr
