"""Pairs are drawn from folders by genre: the same each time, with what is known against a clip said."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from audiostyle.batch.gtzan import clips_by_label, draw_pairs, fault_of_clip
from audiostyle.command.main import main
from audiostyle.demo.clips import write_clips


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"), 0.3)[0]


@pytest.fixture
def gtzan(tmp_path, sound):
    for genre in ("jazz", "reggae", "rock"):
        folder = tmp_path / "gtzan" / "genres_original" / genre
        folder.mkdir(parents=True)
        for number in (5, 7, 17, 54):
            shutil.copy(sound, folder / f"{genre}.{number:05d}.wav")
        (folder / f"._{genre}.00005.wav").write_bytes(b"Mac")
        (folder / "notes.txt").touch()
    (tmp_path / "gtzan" / "genres_original" / "jazz" / "jazz.00054.wav").write_bytes(b"RIFF garbage")
    (tmp_path / "gtzan" / "genres_original" / ".cache").mkdir()
    return tmp_path / "gtzan"


def pairs(table):
    return [(row["content"], row["style"]) for row in csv.DictReader(table.open())]


def test_the_command_writes_a_table(gtzan, tmp_path, capsys):
    table = tmp_path / "tables" / "pairs.csv"
    table.parent.mkdir()
    assert main(["pairs", str(gtzan), "-o", str(table), "--per-pair", "2", "--style-genres", "reggae,jazz"]) == 0
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 2 * 4  # jazz with reggae, reggae with jazz, rock with each
    for row in rows:
        assert (table.parent / row["content"]).is_file()
        assert not os.path.isabs(row["content"])
        assert f"/{row['content_label']}/" in row["content"]
    said = capsys.readouterr()
    assert "8 pairs of" in said.out


def test_faults_are_said_or_skipped(gtzan, tmp_path, capsys):
    table = tmp_path / "pairs.csv"
    assert main(["pairs", str(gtzan), "-o", str(table), "--all"]) == 0
    assert len(pairs(table)) == 6 * 16
    said = capsys.readouterr().err
    assert "reggae.00007.wav is among them: it is left out" in said
    assert "the paper's own style clip" in said
    assert "jazz.00054.wav is among them: it cannot be read as sound" in said
    assert main(["pairs", str(gtzan), "-o", str(table), "--all", "--faults", "skip"]) == 0
    assert len(pairs(table)) == 2 * (3 * 2 + 3 * 4 + 2 * 4)
    assert "reggae.00007.wav is left out" in capsys.readouterr().err
    assert not [one for pair in pairs(table) for one in pair if "reggae.00007" in one or "jazz.00054" in one]


def test_no_clip_is_replaced(gtzan, capsys):
    clip = gtzan / "genres_original" / "rock" / "rock.00005.wav"
    before = clip.read_bytes()
    assert main(["pairs", str(gtzan), "-o", str(clip)]) == 2
    assert "it is one of the files that are read" in capsys.readouterr().err
    assert clip.read_bytes() == before


def test_draws_can_be_drawn_again(gtzan, tmp_path):
    clips = clips_by_label(gtzan)
    ten = list(draw_pairs(clips, clips, 10))
    assert ten == list(draw_pairs(clips, clips, 10))
    assert set(draw_pairs(clips, clips, 3)) < set(ten)
    assert list(draw_pairs(clips, clips, 10, seed=1)) != ten
    rock = {"rock": clips["rock"]}
    assert list(draw_pairs(rock, clips, 10)) == [pair for pair in ten if pair[1] == "rock"]
    with_itself = list(draw_pairs(rock, rock, None, same_label=True))
    assert len(with_itself) == 12
    assert all(pair[0] != pair[2] for pair in with_itself)
    # In another place, in another form.
    for path in gtzan.rglob("*.wav"):
        path.rename(path.with_suffix(".au"))
    gtzan.rename(tmp_path / "elsewhere")
    moved = clips_by_label(tmp_path / "elsewhere")
    names = [(pair[0].stem, pair[2].stem) for pair in draw_pairs(moved, moved, 10)]
    assert names == [(pair[0].stem, pair[2].stem) for pair in ten]


def test_as_many_clips_are_left_out_as_in_the_list():
    """443 + 197 + 290 of 1000 are in it."""
    genres = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]
    names = [Path(f"{genre}.{number:05d}.au") for genre in genres for number in range(100)]
    assert sum(bool(fault_of_clip(name)) for name in names) == 1000 - 443 - 197 - 290


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--content-genres", "rok"], "did you mean rock?"),
        (["--content-genres", "rock", "--style-genres", "rock"], "There is nothing to pair"),
        (["--per-pair", "0"], "a whole number of at least 1"),
        (["--per-pair", "1", "--all"], "not allowed with"),
        (["--sample-seed", "x"], "a whole number of at least 0"),
    ],
)
def test_mistakes_are_sentences(arguments, said, gtzan, tmp_path, capsys):
    assert main(["pairs", str(gtzan), "-o", str(tmp_path / "p.csv"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_folders_without_clips(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    assert main(["pairs", str(tmp_path)]) == 2
    assert main(["pairs", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert "There are no clips in the folders of" in said
    assert "cannot be read: there is no such file or folder" in said
