"""The documented Python interface: its examples run, and give what the command line gives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

import audiostyle
from audiostyle.demo.clips import write_clips

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.S)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with rock.wav and reggae.wav, which is the working folder meanwhile."""
    folder, before = tmp_path_factory.mktemp("clips"), Path.cwd()
    write_clips(folder, 3.0)
    os.chdir(folder)
    yield folder
    os.chdir(before)


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_is_there():
    for name in audiostyle.__all__:
        assert getattr(audiostyle, name).__doc__ or name == "PRESETS"
    assert set(audiostyle.__all__) <= set(dir(audiostyle))
    with pytest.raises(AttributeError, match="no attribute 'trasnfer'"):
        audiostyle.trasnfer  # noqa: B018


def test_the_documents_examples_run_and_agree_with_the_command(clips):
    options = ["--weights", "random", "--duration", "2", "--rowac", "--colac"]
    options += ["--iterations", "3", "--max-evaluations", "3", "--quiet"]
    run("-m", "audiostyle", "transfer", "rock.wav", "reggae.wav", *options, "-o", "out")
    assert len(BLOCKS) == 4
    for block in (BLOCKS[0], *BLOCKS[2:]):
        exec(compile(block, "docs/api.md", "exec"), {})
    (_, command), (_, api) = wavfile.read(clips / "out" / "output.wav"), wavfile.read(clips / "output.wav")
    np.testing.assert_array_equal(api, command)


def test_the_short_example_runs(clips):
    assert "round 2: " in run(str(ROOT / "examples" / "transfer.py"), "rock.wav", "reggae.wav", "random", "short.wav")
    rate, samples = wavfile.read(clips / "short.wav")
    assert rate == 22050
    assert len(samples) > rate
