"""Compiling the kernels: once, into any folder, or a reason why not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiostyle.network.onednn import available, build
from audiostyle.network.onednn.build import Unavailable, build_kernels
from audiostyle.network.onednn.library import Library

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not available()[0], reason=available()[1])


def fresh(monkeypatch, tmp_path):
    """Build anew, with a cache in this folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Library(build_kernels())


def test_it_compiles_into_a_folder_with_spaces_once(monkeypatch, tmp_path):
    folder = tmp_path / "a cache"
    library = fresh(monkeypatch, folder)
    made = list((folder / "audiostyle" / "onednn").iterdir())
    assert [path.suffix for path in made] == [".so"]
    assert library.to_blocked(np.ones((1, 16, 2, 2), "float32")).sum() == 64
    monkeypatch.setenv("PATH", "")
    fresh(monkeypatch, folder)


def test_reasons_for_not_being_available(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(Unavailable, match="cannot be run"):
            fresh(patch, tmp_path)
        compiler = tmp_path / "g++"
        compiler.write_text("#!/bin/sh\necho 'no room' >&2\nexit 1\n")
        compiler.chmod(0o755)
        with pytest.raises(Unavailable, match=r"g\+\+ failed: no room"):
            fresh(patch, tmp_path)
        assert not [path for path in tmp_path.rglob("*.so") if path.is_file()]
    with monkeypatch.context() as patch:
        patch.setattr(build, "_REQUIRED", {16: {"no such instructions"}})
        with pytest.raises(Unavailable, match="neither AVX-512 nor AVX2"):
            fresh(patch, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "aarch64")
        with pytest.raises(Unavailable, match="for x86-64, and this processor is aarch64"):
            fresh(patch, tmp_path)
    with monkeypatch.context() as patch:

        def missing(name):
            raise build.importlib.metadata.PackageNotFoundError(name)

        patch.setattr(build.importlib.metadata, "files", missing)
        with pytest.raises(Unavailable, match="package onednn-cpu-gomp is not installed"):
            fresh(patch, tmp_path)


def test_threads_spin_only_if_the_user_says_so(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    with build._patient_threads():
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in os.environ
    monkeypatch.setenv("GOMP_SPINCOUNT", "100")
    with build._patient_threads():
        assert "OMP_WAIT_POLICY" not in os.environ


def test_a_damaged_library_is_made_again(monkeypatch, tmp_path):
    fresh(monkeypatch, tmp_path)
    (library,) = (tmp_path / "audiostyle" / "onednn").iterdir()
    whole = library.read_bytes()
    library.unlink()  # this process has it open
    for damaged in (whole[: len(whole) // 2], b""):
        library.write_bytes(damaged)
        # In a process of its own, because half a library ends it.
        program = "from audiostyle.network.onednn.build import build_kernels; build_kernels()"
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
        assert len(library.read_bytes()) == len(whole)
        library.unlink()
