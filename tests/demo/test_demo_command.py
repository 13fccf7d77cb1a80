"""The demo is the transfer command with arguments; only what it adds is tested here, and once the whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from audiostyle.command import demo, transfer
from audiostyle.command.options import Parser
from audiostyle.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_demo(monkeypatch, tmp_path):
    """Calls ``demo`` in an empty folder; the transfers that it asks for are listed, not done."""
    asked = []

    def pretend(args, command_line):
        asked.append(args)
        Path(args.output, "run.json").touch()
        return pretend.status

    pretend.status = 0
    monkeypatch.setattr(transfer, "transfer", pretend)
    monkeypatch.chdir(tmp_path)

    def call(*arguments, status=0):
        pretend.status = status
        parser = Parser(prog="audiostyle")
        demo.add_parser(parser.add_subparsers())
        args = parser.parse_args(["demo", *arguments])
        return args.run(args)

    call.asked = asked
    return call


def test_it_is_a_transfer_of_the_two_clips(run_demo):
    assert run_demo("-o", "a folder") == 0
    (args,) = run_demo.asked
    assert [Path(path).name for path in (args.content, args.style)] == ["rock.wav", "reggae.wav"]
    assert Path(args.content).exists()
    assert (args.weights, args.rowac, args.colac, args.spec, args.overwrite) == ("random", True, True, False, True)
    assert args.output == "a folder"


def test_what_it_says(run_demo, capsys):
    run_demo()
    said = capsys.readouterr().out
    assert "not the ImageNet weights" in said
    for name in ("rock.wav", "reggae.wav", "output.wav", "mel.png", "vgg19_weights/README.md"):
        assert name in said
    run_demo("--quiet")
    assert capsys.readouterr().out == ""


def test_an_interrupted_demo_does_not_say_listen(run_demo, capsys):
    assert run_demo(status=130) == 130
    assert "Hear:" not in capsys.readouterr().out


def test_its_own_output_is_replaced_and_nobody_elses(run_demo):
    run_demo("-o", "mine")
    run_demo("-o", "mine")
    assert len(run_demo.asked) == 2
    Path("yours").mkdir()
    Path("yours", "run.json").touch()
    with pytest.raises(InputError, match="not a demo's"):
        run_demo("-o", "yours")
    assert [path.name for path in Path("yours").iterdir()] == ["run.json"]


def test_a_folder_that_cannot_be_written(run_demo):
    Path("file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        run_demo("-o", "file")
    assert run_demo.asked == []


@pytest.mark.slow
def test_the_whole_demo_twice(tmp_path):
    """Shortened to a second and one round, in a folder with a space."""
    output = tmp_path / "demo output"
    call = (
        "import sys; from audiostyle.command import demo, main; demo._SECONDS, demo._ITERATIONS = 1, 2; "
        f"sys.exit(main.main(['demo', '-o', {str(output)!r}]))"
    )
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
        )
        assert result.returncode == 0, result.stderr
        assert "Hear:" in result.stdout
        assert (output / "output.wav").stat().st_size > 2 * 20000
        assert (output / "mel.png").exists()
