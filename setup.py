"""Builds the package with a copy of Theano 1.0.5, unaltered; all else is said in pyproject.toml.

Theano's own setup.py does not run on Python 3.12 or newer, and nothing that a user could install would change that.
So its sources, with the hash of requirements.txt, are built here with scripts/build in front, and lie in
``audiostyle/network/bundled``, where ``audiostyle.network`` finds them if no Theano is installed.
"""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithTheano(build_py):
    """Copies the package's modules and data, and Theano."""

    def run(self) -> None:
        """Copy all but Theano, and then Theano, unless the package is used where it lies."""
        super().run()
        if not self.editable_mode:
            self._add_theano(Path(self.build_lib) / "audiostyle" / "network" / "bundled")

    def _add_theano(self, folder: Path) -> None:
        locked = re.search(r"^theano==.*?(?=\n    #|\n\S)", (ROOT / "requirements.txt").read_text(), re.M | re.S)
        assert locked is not None
        # A build in isolation finds its packages by a sitecustomize of its own, which ours would hide.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "scripts" / "build"), *sys.path])}
        with tempfile.TemporaryDirectory() as name:
            requirement = Path(name) / "theano.txt"
            requirement.write_text(f"{locked[0]}\n")
            pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--require-hashes"]
            subprocess.run([*pip, "-r", str(requirement), "-w", name], env=environment, check=True)
            (wheel,) = Path(name).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)


setup(cmdclass={"build_py": BuildWithTheano})
