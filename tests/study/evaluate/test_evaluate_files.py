import csv
import dataclasses
import io
import json
import math
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

import audiostyle.study.evaluate
from audiostyle.command import evaluate as command
from audiostyle.command.options import Parser
from audiostyle.errors import InputError
from audiostyle.files import sha256_of_file
from audiostyle.pipeline import through_the_image
from audiostyle.settings import Settings, preset
from audiostyle.study.evaluate.catalogue import metric
from audiostyle.study.evaluate.measured_files import evaluate_files, labels
from audiostyle.study.evaluate.sounds import cut, measure
from audiostyle.study.evaluate.tables import as_csv, as_document, as_json, as_table

SCHEMA = json.loads((Path(audiostyle.study.evaluate.__file__).parent / "schema.json").read_text())
QUICK = Settings(duration=2.5, inversion_iterations=1)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clips(tmp_path_factory, clicks):
    """A folder with a content and a style of 3 s and outputs of several lengths, rates and kinds."""
    folder = tmp_path_factory.mktemp("clips")
    content, style = (0.3 * clicks(bpm, seconds=3.0, noise=0.05) for bpm in (120, 150))
    for name, samples, rate in (
        ("content.wav", content, 22050),
        ("style.wav", style, 22050),
        ("same.wav", content, 22050),
        ("exact.wav", style[:55125], 22050),
        ("short.wav", style[:40000], 22050),
        ("fast.flac", np.repeat(style, 2), 44100),
        ("stub.wav", style[:20000], 22050),
        ("silent.wav", np.zeros(60000), 22050),
    ):
        soundfile.write(folder / name, samples, rate)
    (folder / "text.wav").write_text("no sound")
    return folder


def measured(clips, *outputs, **options):
    paths = [str(clips / name) for name in ("content.wav", "style.wav", *outputs)]
    return evaluate_files(paths[0], paths[1], paths[2:], QUICK, **options)


def test_the_scale_comes_first_and_outputs_follow_in_order(clips):
    seen = []
    found = measured(clips, "short.wav", "same.wav", progress=seen.append)
    assert [row.role for row in found.rows] == ["content", "style", "content_inverted", "output", "output"]
    assert [row.name for row in found.rows] == ["content", "style", "content inverted", "short", "same"]
    assert {row.name for row in found.rows} == set(seen)
    content, style, inverted, short, same = (row.metrics() for row in found.rows)
    assert [content["row_ac_r_content"], style["row_ac_r_style"]] == pytest.approx([1, 1])
    assert content["copy_waveform_content"] == pytest.approx(1)
    # The band-pass tells the content from the same file as output: outputs are not filtered again.
    assert 0.9 < same["copy_waveform_content"] < 0.9999
    assert inverted["copy_waveform_content"] < 0.9
    assert inverted["mel_change_correlation_content"] > 0.3
    assert short["tempo_matches_style"] == 1


def test_what_was_cut_or_converted_is_said(clips):
    found = measured(clips, "same.wav", "short.wav", "fast.flac", inversion=False)
    same, short, fast = found.rows[2:]
    exact = measured(clips, "exact.wav", inversion=False).rows[2]
    assert (exact.note, exact.seconds) == ("", 2.5)
    assert same.note == "3.000 s, cut to the first 2.5 s"
    assert short.note == "1.814 s, so content and style were cut to that from 2.5 s"
    assert fast.note == "44100 Hz, converted to 22050 Hz; 3.000 s, cut to the first 2.5 s"
    assert (same.seconds, fast.seconds) == (2.5, 2.5)
    assert short.seconds == pytest.approx(40000 / 22050)
    assert fast.metrics()["copy_waveform_style"] > 0.9
    assert "  fast: 44100 Hz" in "\n".join(as_table(found))


def test_a_style_shorter_than_the_song_is_compared_as_far_as_it_goes(clips, tmp_path):
    style, rate = soundfile.read(clips / "style.wav")
    paths = [str(clips / "content.wav"), str(tmp_path / "style.wav"), str(clips / "exact.wav")]
    soundfile.write(paths[1], style[: round(1.5 * rate)], rate)
    settings = dataclasses.replace(QUICK, duration_style=1.5)
    with pytest.raises(InputError, match=r"or --duration-style 1\.5 if it is the style that is shorter"):
        evaluate_files(*paths[:2], paths[2:], QUICK, inversion=False)
    found = evaluate_files(*paths[:2], paths[2:], settings, inversion=False)
    assert [row.seconds for row in found.rows] == [1.5] * 3
    assert found.rows[2].note == "compared over the first 1.5 s, which is all of the style"
    cut_by_hand = evaluate_files(*paths[:2], paths[2:], dataclasses.replace(QUICK, duration=1.5), inversion=False)
    mine, theirs = (one.rows[2].metrics() for one in (found, cut_by_hand))
    # All but the few columns at the end, which the mel image of a longer clip has whole.
    assert mine["mfcc_frechet_style"] == pytest.approx(theirs["mfcc_frechet_style"], rel=0.2)


