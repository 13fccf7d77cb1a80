"""What a command says before it starts where the environment or the machine's limits will not do."""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from audiostyle.command.surroundings import check_surroundings
from audiostyle.errors import InputError, RunError

ROOT = Path(__file__).resolve().parents[2]


def command(limits=(), **environment):
    """Run a command that imports numpy, under resource limits."""

    def limit():
        for kind, value in limits:
            resource.setrlimit(kind, (value, value))

    done = subprocess.run(
        [sys.executable, "-m", "audiostyle", "weights", "info", "no such file"],
        cwd=ROOT,
        env=os.environ | environment,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("threads", ["abc", "0", "100000", "4,2", "-1", "٣", "9" * 99])
def test_a_number_of_threads_that_cannot_be(monkeypatch, threads):
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    with pytest.raises(InputError, match=r"NUMBA_NUM_THREADS is .* must be"):
        check_surroundings()
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    with pytest.raises(InputError, match=r"OMP_NUM_THREADS is .* must be a whole number from 1 to 1024"):
        check_surroundings()


def test_an_empty_home_is_none(monkeypatch):
    monkeypatch.setenv("HOME", "")
    check_surroundings()
    assert os.path.expanduser("~/.cache") != "/.cache"


def test_without_docstrings():
    status, said = command(PYTHONOPTIMIZE="2")
    assert status == 2
    assert "PYTHONOPTIMIZE=2" in said


def test_too_little_memory_for_openblas():
    status, said = command([(resource.RLIMIT_AS, 300000 * 1024)])
    assert status == 1
    assert "needs at least 1.5 GiB" in said


def test_too_few_files():
    status, said = command([(resource.RLIMIT_NOFILE, 12)])
    assert status == 1
    assert "may open 12 files" in said


def test_too_few_threads(monkeypatch):
    start, started = threading.Thread.start, []

    def refuse(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(start(thread))

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RunError, match="Only 2 more threads can be started"):
        check_surroundings()


def test_another_system(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RunError, match="runs on Linux, and this is darwin"):
        check_surroundings()


def test_a_backend_of_matplotlib_that_is_none():
    assert "no such file" in command(MPLBACKEND="nonsense")[1]
    program = (
        "from audiostyle.command.surroundings import check_surroundings; check_surroundings(); import matplotlib.figure"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"MPLBACKEND": "nonsense"}, check=True)


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
def test_matplotlib_warns_of_no_folder(variable, tmp_path):
    (tmp_path / "file").touch()
    environment = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    environment |= {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment[variable] = str(tmp_path / "file" / "in it")
    program = "import matplotlib; print(matplotlib.get_configdir(), matplotlib.get_cachedir())"
    look = "from audiostyle.command.surroundings import check_surroundings; check_surroundings(); "

    def run(text):
        return subprocess.run(
            [sys.executable, "-c", text], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )

    assert "MPLCONFIGDIR" in run(program).stderr
    done = run(look + program)
    assert done.stderr == ""
    assert set(done.stdout.split()) == {
        str(tmp_path / f"audiostyle{suffix}" / "matplotlib")
        for suffix in ([""] if variable == "XDG_CONFIG_HOME" else [f"-{os.geteuid()}"])
    }


def test_a_folder_that_is_named_to_matplotlib_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    check_surroundings()
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path)


def test_a_flag_that_theano_does_not_know():
    program = "from audiostyle.network.start import start_theano; start_theano()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"THEANO_FLAGS": "floatX=abc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "InputError: Theano refuses its flags" in done.stderr
    assert 'configuration variable "floatX"' in done.stderr
    assert "ValueError" not in done.stderr
