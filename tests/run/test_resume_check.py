"""Going on with a run as something else is refused, and everything that differs is named."""

import copy
from pathlib import Path

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.resume_check import changed_circumstances, check_same, resumed_description


@pytest.fixture
def archived(description):
    return ArchivedRun(Path("/runs/out/run.h5"), "7", copy.deepcopy(description), np.zeros((1, 3, 4, 5)))


@pytest.fixture
def asked(description):
    return copy.deepcopy(description)


def refused(archived, asked):
    with pytest.raises(InputError) as error:
        check_same(archived, asked)
    text = str(error.value)
    assert text.startswith("The run in '/runs/out' cannot be resumed like that, because it was made with ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_the_same_is_the_same(archived, asked):
    check_same(archived, asked)
    # A file may have moved, and a tuple comes back from JSON as a list.
    asked["inputs"]["content"].update(path="/b/rock.wav", name="rock.wav")
    asked["settings"]["style_layers"] = ("conv1_1",)
    check_same(archived, asked)


def test_more_iterations_are_allowed_and_fewer_are_not(archived, asked):
    asked["settings"]["iterations"] = 41
    check_same(archived, asked)
    asked["settings"]["iterations"] = 39
    assert "iterations 40 (39 are fewer; more are allowed)" in refused(archived, asked)
    # 0 means 40 for mel.
    asked["settings"]["iterations"] = 0
    check_same(archived, asked)
    archived.description["settings"].update(iterations=26, representation="spectrogram")
    asked["settings"].update(representation="spectrogram")
    assert "iterations 26 (25 are fewer" in refused(archived, asked)


def test_everything_that_differs_is_named(archived, asked):
    asked["inputs"]["content"].update(sha256="d" * 64, name="other.wav")
    asked["inputs"]["style"]["sha256"] = "6" * 64
    asked["weights"]["sha256"] = "4" * 64
    asked["settings"].update(style_weight=1.0, style_layers=["conv2_1", "conv3_1"])
    asked["machine"].update(device="cuda0", convolution="corrmm", threads=3)
    text = refused(archived, asked)
    for words in (
        "another content clip ('rock.wav', SHA-256 cccccccccccc..., not 'other.wav', SHA-256 dddddddddddd...)",
        "another style clip",
        "other weights (SHA-256 333333333333..., not SHA-256 444444444444...)",
        "style_weight 200000.0 (not 1.0)",
        "style_layers conv1_1 (not conv2_1,conv3_1)",
        "device cpu (not cuda0)",
        "convolution onednn (not corrmm)",
        "threads 2 (not 3)",
    ):
        assert words in text


def test_what_auto_became_counts_and_not_the_word(archived, asked):
    archived.description["settings"].update(device="auto", threads=0)
    asked["settings"].update(device="cpu", threads=2)
    check_same(archived, asked)
    asked["settings"].update(device="auto", threads=0)
    asked["machine"]["threads"] = 8
    assert "threads 2 (not 8)" in refused(archived, asked)


def test_a_setting_that_one_of_them_lacks(archived, asked):
    asked["settings"]["invented_later"] = True
    assert "invented_later not recorded (not True)" in refused(archived, asked)


def test_a_setting_that_came_later_had_its_default(archived, asked):
    asked["settings"]["start_noise"] = 0.0
    check_same(archived, asked)
    asked["settings"]["start_noise"] = 0.5
    assert "start_noise 0.0 (not 0.5)" in refused(archived, asked)


@pytest.mark.parametrize("old", [{}, {"settings": {"iterations": "many"}}, {"inputs": {"content": 7}, "machine": {}}])
def test_odd_archives_are_refused_and_do_not_crash(archived, asked, old):
    archived.description.clear()
    archived.description.update(old)
    refused(archived, asked)


def test_circumstances_are_reported(archived, asked):
    assert changed_circumstances(archived, asked) == []
    asked["versions"] = {"numpy": "1.24", "scipy": "1.10.1"}
    asked["machine"].update(cpu="engine", threads=9)
    assert changed_circumstances(archived, asked) == [
        "numpy 1.24 (was 1.23.5)",
        "scipy 1.10.1 (was not recorded)",
        "cpu engine (was abacus)",
    ]


def test_every_resume_is_remembered(archived, asked):
    asked["settings"]["iterations"] = 50
    once = resumed_description(archived, asked)
    archived.description.update(once)
    twice = resumed_description(archived, asked)
    assert once["settings"]["iterations"] == 50
    assert [len(one["resumed"]) for one in (once, twice)] == [1, 2]
    assert once["inputs"] == archived.description["inputs"]
