"""The package as pip installs it, and run_transfer.py on a Python that cannot run it."""

import argparse
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import audiostyle
from audiostyle.command import transfer
from audiostyle.command.obtain import find_weights
from audiostyle.errors import InputError
from audiostyle.invocation import invocation

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_is_said_once():
    project = (ROOT / "pyproject.toml").read_text()
    assert 'version = { attr = "audiostyle.version.__version__" }' in project
    for name in ("Dockerfile", "compose.yaml"):
        said = set(re.findall(r'(?:version="|image: audiostyle:)(\d+\.\d+\.\d+)', (ROOT / name).read_text()))
        assert said == {audiostyle.__version__}, name


def test_what_is_pinned_is_in_the_range_that_is_installed():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from test_setup import pins

    project = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    requirements = [Requirement(text) for text in re.findall(r'^    "(.*?)",', listed[1], re.MULTILINE)]
    assert len(requirements) > 15
    for minor in (11, 12, 13, 14):
        python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
        pinned = pins("requirements.txt", **python)
        for requirement in requirements:
            if requirement.marker is None or requirement.marker.evaluate(python):
                assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), (
                    f"{requirement}, 3.{minor}"
                )


@pytest.mark.slow
def test_a_wheel_holds_all_that_is_needed(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, "."]
    done = subprocess.run(command, cwd=copy_of_the_repository(tmp_path), capture_output=True, text=True, check=False)
    if done.returncode and re.search(
        "Temporary failure|No matching distribution|Connection", done.stderr + done.stdout
    ):
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("audiostyle-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (ours,) = (name for name in names if re.fullmatch(r"audiostyle-[^/]*/entry_points\.txt", name))
        entries = archive.read(ours).decode()
    files = (path.relative_to(ROOT) for path in (ROOT / "audiostyle").rglob("*") if path.is_file())
    assert {str(path) for path in files if "__pycache__" not in path.parts} <= names
    assert "audiostyle/network/bundled/theano/__init__.py" in names
    assert not any(name.startswith(("tests/", "benchmarks/", "scripts/")) for name in names)
    assert "audiostyle = audiostyle.command.main:main" in entries


def copy_of_the_repository(folder):
    """What git knows of, so that the build leaves nothing behind."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs git")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "copy" / name).write_bytes((ROOT / name).read_bytes())
    return folder / "copy"


def test_messages_name_the_command_that_there_is(monkeypatch, tmp_path):
    assert invocation("doctor").endswith("python -m audiostyle doctor")
    assert invocation("transfer").endswith("python run_transfer.py")
    monkeypatch.setattr("audiostyle.invocation.__file__", str(tmp_path / "audiostyle" / "invocation.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert invocation("transfer").endswith("python -m audiostyle transfer")
    (tmp_path / "audiostyle").write_text("#!/bin/sh\n")
    (tmp_path / "audiostyle").chmod(0o755)
    assert invocation("transfer") == "audiostyle transfer"
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    transfer.add_parser(subparsers)
    assert "audiostyle transfer --resume out" in subparsers.choices["transfer"].format_help()
    with pytest.raises(InputError, match=r"`audiostyle weights fetch`.*`audiostyle weights convert FILE`"):
        find_weights(None, False, False, input, tmp_path / "weights.pkl")


def test_no_text_names_one_way_to_call_the_program():
    sources = (ROOT / "audiostyle").rglob("*.py")
    typed = [path.name for path in sources if "`python -m audiostyle " in path.read_text()]
    assert typed == []


def test_run_transfer_says_its_version():
    done = subprocess.run([ROOT / "run_transfer.py", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"audiostyle {audiostyle.__version__}\n"


def test_run_transfer_without_packages_says_what_to_use(tmp_path):
    alone = tmp_path / "run_transfer.py"
    alone.write_bytes((ROOT / "run_transfer.py").read_bytes())
    command = [sys.executable, "-S", alone, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": ""})
    assert done.returncode == 1
    assert "will not do (it has no numpy); 'make demo' makes the environment .venv" in done.stderr
    environment = tmp_path / ".venv" / "bin"
    environment.mkdir(parents=True)
    (environment / "python").write_text('#!/bin/sh\necho "took over: $2"\n')
    (environment / "python").chmod(0o755)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": ""})
    assert done.stdout == "took over: --version\n"
