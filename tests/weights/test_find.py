"""Which weights a run uses when little or nothing is said."""

from pathlib import Path

import pytest

from audiostyle.errors import InputError
from audiostyle.weights import find
from audiostyle.weights.find import default_weights_path, find_weights


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "weights_folder", lambda: tmp_path)
    return tmp_path / "vgg19_normalized.pkl"


def never(*arguments):
    raise AssertionError("not to be called")


def test_the_usual_place_is_beside_the_package():
    repository = Path(__file__).parents[2]
    assert default_weights_path() == repository / "vgg19_weights" / "vgg19_normalized.pkl"


def test_what_is_asked_for_is_used(empty):
    assert find_weights("random", True, True, never, never) == "random"
    assert find_weights("some/file", True, True, never, never) == Path("some/file")


def test_the_file_in_its_usual_place_is_used(empty):
    empty.touch()
    assert find_weights(None, True, True, never, never) == empty


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
def test_an_offer_is_made_where_somebody_can_answer(assume_yes, interactive, answer, fetched, empty):
    ask = never if answer is None else lambda question: answer
    if fetched:
        assert find_weights(None, assume_yes, interactive, ask, lambda: empty) == empty
        return
    with pytest.raises(InputError) as caught:
        find_weights(None, assume_yes, interactive, ask, never)
    for way in ("weights fetch", "weights convert", "--weights random"):
        assert way in str(caught.value)


def test_the_end_of_input_is_a_no(empty):
    def closed(question):
        raise EOFError

    with pytest.raises(InputError, match="weights fetch"):
        find_weights(None, False, True, closed, never)
