"""``docs/baseline/demo``: the stages of half a second of the demonstration's clips are still what the code makes."""

import wave
from pathlib import Path

import h5py
import numpy as np

from audiostyle.command import stages as command
from audiostyle.command.options import Parser
from audiostyle.demo.clips import make_clip
from audiostyle.study.stage_comparison import compare_files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "baseline" / "demo"


def test_the_documented_command_makes_it_again(tmp_path, monkeypatch):
    """The very line of docs/stages.md, but for where it writes to."""
    marker = "python -m audiostyle "
    lines = [line.strip() for line in (ROOT / "docs" / "stages.md").read_text().splitlines()]
    (line,) = (line for line in lines if line.startswith(marker) and line.endswith("docs/baseline/demo/stages.h5"))
    *arguments, target = line.removeprefix(marker).split()
    monkeypatch.chdir(ROOT)
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers())
    again = str(tmp_path / "stages.h5")
    args = parser.parse_args([*arguments, again])
    assert args.run(args) == 0
    comparison = compare_files(target, again)
    assert {one.stage.name for one in comparison.differences if not one.agrees} == set()
    assert not comparison.only_first
    assert not comparison.only_second
    # A setting that is new since then changes nothing, or a stage would have said so.
    assert not [text for text in comparison.warnings if "settings" not in text]


def test_its_clips_are_the_demonstrations():
    for name in ("rock", "reggae"):
        with wave.open(str(FOLDER / f"{name}.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        np.testing.assert_allclose(samples, make_clip(name, 0.5) * 32767, atol=1)


def test_it_is_small_and_whole():
    path = FOLDER / "stages.h5"
    assert path.stat().st_size < 2_000_000
    with h5py.File(path) as file:
        assert {"content", "style", "mel_filter", "features", "losses", "gradient", "inversion"} < set(file)
