"""The folder to be published is whole, checks itself, says nothing of the machine, and a program can read it."""

import json
import subprocess

import pytest
import soundfile

from audiostyle.command.main import main
from audiostyle.errors import InputError
from audiostyle.files import check_new_folder, sha256_of_file
from audiostyle.study.reproduce import bundle
from audiostyle.study.reproduce.bundle import write_bundle

NAMES = ["3a", "3b", "3d"]


@pytest.fixture(scope="module")
def published(reproduced, tmp_path_factory):
    (reproduced / "3b" / "stages.h5").write_bytes(b"stages")
    target = tmp_path_factory.mktemp("bundle") / "to publish"
    write_bundle(str(target), str(reproduced), NAMES)
    (reproduced / "3b" / "stages.h5").unlink()
    return target


def test_everything_is_in_it(published, reproduced):
    found = {str(path.relative_to(published)) for path in published.rglob("*") if path.is_file()}
    assert found >= {
        "README.md", "requirements.txt", "SHA256SUMS", "ro-crate-metadata.json", "results.json", "claims.json",
        "report.html", "figure3.png", "content.wav", "content_inverted_mel.wav", "3b/stages.h5", "3d/output.wav",
        "3d/run.json", "3a/losses.csv",
    }  # fmt: skip
    assert not [name for name in found if name.endswith("run.h5")]
    assert soundfile.info(published / "3d" / "output.wav").samplerate == 22050
    text = (published / "README.md").read_text()
    assert "A quick run, not the paper's numbers" in text
    assert "numpy==" in (published / "requirements.txt").read_text()


def test_it_checks_itself(published):
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=published, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    files = {str(path.relative_to(published)) for path in published.rglob("*") if path.is_file()}
    assert {line.split(": ")[0] for line in done.stdout.splitlines()} == files - {
        "SHA256SUMS",
        "ro-crate-metadata.json",
    }


def test_no_folder_of_this_machine_is_in_it(published, reproduced):
    for path in published.rglob("*"):
        if path.suffix in (".json", ".md", ".txt", ".csv", ".html"):
            assert str(reproduced.parent) not in path.read_text(), path
            assert "site-packages" not in path.read_text(), path


def test_the_description_is_whole(published):
    graph = json.loads((published / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    files = {str(path.relative_to(published)) for path in published.rglob("*") if path.is_file()}
    assert {entity["@id"] for entity in entities["./"]["hasPart"]} == files - {"ro-crate-metadata.json"}
    assert entities["3d/output.wav"]["sha256"] == sha256_of_file(published / "3d" / "output.wav")
    actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
    assert [action["@id"] for action in actions] == [f"#{name}" for name in NAMES]
    assert {"@id": "3d/output.wav"} in actions[2]["result"]
    for action in actions:
        assert action["startTime"] <= action["endTime"]

    def referred(value):
        if isinstance(value, dict) and set(value) == {"@id"}:
            yield value["@id"]
        elif isinstance(value, (dict, list)):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from referred(inner)

    outside = {"https://w3id.org/ro/crate/1.1"}
    assert set(referred(graph)) <= {*entities, *outside}


def test_a_place_that_cannot_be_used_is_refused_first(published, tmp_path, capsys):
    for place in (published, published / "README.md", tmp_path / "none" / "bundle"):
        with pytest.raises(InputError, match="The bundle cannot be made as"):
            check_new_folder(str(place), "The bundle")
    (tmp_path / "empty").mkdir()
    check_new_folder(str(tmp_path / "empty"), "The bundle")
    assert main(["reproduce", "--demo", "--bundle", str(published), "-o", str(tmp_path / "out")]) == 2
    assert "there is something already" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bundle_is_whole_or_not_there(reproduced, tmp_path, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "crate_metadata", broken)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(str(tmp_path / "bundle"), str(reproduced), NAMES)
    assert list(tmp_path.iterdir()) == []
