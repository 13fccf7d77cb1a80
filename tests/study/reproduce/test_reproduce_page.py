"""What the page says in words; that it is whole is tested with a whole reproduction."""

import io

import matplotlib.image
import numpy as np
import pytest

from audiostyle.study import html_parts
from audiostyle.study.reproduce import page


def document(seconds, **rounds):
    return {
        "analysis": {"duration": seconds},
        "experiments": {name[1:]: {"rounds": [{}] * count} for name, count in rounds.items()},
    }


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (document(3, _3a=3, _3b=3), "3 s of each clip and 3 rounds of descent"),
        (document(10, _3a=24, _3b=5), "10 s of each clip and 5-24 rounds"),
        (document(10, _3b=1), "and 1 round of descent"),
        (document(9.5, _3a=24), "9.5 s of each clip"),
    ],
)
def test_a_small_reproduction_says_so(made, words):
    (warning,) = page._warning(made)
    assert words in warning
    assert "A quick run, not the paper's numbers" in warning


def test_a_whole_reproduction_has_no_warning():
    assert page._warning(document(10, _3a=24, _3b=39, _3c=39, _3d=39)) == []


def test_layers_keep_their_names():
    assert page._words("style_conv1_1") == "style conv1_1"
    assert page._words("row_autocorrelation") == "row autocorrelation"
    assert page._words("column_autocorrelation_conv2_1") == "column autocorrelation conv2_1"


def test_metrics_say_which_way_is_nearer_and_lead_to_their_definition():
    table = html_parts.metric_table("t", ["content"], {"mfcc_frechet_style": ["1"], "onset_f_style_chance": ["0"]})
    assert '<a href="#m-mfcc_frechet">timbre (MFCC), distance to style</a> <small>lower is nearer</small></th>' in table
    assert '<a href="#m-onset_f_chance">onsets, the same by chance, style</a></th>' in table
    assert '<dt id="m-mfcc_frechet">' in html_parts.definitions(["mfcc_frechet_style"])


def test_a_picture_opens_in_its_own_size():
    png = io.BytesIO()
    matplotlib.image.imsave(png, np.zeros((4, 4)), format="png")
    shown = page._picture("3b/losses.png", "losses", {"3b/losses.png": png.getvalue()})
    assert '<figure id="3b-losses.png"><a href="#3b-losses.png"><img' in shown
    assert "figure:target img { width: auto; max-width: none; }" in html_parts._STYLE
