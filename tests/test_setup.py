"""The set-up: what is installed, what is said where something is missing, what an import costs."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
PINS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
HEAVY = ("theano", "lasagne", "librosa", "matplotlib", "sklearn", "skimage", "scipy.signal", "h5py", "numba")


def locked(name):
    """Package, version and marker of each requirement, which has to be ``name==version`` with SHA-256 hashes."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        match = re.fullmatch(r"([a-z0-9-]+)==([A-Za-z0-9.]+)( ; [^-]+?)?((\s+--hash=sha256:[0-9a-f]{64})+)\s*", line)
        assert match, f"{name}: not pinned with hashes: {line[:80]}"
        yield match[1], match[2], (match[3] or "").lstrip(" ;")


def pins(name, **environment):
    """Version of each package that a file names for a Python; this one, if no other is described."""
    chosen = {}
    for package, version, marker in locked(name):
        if not marker or Marker(marker).evaluate(environment):
            assert package not in chosen, f"{name} has two versions of {package} for one Python"
            chosen[package] = version
    return chosen


def requested(name):
    """The requirements of an .in file as (name, version or None)."""
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith(("#", "-c")):
            package, _, version = line.partition(" ;")[0].partition("==")
            yield package.strip().lower().replace("_", "-"), version.strip() or None


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_with_hashes(name):
    found = {(package, version) for package, version, _ in locked(name)}
    for package, version in requested(name.replace(".txt", ".in")):
        versions = {each for pinned, each in found if pinned == package}
        assert versions, f"{package} is asked for and not pinned: make {name} again"
        assert version is None or version in versions


def test_every_import_is_asked_for():
    """A package that only another package brought may go with it."""
    names = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "pkg_resources": "setuptools"}
    # pygpu is on no package index, and shtab and Dask are optional: each is there or not used.
    wanted = {package for package, _ in requested("requirements.in")} | {"audiostyle", "pygpu", "shtab"}
    wanted |= {"dask", "dask-jobqueue", "distributed"}
    for path in (ROOT / "audiostyle").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            for module in {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names):
                package = names.get(module, module.replace("_", "-").lower())
                assert package in wanted, f"{path}: {package} is not in requirements.in"


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_pins_agree_with_each_other_on_every_python(minor):
    python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
    runtime = pins("requirements.txt", **python)
    assert {"theano", "lasagne", "numpy", "scipy"} <= runtime.keys()
    for name in PINS[1:]:
        for package, version in pins(name, **python).items():
            assert runtime.get(package, version) == version, f"{package} in {name}"


@pytest.mark.parametrize("name", PINS)
def test_nothing_of_the_machine_that_made_them(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|file:/|--(extra-)?index-url|--find-links|--trusted-host|\s/\w", text)


def test_what_is_installed_is_what_is_pinned():
    from importlib.metadata import version

    for name in PINS[:2]:
        for package, pinned in pins(name).items():
            assert version(package) == pinned, f"{package}: make clean, then make test"


def make(*arguments, **environment):
    # MAKEFLAGS and MAKELEVEL are those of the make that runs these tests.
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=env | environment, capture_output=True, text=True, check=False, timeout=60
    )


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@needs_make
def test_make_alone_shows_the_targets():
    shown = make()
    assert shown.returncode == 0
    for target in ("demo", "test", "test-full", "lint", "audit", "clean"):
        assert re.search(rf"^make {target}  ", shown.stdout, re.MULTILINE)


@needs_make
def test_no_absolute_path_in_the_makefile():
    # A prerequisite with a space in its path would be two; relative names cannot have one.
    assert not re.search(r"CURDIR|abspath|realpath|\$\(PWD\)", (ROOT / "Makefile").read_text())


@pytest.fixture
def machine(tmp_path):
    """A PATH with nothing but what is put on it: machine(name=script) makes a program."""
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()

    def put(**programs):
        for name, script in programs.items():
            path = folder / name.replace("_", ".").replace("gxx", "g++")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return folder

    return put


def preflight(path, *arguments):
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "preflight"), *arguments],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# A Python 3.11 that answers as a real one does, whichever runs the tests, and others that lack what $2 asks for.
REAL = f'case "$2" in *version_info*) echo 11; exit;; esac; exec \'{sys.executable}\' "$@"'
WITHOUT_VENV = f'case "$2" in *"import venv"*) exit 1;; esac; {REAL}'
WITHOUT_ENSUREPIP = f'case "$2" in *ensurepip*) exit 1;; esac; {REAL}'
WITHOUT_HEADER = f'case "$2" in *sysconfig*) echo /nowhere/include; exit;; esac; {REAL}'
NEWER = REAL.replace("echo 11", "echo 13")
SHIM = "echo pyenv: no such version >&2; exit 127"