def test_other_settings_change_the_inversion_and_not_the_analysis(clips):
    settings = preset("corrected").with_text(
        {"duration": "2.5", "inversion_iterations": "1", "sample_rate": "16000", "bandpass_high": "7000"}
    )
    paths = [str(clips / name) for name in ("content.wav", "style.wav", "same.wav")]
    found = evaluate_files(paths[0], paths[1], paths[2:], settings)
    plain = measured(clips, "same.wav", inversion=False)
    assert found.analysis == plain.analysis
    assert found.rows[0].metrics() == pytest.approx(plain.rows[0].metrics(), nan_ok=True)
    assert found.rows[2].metrics()["mel_change_correlation_content"] > 0.3


def test_the_way_to_the_image_and_back_has_the_released_length():
    samples = np.random.RandomState(0).standard_normal(22050)
    back = through_the_image(samples, Settings(duration=1.0, inversion_iterations=0))
    assert len(back) == (160 - 2 * 2) * 128 + 1024  # T10, of 160 frames less two columns of two frames each
    assert np.abs(back).max() == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("stub.wav", "0.907 s long, but the metrics need at least 1 s"),
        ("silent.wav", "every sample is 0"),
        ("text.wav", "is not a sound file"),
        ("missing.wav", "There is no file"),
        (".", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_used_is_one_sentence(clips, name, sentence):
    with pytest.raises(InputError, match=sentence):
        measured(clips, "same.wav", name)


def test_too_short_a_duration_is_refused(clips):
    paths = [str(clips / name) for name in ("content.wav", "style.wav", "same.wav")]
    with pytest.raises(InputError, match="at least 1 s; use a longer --duration"):
        evaluate_files(paths[0], paths[1], paths[2:], Settings(duration=0.5))
    with pytest.raises(InputError, match=r"is 0\.5 s, .* use a longer --duration-style"):
        evaluate_files(paths[0], paths[1], paths[2:], Settings(duration=2.5, duration_style=0.5))
    with pytest.raises(InputError, match="at least 1 s"):
        measure(np.ones(100), QUICK)


def test_json_fits_its_schema_and_holds_every_digit(clips):
    found = measured(clips, "short.wav")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(as_json(found))
    jsonschema.validate(document, SCHEMA)
    assert document == json.loads(json.dumps(as_document(found)))
    for row, sound in zip(found.rows, document["sounds"], strict=True):
        for name, value in row.metrics().items():
            stored = sound["metrics"][name]
            assert stored == value or (stored is None and math.isnan(value))
    # Something beside what is described does not fit.
    document["sounds"][0]["metrics"]["invented"] = 1.0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_not_a_number_becomes_null_and_an_empty_cell(clips):
    found = measured(clips, "short.wav", inversion=False)
    found.rows[0].scores["rhythm"]["tempo_matches_style"] = math.nan
    assert json.loads(as_json(found))["sounds"][0]["metrics"]["tempo_matches_style"] is None
    first = next(csv.DictReader(io.StringIO(as_csv([("", found)]))))
    assert first["tempo_matches_style"] == ""
    assert next(line for line in as_table(found) if "tempo is that of style" in line).split()[9] == "-"


def test_csv_has_a_row_per_sound(clips):
    found = measured(clips, "short.wav", inversion=False)
    rows = list(csv.DictReader(io.StringIO(as_csv([("", found)]))))
    assert [row["role"] for row in rows] == ["content", "style", "output"]
    assert float(rows[2]["row_ac_r_style"]) == found.rows[2].metrics()["row_ac_r_style"]


@pytest.mark.parametrize("name", ["=1+2|cmd", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "＝1"])
def test_no_name_in_the_csv_is_a_formula(clips, name):
    found = measured(clips, "short.wav", inversion=False)
    row = dataclasses.replace(found.rows[2], name=name, path=name, note=name, seconds=-1.0)
    rows = list(csv.reader(io.StringIO(as_csv([("", dataclasses.replace(found, rows=(*found.rows[:2], row)))]))))
    assert rows[3][:5] == [f"'{name}", "output", f"'{name}", "-1.0", f"'{name}"]


@pytest.mark.parametrize("width", [40, 100, 400])
def test_the_table_is_aligned_at_every_width(clips, width):
    found = measured(clips, "same.wav", "short.wav", "fast.flac", inversion=False)
    lines = as_table(found, width)
    names = [line for line in lines if line.startswith("  row curve, r with style")]
    # Too narrow: one output at a time, each beside the scale.
    assert len(names) == {40: 3, 100: 2, 400: 1}[width]
    assert all(line.split()[5:8] == ["higher", "0.058", "1"] for line in names)
    assert len({line.index(" 1") for line in names}) == 1
    assert all(line == line.rstrip() for line in lines)
    for name in found.rows[0].metrics():
        shown = f"  {metric(name).label}  "
        assert sum(line.startswith(shown) for line in lines) == len(names), name


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/out.wav", "b/out.wav"], ["a/out", "b/out"]),
        (["x/a.wav", "y/b.wav"], ["a", "b"]),
        (["out.wav", "b/out.wav"], ["out", "b/out"]),
        (["out.wav"], ["out"]),
        (["a.wav", "a.flac"], ["a.wav", "a.flac"]),
        (["a.wav", "a.wav"], ["a", "a"]),
        ([], []),
    ],
)
def test_labels_are_as_short_as_tells_them_apart(paths, names):
    assert labels(paths) == names


