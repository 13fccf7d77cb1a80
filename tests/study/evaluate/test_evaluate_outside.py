"""Lists of sounds that others measure, sets of pairs, the page, and loudness."""

import csv
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

import audiostyle.study.evaluate
from audiostyle.command.main import main
from audiostyle.errors import InputError
from audiostyle.files import sha256_of_file
from audiostyle.study.evaluate import loudness_metric
from audiostyle.study.evaluate.outside import read_measures
from audiostyle.study.evaluate.pair_sets import read_pairs

SCHEMA = json.loads((Path(audiostyle.study.evaluate.__file__).parent / "schema.json").read_text())
QUICK = ["--duration", "2", "--no-inversion"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory, clicks):
    folder = tmp_path_factory.mktemp("clips")
    for name, bpm in (("rock & roll.wav", 120), ("style.wav", 150), ("a.wav", 152), ("b.wav", 140), ("c.wav", 90)):
        soundfile.write(folder / name, 0.3 * clicks(bpm, seconds=2.1, noise=0.05), 22050)
    soundfile.write(folder / "port.flac", 0.3 * clicks(150, seconds=2.1), 22050)
    return folder


def test_loudness_is_that_of_the_standard(sound):
    sine = np.sin(2 * np.pi * 997 * np.arange(3 * 22050) / 22050)
    for gain, lufs in ((1.0, -3.01), (0.1, -23.01)):
        it = sound(gain * sine)
        assert loudness_metric.evaluate(it, it, it)["loudness_lufs"] == pytest.approx(lufs, abs=0.05)
    silent = sound(np.zeros(22050))
    assert np.isnan(loudness_metric.evaluate(silent, silent, silent)["loudness_lufs"])


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_list_goes_out_and_comes_back_with_a_measure(ending, clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(clips)
    files = ["rock & roll.wav", "style.wav", "a.wav"]
    listed = tmp_path / f"list.{ending}"
    assert main(["evaluate", *files, "--export", str(listed)]) == 0
    if ending == "csv":
        rows = list(csv.DictReader(listed.open()))
        with listed.open("w") as stream:
            writer = csv.DictWriter(stream, [*rows[0], "FAD, lower is nearer"])
            writer.writeheader()
            writer.writerows([{**row, "FAD, lower is nearer": number} for number, row in enumerate(rows)])
    else:
        document = json.loads(listed.read_text())
        rows = document["sounds"]
        values = {row["sha256"]: number for number, row in enumerate(rows)}
        listed.write_text(json.dumps({**document, "measures": {"FAD, lower is nearer": {"values": values}}}))
    assert [(row["role"], row["sha256"]) for row in rows] == [
        (role, sha256_of_file(name)) for role, name in zip(("content", "style", "output"), files, strict=True)
    ]
    assert main(["evaluate", *files, *QUICK, "--import", str(listed), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert [one["measured_elsewhere"]["FAD, lower is nearer"] for one in document["sounds"]] == [0, 1, 2]
    # A sound that was not measured has none.
    assert main(["evaluate", *files[:2], "b.wav", *QUICK, "--import", str(listed), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sounds"][2]["measured_elsewhere"] == {"FAD, lower is nearer": None}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.txt", "", r"does not end in \.csv or \.json"),
        ("x.csv", "name,fad\na,1\n", "no column sha256"),
        ("x.csv", "sha256,fad\nabc,1\n", "'abc' is no SHA-256"),
        ("x.csv", f"sha256,fad\n{'0' * 64},near\n", "'near', but it must be a number"),
        ("x.csv", f"sha256,fad\n{'0' * 64},inf\n", "must be a number"),
        ("x.csv", f"sha256,fad\n{'0' * 64},1,2\n", "more cells"),
        ("x.csv", f"sha256,tempo_bpm\n{'0' * 64},1\n", "name of a measure of this program"),
        ("x.csv", f"sha256,f\x1bad\n{'0' * 64},1\n", "no name that can be shown"),
        ("x.csv", "sha256,name\n", "There is no measure"),
        ("x.json", "{", "in line 1"),
        ("x.json", "[" * 100000, "cannot be used"),
        ("x.json", "[]", "its schema is not audiostyle-measures/1"),
        ("x.json", '{"schema": "audiostyle-measures/1", "measures": {"a": 1}}', "'a' has no values"),
        ("x.json", '{"schema": "audiostyle-measures/1", "measures": {"a": {"values": {"%s": true}}}}' % ("0" * 64),
         "must be a number"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_a_sentence(name, text, said, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_measures(str(tmp_path / name))


def test_a_set_has_medians_and_ranges_by_label(clips, tmp_path, capsys):
    lines = ["content,style,result,label", *(f"rock & roll.wav,style.wav,{name}.wav,ours" for name in "abc")]
    both = [f"{clips},port.flac,theirs" for clips in ("style.wav,rock & roll.wav", "rock & roll.wav,style.wav")]
    (clips / "pairs.csv").write_text("\n".join([*lines, *both]))
    files = tmp_path / "set.json", tmp_path / "set.csv"
    pairs = ["--pairs", str(clips / "pairs.csv"), "--json", str(files[0]), "--csv", str(files[1])]
    assert main(["evaluate", *pairs, *QUICK]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "5 results of 2 pairs of clips: median (lowest to highest)"
    assert {"content", "style", "ours", "theirs"} <= set(" ".join(shown).split())
    document = json.loads(files[0].read_text())
    assert [one["label"] for one in document["pairs"]] == ["ours", "theirs", "theirs"]
    for one in document["pairs"]:
        jsonschema.validate({key: value for key, value in one.items() if key != "label"}, SCHEMA)
    tempi = sorted(one["metrics"]["tempo_bpm"] for one in document["pairs"][0]["sounds"][2:])
    told = document["summary"]["ours"]["tempo_bpm"]
    assert told == {"n": 3, "median": tempi[1], "lowest": tempi[0], "highest": tempi[2]}
    # The scale counts each pair of clips once.
    assert document["summary"]["content"]["tempo_bpm"]["n"] == 2
    line = " ".join(line for line in shown if line.startswith("  tempo [BPM]"))
    assert re.search(r"\d+\.\d \(\d+\.\d+ to \d+\.\d\)", line)
    assert [row["label"] for row in csv.DictReader(files[1].open())] == ["ours"] * 5 + ["theirs"] * 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("content,style\n", "no column result"),
        ("content,style,result\n", "There is no pair"),
        ("content,style,result\nstyle.wav,style.wav,none.wav\n", "line 2: there is no result .*none.wav"),
        ("content,style,result\nstyle.wav,style.wav\n", "line 2: there is no result"),
        ("content,style,result\n" + "style.wav,style.wav,a.wav\n" * 2, "line 3: this result stands there twice"),
        ("content,style,result\n\0", "cannot be used"),
    ],
)
def test_a_list_of_pairs_that_is_none_is_a_sentence(text, said, clips):
    (clips / "wrong.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_pairs(str(clips / "wrong.csv"))


def test_pairs_and_clips_contradict_each_other(clips, capsys):
    (clips / "one.csv").write_text("content,style,result\nstyle.wav,a.wav,b.wav\n")
    assert main(["evaluate", "x.wav", "--pairs", str(clips / "one.csv")]) == 2
    assert main(["evaluate", "--page", "x.html", "--pairs", str(clips / "one.csv")]) == 2
    assert main(["evaluate"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert ["names all clips" in said[0], "leave out --pairs" in said[1], "at least one output" in said[2]] == [
        True
    ] * 3


def test_the_page_plays_and_defines_everything(clips, tmp_path):
    files = [str(clips / name) for name in ("rock & roll.wav", "style.wav", "a.wav", "port.flac")]
    assert main(["evaluate", *files, *QUICK, "--page", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert re.findall('src="data:audio/([a-z]+);', page) == ["wav", "wav", "wav", "flac"]
    assert "rock &amp; roll.wav" in page
    assert page.count("Nearer to the style than the content is: ") == 2
    assert not re.search(r"(https?:|url\(|@import|file:|<script)", re.sub(r'"data:[^"]*"', "", page))
    links = set(re.findall(r'href="#(m-\w+)"', page))
    assert len(links) > 40
    assert links <= set(re.findall(r'id="(m-\w+)"', page))