def said(result):
    """The one line of a refusal, which holds nothing but a sentence."""
    assert result.returncode == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("audiostyle: ")
    assert lines[0].endswith(".")
    return lines[0]


needs_header = pytest.mark.skipif(
    not Path(sysconfig.get_path("include"), "Python.h").is_file(), reason="needs Python.h"
)


@needs_header
@pytest.mark.parametrize(
    ("programs", "taken"),
    [
        ({"python3_11": REAL}, "python3.11"),
        ({"python3_11": REAL, "python3_13": NEWER, "python3": REAL}, "python3.13"),
        ({"python3_11": REAL, "python3": NEWER}, "python3"),
        ({"python3_13": SHIM, "python3_11": SHIM, "python3": REAL}, "python3"),
        ({"python3_13": WITHOUT_HEADER.replace("echo 11", "echo 13"), "python3_11": REAL}, "python3.11"),
        ({"python3_13": WITHOUT_VENV.replace("echo 11", "echo 13"), "python3_11": REAL}, "python3.11"),
        ({"python3_11": WITHOUT_ENSUREPIP}, "python3.11"),
        ({"python3_11": WITHOUT_VENV, "uv": "exit 0"}, "python3.11"),
    ],
)
def test_preflight_takes_the_newest_that_is_complete(machine, programs, taken):
    assert preflight(machine(**programs, gxx="exit 0")).stdout == f"{taken}\n"


@needs_header
def test_preflight_takes_the_python_it_is_given(machine):
    path = machine(python3_13=NEWER, gxx="exit 0")
    assert preflight(path, sys.executable).stdout == f"{sys.executable}\n"


def test_preflight_without_python(machine):
    assert "sudo apt install python3 python3-venv python3-dev" in said(preflight(machine()))


def test_preflight_with_another_python(machine):
    path = machine(python3='case "$2" in *version_info*) exit 1;; esac; echo "python3 is 3.9.2; "', gxx="exit 0")
    assert "Python 3.11 to 3.14 is missing (python3 is 3.9.2; " in said(preflight(path))
    assert "PYTHON=/no/such/python is not" in said(preflight(path, "/no/such/python"))


def test_preflight_on_macos(machine):
    assert "does not run on macOS" in said(preflight(machine(python3_11=REAL, gxx="exit 0", uname="echo Darwin")))


def test_preflight_without_venv(machine):
    path = machine(python3_11=WITHOUT_VENV, gxx="exit 0")
    assert "sudo apt install python3.11-venv" in said(preflight(path))


def test_preflight_without_header(machine):
    path = machine(python3_11=WITHOUT_HEADER, gxx="exit 0")
    assert "sudo apt install python3.11-dev" in said(preflight(path))


@needs_header
def test_preflight_without_compiler(machine):
    assert "sudo apt install g++" in said(preflight(machine(python3_11=REAL)))


@needs_make
def test_a_set_up_that_fails_leaves_no_finished_venv(tmp_path):
    copy = tmp_path / "a clone"
    (copy / "scripts").mkdir(parents=True)
    for name in ("Makefile", *PINS, "scripts/preflight", "scripts/set-up"):
        shutil.copy(ROOT / name, copy / name)
    broken = copy / "python"
    # Makes a .venv whose pip fails, as it does without a network.
    broken.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        "*version_info*) echo 11;;\n"
        "*sysconfig*) echo .;;\n"
        "*'-m venv'*) mkdir -p .venv/bin; echo 'exit 3' > .venv/bin/python; chmod +x .venv/bin/python;;\n"
        "esac\n"
    )
    broken.chmod(0o755)
    (copy / "Python.h").touch()
    (copy / ".venv").mkdir()
    (copy / ".venv" / "ready-dev").touch()
    result = subprocess.run(
        ["make", "PYTHON=./python", "demo"], cwd=copy, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 2
    assert (copy / ".venv" / "bin" / "python").exists(), "the stand-in was not used: " + result.stderr
    assert not (copy / ".venv" / "ready").exists()
    assert not (copy / ".venv" / "ready-dev").exists()


def imported(*arguments, watched=HEAVY):
    """Those of the watched modules that ``python ARGUMENTS`` imports."""
    listing = "; import sys; print('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, *arguments[:-1], arguments[-1] + listing],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [name for name in watched if name in result.stdout.split()]


def test_import_is_light():
    assert imported("-c", "import audiostyle, audiostyle.settings, audiostyle.optimise") == []
    assert imported("-c", "import h5py") == ["h5py"], "the check is blind"


@pytest.mark.parametrize("arguments", [["--help"], ["transfer", "--help"], ["demo", "--help"], ["--version"]])
def test_help_is_light(arguments):
    call = f"from audiostyle.command.main import main\ntry: main({arguments!r})\nexcept SystemExit: pass\npass"
    assert imported("-c", call, watched=("numpy", *HEAVY)) == []
