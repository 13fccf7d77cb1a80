"""``python -m audiostyle doctor`` as a user runs it, on machines that lack something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stub_cuda.build import build_stub

from audiostyle.network.blas import choose_blas_kernels

ROOT = Path(__file__).resolve().parents[2]


def doctor(*arguments, python=(sys.executable,), **environment):
    return subprocess.run(
        [*python, "-m", "audiostyle", "doctor", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def states(output):
    """The state of each subject; indented lines go on with the one before."""
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "note ", "problem "))]
    return {line[9:25].strip(): line.split()[0] for line in lines}


def test_a_machine_that_works():
    done = doctor("--device", "cpu")
    found = states(done.stdout)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    for subject in ("Python", "numpy", "scipy", "Theano", "Lasagne", "compiler", "Python.h", "compile cache", "BLAS"):
        assert found[subject] == "ok", done.stdout
    assert "GFLOP/s in sgemm" in done.stdout
    assert found["trial"] == "ok"
    assert "a small network on cpu agrees with numpy" in done.stdout


def test_no_compiler(tmp_path):
    done = doctor("--device", "cpu", PATH=str(tmp_path))
    found = states(done.stdout)
    assert done.returncode == 1
    assert found["compiler"] == "problem"
    assert found["trial"] == "note"
    assert "remedy: install it (Debian and Ubuntu: apt install g++ python3-dev)." in done.stdout
    assert "1 problem: see the remedies above." in done.stdout


def test_no_packages_at_all():
    done = doctor(python=(sys.executable, "-S"), PYTHONPATH="")
    found = states(done.stdout)
    assert done.returncode == 1
    assert done.stderr == ""
    assert [found[name] for name in ("numpy", "scipy", "Theano", "Lasagne")] == ["problem"] * 4


def test_a_gpu_is_asked_for_where_there_is_none(tmp_path):
    build_stub("libcuda", tmp_path)
    done = doctor("--device", "cuda", LD_LIBRARY_PATH=str(tmp_path), STUB_CUDA_INIT="100")
    assert done.returncode == 1
    assert states(done.stdout)["NVIDIA driver"] == "problem"
    assert "there is no NVIDIA GPU that it may use" in done.stdout


def test_what_the_cpu_does_not_need_is_only_noted(tmp_path):
    build_stub("libcuda", tmp_path)
    done = doctor("--device", "cpu", PATH=str(tmp_path), LD_LIBRARY_PATH=str(tmp_path), STUB_CUDA_INIT="100")
    assert states(done.stdout)["NVIDIA driver"] == "note"


@pytest.mark.parametrize("name", ["gpu", "cuda:0", ""])
def test_no_such_device(name):
    done = doctor("--device", name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"audiostyle: The device {name!r} is unknown; use cpu")


def test_a_compile_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    flags = f"base_compiledir={tmp_path / 'file' / 'theano'}"
    done = doctor("--device", "cpu", THEANO_FLAGS=flags, PATH=str(tmp_path))
    assert states(done.stdout)["compile cache"] == "problem", done.stdout
    assert "name a writable folder in the flag base_compiledir or in XDG_CACHE_HOME" in " ".join(done.stdout.split())


def test_blas_kernels_for_a_processor_that_openblas_does_not_know(monkeypatch):
    cpuinfo = {}
    monkeypatch.setattr(Path, "read_text", lambda path, **_: cpuinfo[str(path)])

    def chosen(vendor, family, flags, authors=False, before=None):
        cpuinfo["/proc/cpuinfo"] = (
            f"vendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t: {flags}\n\nvendor_id\t: x\n"
        )
        monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
        if before is not None:
            monkeypatch.setenv("OPENBLAS_CORETYPE", before)
        choose_blas_kernels(authors)
        return os.environ.pop("OPENBLAS_CORETYPE", None)

    assert chosen("AuthenticAMD", 26, "sse2 avx avx2") == "Haswell"
    assert chosen("AuthenticAMD", 26, "sse2 avx") is None
    assert chosen("AuthenticAMD", 25, "sse2 avx avx2") is None
    assert chosen("GenuineIntel", 26, "sse2 avx avx2") is None
    avx512 = "avx2 avx512f avx512cd avx512bw avx512dq avx512vl"
    assert chosen("AuthenticAMD", 26, avx512) == "SkylakeX"
    assert chosen("GenuineIntel", 6, avx512) == "SkylakeX"
    assert chosen("GenuineIntel", 6, avx512, before="Haswell") == "Haswell"
    # Those of the recorded numbers, where the processor has them.
    assert chosen("GenuineIntel", 6, avx512, authors=True, before="Haswell") == "SkylakeX"
    assert chosen("AuthenticAMD", 25, "avx2", authors=True, before="Zen") == "Zen"


def test_blas_threads_do_not_spin_while_the_network_runs(monkeypatch):
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    choose_blas_kernels()
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "20"


def test_the_users_own_choice_of_blas_kernels_stays(monkeypatch):
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", "26")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "vendor_id: AuthenticAMD\ncpu family: 26\nflags: avx2\n")
    choose_blas_kernels()
    assert os.environ["OPENBLAS_CORETYPE"] == "Zen"
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "26"
