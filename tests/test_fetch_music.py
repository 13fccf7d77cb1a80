"""scripts/fetch-music, with a package made here in place of one from the archive."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[1]
COPYRIGHT = """Format: machine-readable

Files: *
Copyright: somebody
License: GPL-3+

Files: data/levels/*
 data/music/*
Copyright: a composer
License: CC-BY-SA-4.0

License: GPL-3+
 many words
"""

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")


def fetch(*arguments, **environment):
    return subprocess.run(
        [ROOT / "scripts" / "fetch-music", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def archive(tmp_path):
    """A PATH whose apt-get gives one package with a long clip, a short one and a copyright file."""
    package, music = tmp_path / "package", tmp_path / "package/usr/share/games/it/music"
    music.mkdir(parents=True)
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, 8000 * 30)
    soundfile.write(music / "a long one.flac", noise, 8000)
    soundfile.write(music / "short.wav", noise[: 8000 * 15], 8000)
    (package / "usr/share/doc/some-music").mkdir(parents=True)
    (package / "usr/share/doc/some-music/copyright").write_text(COPYRIGHT)
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN/control").write_text(
        "Package: some-music\nVersion: 1.2-3\nArchitecture: all\nMaintainer: nobody <a@b.c>\nDescription: music\n"
    )
    subprocess.run(["dpkg-deb", "--build", package, tmp_path / "it.deb"], check=True, capture_output=True)
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "apt-get"
    stub.write_text(f'#!/bin/sh\n[ "$2" = some-music ] && cp "{tmp_path}/it.deb" some-music_1.2-3_all.deb\n')
    stub.chmod(0o755)
    return f"{tmp_path / 'bin'}:{os.environ['PATH']}"


def test_clips_are_listed_with_their_licence(archive, tmp_path):
    done = fetch(tmp_path / "a folder", "some-music", PATH=archive)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "a folder" / "clips.tsv").read_text().splitlines()
    assert lines[1:] == [
        "30\tCC-BY-SA-4.0\tsome-music 1.2-3\tsome-music/usr/share/games/it/music/a long one.flac",
    ]
    assert not list((tmp_path / "a folder").glob("*.deb"))


def test_a_package_that_is_not_there_is_named(archive, tmp_path):
    done = fetch(tmp_path / "out", "other-music", PATH=archive)
    assert done.returncode == 1
    assert "other-music cannot be fetched" in done.stderr


def test_nothing_is_put_into_the_repository():
    done = fetch(ROOT / "tests" / "x")
    assert done.returncode == 1
    assert "outside" in done.stderr
    assert not (ROOT / "tests" / "x").exists()
