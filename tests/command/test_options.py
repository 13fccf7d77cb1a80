"""What the command line says of itself: help for whoever types nothing, and a hint for whoever mistypes."""

import pytest

from audiostyle.command.main import main
from audiostyle.errors import InputError
from audiostyle.settings import PRESETS, Settings


def test_the_bare_command_shows_its_help(capsys):
    assert main([]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("usage: audiostyle")
    assert "reproduce" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("arguments", "meant", "helps"),
    [
        (["trasnfer"], "did you mean transfer? audiostyle --help", True),
        (["transfer", "a", "b", "--preset", "corected"], "did you mean corrected? audiostyle transfer --help", True),
        (["transfer", "a", "b", "--presett", "paper"], "did you mean --preset? audiostyle transfer --help", True),
        (["transfer", "a", "b", "--set", "poling=max"], "did you mean pooling? --list-settings", False),
        (["transfer", "a", "b", "--set", "pooling=mx"], "did you mean max?", False),
        (["transfer", "a", "b", "--set", "style_layers=conv1_1,conv5_1x"], "did you mean conv5_1?", False),
        (["evaluate", "a", "b", "c", "--set", "inverson=griffinlim"], "did you mean inversion?", False),
    ],
)
def test_a_near_miss_is_named(arguments, meant, helps, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert meant in said
    assert ("--help shows what it takes" in said) == helps
    assert said.count("\n") == 1


@pytest.mark.parametrize("arguments", [["xyzzy"], ["transfer", "a", "b", "--set", "xyzzy=1"], ["demo", "xyzzy"]])
def test_what_is_near_to_nothing_gets_no_hint(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "did you mean" not in said
    assert "xyzzy" in said


@pytest.mark.parametrize("command", ["demo", "doctor", "transfer"])
def test_what_is_too_much_names_the_help_of_its_command(command, capsys):
    assert main([command, "one", "two", "three"]) == 2
    assert f"audiostyle {command} --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["transfer", "--preset", "corrected", "--list-settings"],
        ["transfer", "--list-settings", "--preset", "corrected"],
        ["stages", "--list-settings", "--preset=corrected"],
        ["reproduce", "--content", "a.wav", "--list-settings", "--preset", "corrected"],
    ],
)
def test_settings_are_listed_as_the_preset_has_them(arguments, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "* inversion = griffinlim, released: released [T10 T11 T12]" in lines
    assert "seed = 0 [T15]" in lines
    assert sum(line.startswith("* ") for line in lines) == len(PRESETS["corrected"])


def test_settings_are_listed_as_options_change_them(capsys):
    assert main(["transfer", "--list-settings", "--rowac", "--set", "seed=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("* ")] == [
        "* rowac = true, released: false",
        "* seed = 3, released: 0 [T15]",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1:30", 90), ("0:07.25", 7.25), ("1:00:05", 3605), ("90:00", 5400), ("12", 12), ("2.5", 2.5)]
)
def test_times_may_be_minutes_and_seconds(text, seconds):
    assert Settings().with_text({"offset_style": text}).offset_style == seconds


@pytest.mark.parametrize("text", ["1:75", "1:", ":30", "1:2:3:4", "-1:30", "9" * 9999 + ":30", "1:30:", "٣:٠٠", "0:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="duration is"):
        Settings().with_text({"duration": text})


def test_only_times_are_read_as_minutes_and_seconds():
    with pytest.raises(InputError, match="mel_fmin"):
        Settings().with_text({"mel_fmin": "1:30"})


@pytest.mark.parametrize("command", ["transfer", "reproduce", "evaluate"])
def test_help_is_wrapped(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.partition("examples:")[0].splitlines())) <= 100
    if command != "evaluate":
        examples = text.partition("examples:\n")[2].splitlines()
        assert len(examples) >= 3
        assert all(line.startswith("  ") for line in examples)
