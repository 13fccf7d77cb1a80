"""What a project needs before anyone may use it, and that it is true."""

import re
from pathlib import Path

import pytest

import audiostyle

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("*.md", "docs/*.md", "vgg19_weights/*.md", "examples/**/*.md")
DOCUMENTS = sorted(path for place in PLACES for path in ROOT.glob(place))


def test_there_is_a_licence_and_it_is_the_one_that_is_named():
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License")
    assert "the AudioStyle contributors" in licence
    assert "license: MIT" in (ROOT / "CITATION.cff").read_text()
    assert "MIT" in (ROOT / "pyproject.toml").read_text()


def test_the_citation_is_whole_and_of_this_version():
    text = (ROOT / "CITATION.cff").read_text()
    keys = set(re.findall(r"^([a-z-]+):", text, re.M))
    # What version 1.2.0 of the format requires, and what a citation needs.
    assert keys >= {"cff-version", "message", "title", "authors", "version", "license", "preferred-citation"}
    assert f"\nversion: {audiostyle.__version__}\n" in text
    for author in ("Coleman", "Penco", "Porisky"):
        assert f"family-names: {author}" in text
    assert "\t" not in text


def test_the_changelog_begins_with_this_version():
    assert re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == audiostyle.__version__


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```|`[^`]*`", "", document.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_tests_that_hold_the_promises_exist():
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 15
    assert not {name for name in named if not (ROOT / "tests" / name).is_file()}
