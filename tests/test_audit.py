"""``make audit`` names pinned packages with known faults, and fails for those that nobody has judged."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PINS = {("soundfile", "0.14.0"), ("numpy", "1.23.5"), ("numpy", "2.2.6"), ("pillow", "13.0.0")}
LIST = """
[[fault]]
id = "CVE-1"
package = "soundfile"
versions = "<=0.14.0"
accepted = {accepted}
why = "In the child."
[[fault]]
id = "CVE-2"
package = "pillow"
versions = "<9"
accepted = false
why = "Long ago."
"""


@pytest.fixture(scope="module")
def audit():
    path = ROOT / "scripts" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def known(tmp_path):
    (tmp_path / "known.toml").write_text(LIST.format(accepted="true"))
    return tmp_path / "known.toml"


def answer(*faults):
    packages = {name: {"name": name, "version": version, "vulns": []} for name, version in sorted(PINS)}
    packages["numpy"] = {"name": "numpy", "skip_reason": "Dependency not found on PyPI"}
    packages["soundfile"]["vulns"] = list(faults)
    return {"dependencies": list(packages.values())}


def test_every_pin_is_found(audit):
    pins = audit.pinned([ROOT / name for name in audit.PINS])
    assert {name for name, _ in pins} >= {"theano", "numpy", "soundfile", "pip", "pytest", "nvidia-cublas-cu11"}
    assert sum(name == "numpy" for name, _ in pins) == 3


def test_accepted_faults_are_named_and_do_not_fail(audit, known):
    lines, status = audit.report(PINS, known, None)
    assert status == 0
    assert lines[:2] == ["soundfile 0.14.0: CVE-1, accepted", "    In the child."]
    assert "CVE-2 of pillow <9" in lines[2]  # of a version that is not pinned any more
    assert "4 pinned packages: 0 were looked up" in lines[-1]


def test_a_fault_that_is_not_accepted_fails(audit, known):
    known.write_text(LIST.format(accepted="false"))
    lines, status = audit.report(PINS, known, None)
    assert status == 1
    assert lines[0].endswith("CVE-1, NOT ACCEPTED")


def test_what_the_index_knows_and_the_list_does_not_fails(audit, known):
    old = {"id": "GHSA-x", "aliases": ["CVE-1"], "fix_versions": []}
    lines, status = audit.report(PINS, known, answer(old))
    assert status == 0
    # A package that the index skipped was not looked up, whatever pip-audit's own summary says.
    assert "4 pinned packages: 2 were looked up in the package index, 2 in known.toml only" in lines[-1]
    lines, status = audit.report(PINS, known, answer(old, {"id": "PYSEC-9", "fix_versions": ["0.15"]}))
    assert status == 1
    assert "soundfile 0.14.0: PYSEC-9, NOT IN known.toml (mended in 0.15)" in lines


def test_the_repository_passes_its_own_audit(audit, capsys):
    assert audit.main(["--offline"]) == 0
    said = capsys.readouterr().out
    assert "soundfile 0.14.0: CVE-2026-37555, accepted" in said
    assert "Of no pinned package any more" not in said


def test_no_network_is_no_answer(audit, monkeypatch):
    def without_pip_audit(folder, with_pip):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to("/bin/false")

    monkeypatch.setattr(audit.venv, "create", without_pip_audit)
    assert audit.ask_the_index([ROOT / "requirements.txt"]) is None
