"""A listening test tells nobody what is what, all sounds are equally loud, and simulated answers come out as put in."""

import csv
import json
import random
import re
import statistics

import numpy as np
import pytest
import soundfile

from audiostyle.audio.loudness import loudness
from audiostyle.command.main import main
from audiostyle.demo.clips import write_clips
from audiostyle.errors import InputError
from audiostyle.files import sha256_of_file
from audiostyle.study.listening.answers import analyse_answers, as_lines, median_interval
from audiostyle.study.listening.blinded_sounds import ANCHOR, HIDDEN
from audiostyle.study.listening.write_test import key_path, read_key

#: What simulated listeners think of each condition.
OPINIONS = {HIDDEN: 98, "ours": 70, "theirs": 55, "content": 30, ANCHOR: 20}
HEAD = "session_test_id session_uuid trial_id rating_stimulus rating_score rating_time rating_comment"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A test of two trials, of results of unequal loudness and length."""
    folder = tmp_path_factory.mktemp("listening")
    content, style = write_clips(folder, 2.5)
    noise = np.random.RandomState(0).standard_normal(40000)
    soundfile.write(folder / "ours.wav", 0.5 * noise / np.abs(noise).max(), 22050)
    soundfile.write(folder / "theirs.flac", 0.02 * noise[:38000] / np.abs(noise).max(), 22050)
    rows = [
        f"{first},{second},{name},{label}"
        for first, second in ((content.name, style.name), (style.name, content.name))
        for name, label in (("ours.wav", "ours"), ("theirs.flac", "theirs"))
    ]
    (folder / "pairs.csv").write_text("\n".join(["content,style,result,label", *rows]))
    test = folder / "test"
    arguments = ["--pairs", str(folder / "pairs.csv"), "--duration", "2", "--seed", "5"]
    assert main(["listening", str(test), *arguments]) == 0
    return test


@pytest.fixture(scope="module")
def key(made):
    return read_key(str(made))


def test_every_trial_is_whole_and_the_key_lies_outside(made, key):
    assert key_path(str(made)) == f"{made}.key.json"
    assert {path.name for path in made.iterdir()} == {"audio", "index.html", "webmushra.yaml"}
    assert list(key["trials"]) == ["trial1", "trial2"]
    for trial in key["trials"].values():
        assert sorted(entry["condition"] for entry in trial.values()) == sorted(OPINIONS)
    # A reference that is open, and five stimuli.
    assert len(list((made / "audio").iterdir())) == 2 * 6


def test_all_are_equally_loud_and_long(made):
    sounds = [soundfile.read(path) for path in (made / "audio").iterdir()]
    assert {rate for _, rate in sounds} == {44100}
    assert {len(samples) for samples, _ in sounds} == {38000 * 2}
    levels = [loudness(samples, rate) for samples, rate in sounds]
    for trial in np.split(np.sort(levels), 2):
        assert np.ptp(trial) < 0.1
    assert max(levels) < -22.9
    assert max(np.abs(samples).max() for samples, _ in sounds) < 0.9


def test_the_anchor_has_nothing_above_3500_hz(made, key):
    for trial in key["trials"].values():
        files = {entry["condition"]: made / "audio" / entry["file"] for entry in trial.values()}
        power = {}
        for name in (ANCHOR, HIDDEN):
            spectrum = np.abs(np.fft.rfft(soundfile.read(files[name])[0])) ** 2
            power[name] = spectrum[np.fft.rfftfreq(38000 * 2, 1 / 44100) > 4000].sum() / spectrum.sum()
        assert power[ANCHOR] < 1e-5 < power[HIDDEN]


def test_listeners_are_told_nothing(made, key):
    for name in ("index.html", "webmushra.yaml"):
        text = (made / name).read_text()
        for word in ("ours", "theirs", "anchor", "hidden reference"):
            assert not re.search(rf"\b{word}\b", text.replace("createAnchor", "")), (name, word)
    assert all(re.fullmatch(r"[0-9a-f]{12}\.wav", path.name) for path in (made / "audio").iterdir())
    # The open reference and the hidden one differ in their dither.
    assert len({sha256_of_file(path) for path in (made / "audio").iterdir()}) == 12
    # No order gives the condition away: it differs between trials.
    orders = [[trial[f"S{number}"]["condition"] for number in range(1, 6)] for trial in key["trials"].values()]
    assert orders[0] != orders[1]


def test_the_configuration_leaves_the_hidden_reference_to_webmushra(made, key):
    text = (made / "webmushra.yaml").read_text()
    used = re.findall(r"configs/test/audio/([0-9a-f]{12}\.wav)", text)
    hidden = {e["file"] for trial in key["trials"].values() for e in trial.values() if e["condition"] == HIDDEN}
    files = {path.name for path in (made / "audio").iterdir()}
    assert set(used) == files - hidden


def answers(key, listeners, spread, careless=0, webmushra=True):
    """Rows of simulated listeners; the first `careless` ones do not recognise the reference."""
    draw = random.Random(1)
    rows = []
    for listener in range(listeners):
        for trial, stimuli in key["trials"].items():
            for identity, entry in stimuli.items():
                score = OPINIONS[entry["condition"]] + draw.uniform(-spread, min(spread, 2))
                if entry["condition"] == HIDDEN and listener < careless:
                    score = 60
                name = "reference" if webmushra and entry["condition"] == HIDDEN else identity
                rows.append(["test", f"listener{listener:02}", trial, name, f"{max(0, score):.0f}", "1000", ""])
    return rows


def write(path, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([HEAD.split(), *rows])
    return str(path)


@pytest.mark.parametrize("webmushra", [True, False])
def test_simulated_answers_come_out_as_they_were_put_in(key, tmp_path, webmushra):
    file = write(tmp_path / "mushra.csv", answers(key, 12, 6, careless=2, webmushra=webmushra))
    found = analyse_answers([file], key)
    assert (found.listeners, found.question) == (12, "style")
    assert set(found.excluded) == {"listener00", "listener01"}
    assert "less than 90 in 2 of 2 trials" in found.excluded["listener00"]
    assert [one.name for one in found.conditions] == list(OPINIONS)
    for one in found.conditions:
        assert one.listeners == 10
        assert one.interval is not None
        assert one.interval[0] <= one.median <= one.interval[1]
        assert one.median == pytest.approx(OPINIONS[one.name], abs=5)
    assert any(line.startswith("ours ") for line in as_lines(found))


def test_one_slip_in_many_trials_is_forgiven(key, tmp_path):
    many = {**key, "trials": {f"trial{number}": key["trials"]["trial1"] for number in range(1, 8)}}
    rows = answers(many, 1, 1)
    slip = next(row for row in rows if row[3] == "reference")
    slip[4] = "50"
    assert analyse_answers([write(tmp_path / "a.csv", rows)], many).excluded == {}  # 1 of 7 is 14 %
    next(row for row in rows if row[3] == "reference" and row is not slip)[4] = "89"
    assert len(analyse_answers([write(tmp_path / "a.csv", rows)], many).excluded) == 1


def test_the_interval_holds_the_median_as_often_as_it_says():
    draw = random.Random(0)
    held = 0
    for _ in range(2000):
        low, high = median_interval([draw.gauss(0, 1) for _ in range(15)])
        held += low <= 0 <= high
    assert 0.95 <= held / 2000 < 0.98  # 96.5 % for 15, since ranks are whole
    assert median_interval([1.0] * 5) is None
    assert median_interval([1.0, 2, 3, 4, 5, 6]) == (1.0, 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({2: "trial9"}, "line 2: the key has no trial 'trial9'"),
        ({3: "S77"}, "line 2: the key has no stimulus 'S77'"),
        ({4: "101"}, "line 2: the score '101' is not from 0 to 100"),
        ({4: "good"}, "the score 'good'"),
        ({1: ""}, "no session_uuid"),
    ],
)
def test_answers_that_cannot_be_used_are_a_sentence(key, tmp_path, change, said):
    rows = answers(key, 1, 0)
    for place, text in change.items():
        rows[0][place] = text
    with pytest.raises(InputError, match=said):
        analyse_answers([write(tmp_path / "a.csv", rows)], key)


def test_the_command_analyses_and_refuses(made, key, tmp_path, capsys):
    file = write(tmp_path / "a.csv", answers(key, 8, 3))
    assert main(["listening", str(made), "--analyse", file, "--json", str(tmp_path / "out.json")]) == 0
    shown = capsys.readouterr().out
    assert "8 listeners, 8 of them kept" in shown
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["conditions"][0]["name"] == HIDDEN
    scores = [float(row[4]) for row in answers(key, 8, 3) if row[3] == "reference"]
    assert document["conditions"][0]["median"] == pytest.approx(statistics.median(scores), abs=1)
    for arguments, said in (
        ([str(made), "x.wav", "y.wav", "z.wav"], "There is a key already"),
        ([str(made), "x.wav", "--analyse", file], "takes the answers only"),
        ([str(made), "--json", "x"], "--json is for --analyse"),
        ([str(tmp_path / "none"), "--analyse", file], "none.key.json"),
        ([str(tmp_path / "new")], "at least one output"),
        ([str(made), "--analyse", str(made / "index.html")], "no column session_uuid"),
    ):
        assert main(["listening", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_nothing_is_left_of_a_test_that_fails(made, tmp_path):
    clips = [str(made.parent / name) for name in ("rock.wav", "reggae.wav", "ours.wav", "ours.wav")]
    assert main(["listening", str(tmp_path / "test"), *clips, "--duration", "2"]) == 2
    assert list(tmp_path.iterdir()) == []
