"""Which weights a run uses when little or nothing is said, and where they lie."""

import os
from pathlib import Path

import pytest

from audiostyle.command.obtain import find_weights, output_path
from audiostyle.errors import InputError
from audiostyle.weights import places


def never(*arguments):
    raise AssertionError("not to be called")


@pytest.fixture
def usual(tmp_path):
    return tmp_path / "vgg19_normalized.pkl"


def test_what_is_asked_for_is_used(usual):
    assert find_weights("random", True, True, never, usual, never) == "random"
    usual.touch()
    assert find_weights(str(usual), True, True, never, usual.parent / "other", never) == usual


def test_a_file_that_is_not_there_is_missed_at_once(usual):
    with pytest.raises(InputError, match=r"no file '.*normalized\.pkl'.*the word random"):
        find_weights(str(usual), True, True, never, usual, never)


def test_the_file_in_its_usual_place_is_used(usual):
    usual.touch()
    assert find_weights(None, True, True, never, usual, never) == usual


@pytest.mark.parametrize(
    ("assume_yes", "interactive", "answer", "fetched"),
    [
        (True, False, None, True),
        (True, True, None, True),
        (False, True, "y", True),
        (False, True, " YES ", True),
        (False, True, "", False),
        (False, True, "n", False),
        (False, False, None, False),
    ],
)
def test_an_offer_is_made_where_somebody_can_answer(assume_yes, interactive, answer, fetched, usual):
    ask = never if answer is None else lambda question: answer
    if fetched:
        assert find_weights(None, assume_yes, interactive, ask, usual, Path.touch) == usual
        assert usual.exists()
        return
    with pytest.raises(InputError) as caught:
        find_weights(None, assume_yes, interactive, ask, usual, never)
    for way in ("weights fetch", "weights convert", "--weights random"):
        assert way in str(caught.value)


def test_the_end_of_input_is_a_no(usual):
    def closed(question):
        raise EOFError

    with pytest.raises(InputError, match="weights fetch"):
        find_weights(None, False, True, closed, usual, never)


def test_the_usual_place_of_a_checkout_is_beside_the_package():
    repository = Path(__file__).parents[2]
    assert places.default_weights_path() == repository / "vgg19_weights" / "vgg19_normalized.pkl"


@pytest.mark.parametrize("data", ["absolute", "relative", ""])
def test_the_usual_place_of_an_installed_package_is_the_users(data, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages/audiostyle"
    monkeypatch.setattr("audiostyle.invocation.__file__", os.fspath(installed / "invocation.py"))
    (installed.parent / "vgg19_weights").mkdir(parents=True)  # another package's, for all we know
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", os.fspath(tmp_path / "data") if data == "absolute" else data)
    base = tmp_path / "data" if data == "absolute" else tmp_path / ".local/share"
    expected = base / "audiostyle/vgg19_weights/vgg19_normalized.pkl"
    assert places.default_weights_path() == expected
    assert output_path(None) == expected
    assert expected.parent.is_dir()
