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


def test_listening_mends_all_that_corrected_mends():
    changed = {"inversion_iterations"}
    corrected, listening = (dataclasses.asdict(preset(name)) for name in ("corrected", "listening"))
    assert {name: listening[name] for name in PRESETS["corrected"] if name not in changed} == {
        name: corrected[name] for name in PRESETS["corrected"] if name not in changed
    }
    assert preset("listening").rounds == 4


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="released, paper, corrected, listening"):
        preset("better")