def test_sounds_are_cut_to_what_all_have(sound):
    cut_ones = cut({"a": sound(np.ones(900), np.ones((4, 70))), "b": sound(np.ones(800), np.ones((4, 75)))})
    assert {(len(s.samples), s.mel.shape) for s in cut_ones.values()} == {(800, (4, 70))}
    with pytest.raises(ValueError, match="mel bands"):
        cut({"a": sound(mel=np.ones((4, 70))), "b": sound(mel=np.ones((5, 70)))})
    with pytest.raises(ValueError, match="mel image"):
        sound(samples=np.ones((2, 5)))


def parse(*arguments):
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers(dest="command", required=True))
    return parser.parse_args(["evaluate", *arguments])


def test_the_command_prints_the_table_and_writes_both_files(clips, tmp_path, capsys):
    paths = [str(clips / name) for name in ("content.wav", "style.wav", "short.wav")]
    files = tmp_path / "n.json", tmp_path / "n.csv"
    options = ["--json", str(files[0]), "--csv", str(files[1]), "--duration", "2.5", "--set", "inversion_iterations=0"]
    args = parse(*paths, *options)
    assert args.run(args) == 0
    shown = capsys.readouterr()
    assert "row curve, r with style" in shown.out
    assert "Nearer to the style than the content is: " in shown.out
    assert shown.err == ""
    document = json.loads(files[0].read_text())
    jsonschema.validate(document, SCHEMA)
    assert [sound["role"] for sound in document["sounds"]] == ["content", "style", "content_inverted", "output"]
    assert document["analysis"]["duration"] == 2.5
    assert len(files[1].read_text().splitlines()) == 5


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_dash_is_the_standard_output(form, clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paths = [str(clips / name) for name in ("content.wav", "style.wav", "short.wav")]
    args = parse(*paths, form, "-", "--duration", "2.5", "--no-inversion")
    assert args.run(args) == 0
    shown = capsys.readouterr().out
    if form == "--json":
        assert [sound["name"] for sound in json.loads(shown)["sounds"]] == ["content", "style", "short"]
    else:
        assert [row["name"] for row in csv.DictReader(io.StringIO(shown))] == ["content", "style", "short"]
    assert not list(tmp_path.iterdir())


@pytest.fixture
def run_of_a_transfer(clips, tmp_path):
    """The folder of a run, with no more in it than is read."""
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(clips / "exact.wav", folder / "output.wav")
    settings = preset("corrected").with_text({"duration": "1.5", "offset_content": "0.5", "offset_style": "0.25"})
    roles = {"content": clips / "content.wav", "style": clips / "style.wav"}
    record = {
        "schema": 1, "state": "finished", "started": "", "ended": "", "evaluations": 0, "peak_memory_bytes": 0,
        "first_loss": None, "last_loss": None, "seconds_per_evaluation": None, "command_line": [],
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "inputs": {role: {"path": str(path), "name": path.name, "sha256": sha256_of_file(path)}
                   for role, path in roles.items()},
        "weights": {"path": "random", "form": "random", "normalised": True, "sha256": "", "file_sha256": None},
        "machine": {"device": "cpu", "convolution": "corrmm", "threads": 1, "blas": ""}, "versions": {},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_a_run_says_itself_what_it_was_made_of(run_of_a_transfer, clips, capsys):
    args = parse(str(run_of_a_transfer), str(clips / "short.wav"), "--json", "-", "--no-inversion")
    assert args.run(args) == 0
    document = json.loads(capsys.readouterr().out)
    analysis = document["analysis"]
    assert [analysis[name] for name in ("duration", "offset_content", "offset_style")] == [1.5, 0.5, 0.25]
    assert [sound["name"] for sound in document["sounds"]] == ["content", "style", "output", "short"]
    assert document["sounds"][0]["path"] == str(clips / "content.wav")


def test_the_inversion_is_that_of_the_run_unless_another_is_asked_for(run_of_a_transfer):
    settings, _ = command.what_is_measured(parse(str(run_of_a_transfer)))
    assert settings.inversion == "griffinlim"
    settings, _ = command.what_is_measured(parse(str(run_of_a_transfer), "--preset", "released"))
    assert (settings.inversion, settings.duration) == ("released", 1.5)


def test_a_run_that_wrote_another_form_is_measured_by_it(run_of_a_transfer):
    record = json.loads((run_of_a_transfer / "run.json").read_text())
    record["settings"]["output_format"] = "flac"
    (run_of_a_transfer / "run.json").write_text(json.dumps(record))
    for options in ([], ["--preset", "released"]):
        _, pairs = command.what_is_measured(parse(str(run_of_a_transfer), *options))
        assert [pair.result for pair in pairs] == [str(run_of_a_transfer / "output.flac")]


def test_a_run_whose_clip_has_changed_is_refused(run_of_a_transfer, tmp_path):
    record = json.loads((run_of_a_transfer / "run.json").read_text())
    record["inputs"]["style"]["sha256"] = "0" * 64
    (run_of_a_transfer / "run.json").write_text(json.dumps(record))
    args = parse(str(run_of_a_transfer))
    with pytest.raises(InputError, match="is not the style any more"):
        args.run(args)
    record["inputs"] = {}
    (run_of_a_transfer / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="cannot be used: content is no dictionary"):
        args.run(args)


def test_too_few_sounds_are_one_sentence(clips, tmp_path):
    for paths in (["content.wav"], ["content.wav", "style.wav"]):
        args = parse(*(str(clips / name) for name in paths))
        with pytest.raises(InputError, match="at least one output are needed"):
            args.run(args)
    args = parse(str(tmp_path))
    with pytest.raises(InputError, match=r"run\.json"):
        args.run(args)


def test_the_inversion_can_be_left_out(clips, capsys):
    args = parse(
        *(str(clips / name) for name in ("content.wav", "style.wav", "short.wav")),
        "--duration",
        "2.5",
        "--no-inversion",
    )
    assert args.run(args) == 0
    assert "inverted" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "n_mels"], "takes NAME=VALUE"),
        (["--set", "nothing=1"], "no setting called 'nothing'"),
        (["--duration", "long"], "must be a number"),
        (["--json", "/nowhere/x.json"], "no folder '/nowhere'"),
        (["--json", "n", "--csv", "n"], "both name 'n'"),
        (["--json", "-", "--csv", "-"], "both name the standard output"),
    ],
)
def test_options_that_cannot_be_used_are_one_sentence(clips, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    args = parse(*(str(clips / name) for name in ("content.wav", "style.wav", "short.wav")), *options)
    with pytest.raises(InputError, match=sentence):
        args.run(args)
    assert not list(tmp_path.iterdir())


def test_every_metric_is_defined_in_the_documentation(clips):
    text = (ROOT / "docs" / "metrics.md").read_text()
    metrics = SCHEMA["$defs"]["sound"]["properties"]["metrics"]
    assert (
        metrics["required"] == list(metrics["properties"]) == list(measured(clips, inversion=False).rows[0].metrics())
    )
    missing = [name for name in metrics["required"] if f"`{name}`" not in text]
    assert not missing
