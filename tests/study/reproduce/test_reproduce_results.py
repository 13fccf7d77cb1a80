"""What a reproduction leaves: figures, numbers that keep to their schema, and a page that needs nothing else."""

import dataclasses
import html.parser
import json
import re
import sys
from pathlib import Path

import jsonschema
import matplotlib.image
import numpy as np
import pytest
import soundfile

from audiostyle.files import sha256_of_file
from audiostyle.study import reproduce
from audiostyle.study.evaluate.catalogue import metric
from audiostyle.study.html_parts import escaped
from audiostyle.study.html_parts import number as shown_number
from audiostyle.study.reproduce.write_up import write_reproduction

SCHEMA = json.loads((Path(reproduce.__file__).parent / "results.schema.json").read_text())


@pytest.fixture(scope="module")
def document(reproduced):
    return json.loads((reproduced / "results.json").read_text())


@pytest.fixture(scope="module")
def page(reproduced):
    return (reproduced / "report.html").read_text()


def test_every_file_is_there(reproduced):
    found = {path.name for path in reproduced.iterdir()}
    assert found == {
        "3a", "3b", "3d", "content.wav", "style.wav", "content_inverted_mel.wav", "content_inverted_spectrogram.wav",
        "figure1.png", "figure2.png", "figure3.png", "figure4.png", "results.json", "claims.json", "report.html",
    }  # fmt: skip
    samples, rate = soundfile.read(reproduced / "content.wav")
    whole, _ = soundfile.read(reproduced.parent / "clips" / "rock.wav")
    assert rate == 22050
    np.testing.assert_array_equal(samples, whole[: round(1.2 * 22050)])


def test_numbers_keep_to_the_schema(document):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)
    for broken in ({**document, "more": 1}, {**document, "experiments": {"3e": document["experiments"]["3b"]}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


def test_no_path_of_the_machine_is_published(document, reproduced):
    text = json.dumps(document)
    for folder in (sys.prefix, str(reproduced), "site-packages"):
        assert folder not in text
    for one in document["experiments"].values():
        assert "openblas" in one["machine"]["blas"]
        assert "/" not in one["machine"]["blas"]


def test_numbers_are_those_of_the_runs(document, reproduced):
    assert list(document["experiments"]) == ["3a", "3b", "3d"]
    assert [row["name"] for row in document["scale"]] == [
        "content", "style", "content inverted, spectrogram", "content inverted, mel",
    ]  # fmt: skip
    record = json.loads((reproduced / "3d" / "run.json").read_text())
    one = document["experiments"]["3d"]
    assert one["last_loss"] == record["last_loss"]
    assert [each["total"] for each in one["rounds"]] == [each["total"] for each in record["rounds"]]
    assert one["settings"] == record["settings"]
    assert set(one["metrics"]) == set(document["scale"][0]["metrics"])
    assert document["scale"][0]["metrics"]["row_ac_r_content"] == pytest.approx(1)
    # The bowl is lowest at the style, so that is what comes out.
    assert one["metrics"]["mel_correlation_style"] > one["metrics"]["mel_correlation_content"]


def test_no_path_of_this_machine_is_published(document, page, reproduced):
    assert str(reproduced.parent) not in json.dumps(document)
    assert str(reproduced.parent) not in page


def test_a_second_time_gives_the_same(again, reproduced, page):
    before = (reproduced / "results.json").read_bytes()
    again(["3a", "3b", "3d"], lambda text: None)
    assert (reproduced / "results.json").read_bytes() == before
    assert (reproduced / "report.html").read_text() == page


def test_a_sound_of_another_form_is_measured_and_played(plan, run_one, tmp_path):
    settings = dataclasses.replace(plan.settings, output_format="flac")
    flac = dataclasses.replace(plan, folder=str(tmp_path), settings=settings)
    run_one("3b", of=flac)
    page = Path(write_reproduction(flac, ["3b"], lambda text: None)).read_text()
    assert 'src="data:audio/flac;base64,' in page
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["experiments"]["3b"]["output_sha256"] == sha256_of_file(tmp_path / "3b" / "output.flac")


class Reader(html.parser.HTMLParser):
    """Collects tags, and complains of what is not closed."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self):
        super().__init__()
        self.tags = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    sounds = [attributes for tag, attributes in reader.tags if tag == "audio"]
    pictures = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert len(sounds) == 7
    assert len(pictures) == 4 + 4 + 5 + 5
    assert all(one["src"].startswith("data:audio/wav;base64,UklGR") for one in sounds)
    assert all(one["src"].startswith("data:image/") and one["alt"] for one in pictures)
    assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert not re.search(r"(https?:|url\(|@import|file:)", re.sub(r'"data:[^"]*"', "", page))
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page


def test_the_page_judges_the_papers_sentences(page, reproduced):
    claims = json.loads((reproduced / "claims.json").read_text())
    judged = [one for one in claims["claims"] if one["ours"]]
    assert "no-beat" in {one["id"] for one in judged}
    # These clips are not the paper's.
    assert {one["theirs"] for one in claims["claims"]} == {None}
    assert "The authors&#x27; numbers are of other clips" in page
    for one in judged:
        assert f'<th scope="row">{escaped(one["sentence"])} <small>' in page
    assert {one["verdict"] for one in judged} == {"inconclusive"}


def test_the_page_has_every_number(page, document):
    for name, value in document["experiments"]["3b"]["metrics"].items():
        label = re.escape(escaped(metric(name).label))
        row = re.search(rf'<a href="#m-\w+">{label}</a>(?: <small>[^<]*</small>)?</th>(.*?)</tr>', page)
        cells = re.findall("<td>(.*?)</td>", row.group(1))
        assert len(cells) == 4 + 3
        assert cells[5] == shown_number(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0"), (14406.2, "14406"), (0.12345, "0.123"), (-2.527, "−2.53"),
     (152.2, "152"), (1e7, "1.0e+07"), (0.00004, "0.000"), (-3.0, "−3")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert shown_number(value) == text


def test_figures_are_the_papers(reproduced):
    heights = {}
    for number, panels in ((1, 2), (2, 2), (3, 3), (4, 4)):
        pixels = matplotlib.image.imread(reproduced / f"figure{number}.png")
        heights[number] = pixels.shape[0] / panels
        assert pixels.shape[1] == 1320
    assert heights[1] == pytest.approx(1320 * 277 / 1664 + 33, abs=2)
    assert heights[4] == pytest.approx(1320 * 141 / 1672 + 33, abs=2)
    curves = matplotlib.image.imread(reproduced / "figure4.png")[..., :3]
    for colour in ((1, 0, 0), (0, 0, 1), (0, 128 / 255, 0)):
        assert (np.abs(curves - colour).max(axis=2) < 0.01).sum() > 300
