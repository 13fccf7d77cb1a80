"""Named sets of settings."""

import dataclasses

import pytest

from audiostyle.errors import InputError
from audiostyle.settings import PRESETS, Settings, preset


def test_released_is_the_default():
    assert preset("released") == Settings()


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "released"])
def test_every_value_of_a_preset_changes_something(name):
    settings, released = preset(name), Settings()
    for field, value in PRESETS[name].items():
        assert getattr(settings, field) == value != getattr(released, field)


@pytest.mark.parametrize(("name", "rounds"), [("listening", 2), ("rhythm", 4)])
def test_what_is_to_be_heard_mends_all_that_corrected_mends(name, rounds):
    mended = {field: value for field, value in PRESETS["corrected"].items() if field != "inversion_iterations"}
    settings = dataclasses.asdict(preset(name))
    assert {field: settings[field] for field in mended} == mended
    assert preset(name).rounds == rounds


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="released, paper, corrected, listening, rhythm"):
        preset("better")
