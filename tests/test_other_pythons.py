"""Python 3.12 and 3.13 compute the same bits as 3.11: each in an environment of its own, as make makes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Samples, spectrograms, image, loss terms, gradient, a short descent and its sound.
CONFIGURATION = ("--only", "mel released onednn")


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
    run(str(tmp_path / ".venv/bin/python"), "-m", "benchmarks.bits", "check", str(recorded), *CONFIGURATION,
        folder=ROOT, XDG_CACHE_HOME=str(tmp_path / "cache"))  # fmt: skip
