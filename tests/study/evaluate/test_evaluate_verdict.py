"""The two lines follow their rules, and say of the authors' results what docs/reproduction.md says."""

from collections import OrderedDict

import pytest

from audiostyle.study.evaluate import verdict
from audiostyle.study.evaluate.measured_files import Row
from audiostyle.study.evaluate.verdict import judge
from audiostyle.study.reproduce.claims import published

NAMES = [*verdict._TO_STYLE.values(), *verdict._OF_CONTENT.values()]


def row(role, timbre=0.0, rhythm=0.0, harmony=0.0, rest=0.5):
    scores = OrderedDict.fromkeys(NAMES, rest)
    scores |= {"mfcc_frechet_style": timbre, "row_ac_r_style": rhythm, "chroma_change_cosine_content": harmony}
    return Row(role, role, None, 10.0, "", OrderedDict(all=scores))


SCALE = [row("content", 2000, 0.1, 1.0, rest=1.0), row("style", 0, 1.0, 0.1, rest=0.0)]
INVERTED = row("content_inverted", 2000, 0.1, 0.7, rest=0.8)


@pytest.mark.parametrize(
    ("timbre", "rhythm", "harmony", "nearer", "lost"),
    [
        (1499, 0.33, 0.2, ["timbre", "rhythm"], []),
        (1501, 0.32, 0.15, [], ["harmony"]),
        (2500, -0.5, float("nan"), [], []),
    ],
)
def test_a_quarter_of_the_way_and_a_tenth_that_is_left(timbre, rhythm, harmony, nearer, lost):
    found = judge(row("output", timbre, rhythm, harmony), [*SCALE, INVERTED])
    # What is not asked here is half way in all cases.
    assert [one for one in found.nearer if one in ("timbre", "rhythm")] == nearer
    assert list(found.lost) == lost


def test_what_the_inversion_loses_is_not_held_against_the_transfer():
    # 0.17 is a tenth and more of the way from 0.1 to 0.7, and less of that to 1.0.
    assert judge(row("output", harmony=0.17), [*SCALE, INVERTED]).lost == ()
    assert judge(row("output", harmony=0.17), SCALE).lost == ("harmony",)


def test_the_lines_are_sentences():
    assert verdict.Verdict((), ("harmony",)).lines == (
        "Nearer to the style than the content is: nothing.",
        "Lost of the content: harmony.",
    )


def test_of_the_authors_results():
    rows = {
        name: Row(name, role, None, 10.0, "", OrderedDict(all=OrderedDict(published()["columns"][name])))
        for name, role in (("content", "content"), ("style", "style"), ("3b", "output"), ("3d", "output"))
    }
    without, whole = (judge(rows[name], [rows["content"], rows["style"]]) for name in ("3b", "3d"))
    assert without.nearer == ("timbre", "harmonic structure")
    assert whole.nearer == ("timbre", "rhythm", "harmonic structure")
    assert "harmony" in without.lost
    assert "harmony" in whole.lost
