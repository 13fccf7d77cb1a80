"""A plan: what a table of pairs and a sweep become, what is wrong with them, and that it is the same each time."""

import os

import pytest

from audiostyle.batch.plan import read_plan
from audiostyle.batch.sweep import read_sweep
from audiostyle.batch.table_of_pairs import read_pairs
from audiostyle.errors import InputError

PAIR = "clips/rock/rock.00000.wav,clips/reggae/reggae.00000.wav"


def test_a_table_becomes_lines(planned, tmp_path):
    plan = planned(
        "content, style ,content_label,style_label,seed\n"
        "clips/rock/rock.00000.wav,clips/reggae/reggae.00001.wav,rock,reg/gae,3\n"
        "clips/rock/rock.00001.wav,clips/rock/rock.00000.wav,,,\n"
    )
    first, second = plan.lines
    assert first.content == str(tmp_path / "clips" / "rock" / "rock.00000.wav")
    assert first.folder == f"runs/rock+reg_gae/rock.00000+reggae.00001-{first.signature[:12]}"
    assert plan.settings(first.values).seed == 3
    assert plan.settings(second.values).seed == 0
    assert (second.content_label, second.style_label) == ("rock.00001", "rock.00000")
    assert plan.settings(first.values).threads == 1


def test_what_is_written_is_read(planned, tmp_path):
    plan = planned(points=[{"seed": "1"}, {"seed": "2", "preset": "paper"}], keep="all", settings={"rowac": "true"})
    plan.write(tmp_path)
    assert read_plan(tmp_path) == plan
    before = os.stat(tmp_path / "plan.csv"), os.stat(tmp_path / "batch.json")
    plan.write(tmp_path)
    after = os.stat(tmp_path / "plan.csv"), os.stat(tmp_path / "batch.json")
    assert [(one.st_ino, one.st_mtime_ns) for one in before] == [(one.st_ino, one.st_mtime_ns) for one in after]


@pytest.mark.parametrize(
    "damage",
    ["", "{}", "[]", '{"schema": "audiostyle-batch/9"}', '{"schema": "audiostyle-batch/1", "preset": 3}', "\0" * 9],
)
def test_a_damaged_plan_is_a_sentence(damage, planned, tmp_path):
    planned().write(tmp_path)
    (tmp_path / "batch.json").write_text(damage)
    with pytest.raises(InputError, match=r"cannot be read: .*; give the command with the table of pairs again"):
        read_plan(tmp_path)


@pytest.mark.parametrize("place", ["/etc", "../elsewhere", "runs/../../x"])
def test_a_plan_leads_nowhere_else(place, planned, tmp_path):
    plan = planned()
    plan.write(tmp_path)
    text = (tmp_path / "plan.csv").read_text()
    (tmp_path / "plan.csv").write_text(text.replace(plan.lines[0].folder, place))
    with pytest.raises(InputError, match="outside the batch's"):
        read_plan(tmp_path)


def test_a_signature_is_of_what_is_computed(planned, clips):
    """Not of names, places, labels or the machine; and of every setting that differs."""
    first = planned().lines[0].signature
    assert planned(settings={"device": "cuda", "threads": "4"}).lines[0].signature == first
    assert planned(f"content,style,name\n{PAIR},other\n").lines[0].signature == first
    assert planned(settings={"style_weight": "2e5"}).lines[0].signature == first
    assert planned(settings={"style_weight": "2e6"}).lines[0].signature != first
    os.rename(clips / "rock", clips / "rocks")
    moved = planned(f"content,style\n{PAIR.replace('rock/', 'rocks/', 1)}\n")
    assert moved.lines[0].signature == first
    (clips / "rocks" / "rock.00000.wav").write_text("another")
    assert planned(f"content,style\n{PAIR.replace('rock/', 'rocks/', 1)}\n").lines[0].signature != first


def test_what_repeats_another_is_left_out(planned):
    plan = planned(f"content,style\n{PAIR}\n{PAIR}\n", [{"rowac": "false"}, {"rowac": ""}, {"rowac": "true"}])
    assert [line.values["rowac"] for line in plan.lines] == ["false", "true"]


def test_what_a_point_does_not_say_is_its_preset_s(planned):
    plan = planned(f"content,style\n{PAIR}\n", [{"preset": "listening"}, {"rowac": "true"}, {}])
    listening, rowac, neither = (plan.settings(line.values) for line in plan.lines)
    assert listening.rowac
    assert listening.start == "content"
    assert rowac.rowac
    assert not neither.rowac


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "must begin with a line of column names"),
        (PAIR, "must begin with a line of column names"),
        (f"content,style,sed\n{PAIR},1", "column 'sed' .* is unknown; did you mean seed?"),
        (f"content,style,threads\n{PAIR},1", "threads .* is the same for the whole batch; give --threads"),
        (f"content,style,seed,seed\n{PAIR},1,1", "two columns seed"),
        ("content,style\n", "no lines"),
        (f"content,style\n{PAIR},3\n{PAIR.split(',')[0]}\nx,\n",
         "line 2 has more .*; line 3 has fewer .*; line 4: there is no file 'x'; line 4: no style is named"),
        (f"content,style,seed\n{PAIR},1\n{PAIR},x\n{PAIR},-1\n", "line 3: The setting seed is 'x'.*line 4: .* -1"),
        ("content,style\n" + "x,y\n" * 50, "and 80 more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_once(table, said, planned, tmp_path):
    if not table:
        (tmp_path / "pairs.csv").touch()
        with pytest.raises(InputError, match=said):
            read_pairs(tmp_path / "pairs.csv")
        return
    with pytest.raises(InputError, match=said):
        planned(table)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([{"sede": "1"}], "'sede', which is no setting; did you mean seed?"),
        ([{"device": "cuda"}], "give --device"),
        ([{"seed": "1"}], "seed is a column of the pairs and in the sweep"),
        ([{"pooling": "max"}, {"pooling": "mx"}], "did you mean max"),
        ([{"preset": "papper"}], "paper"),
    ],
)
def test_what_is_wrong_with_a_sweep(points, said, planned):
    with pytest.raises(InputError, match=said):
        planned(f"content,style,seed\n{PAIR},1\n", points)


def sweep(tmp_path, text):
    (tmp_path / "sweep.toml").write_text(text)
    return read_sweep(tmp_path / "sweep.toml")


def test_a_sweep_is_a_product(tmp_path):
    points = sweep(
        tmp_path,
        '[fixed]\nduration = 3\n[grid]\nseed = [0, 1]\nac_layers = [["input"], ["input", "conv1_1"]]\n'
        '[[points]]\nrowac = true\n[[points]]\npreset = "paper"\n',
    )
    assert len(points) == 8
    assert points[0] == {"duration": "3", "rowac": "true", "seed": "0", "ac_layers": "input"}
    assert points[-1] == {"duration": "3", "preset": "paper", "seed": "1", "ac_layers": "input,conv1_1"}
    assert sweep(tmp_path, "") == [{}]


def test_draws_are_within_their_ends_and_the_same_each_time(tmp_path):
    ends = 'style_weight = {log = [1e4, 1e6]}\npooling = {choice = ["max", "average"]}\nseed = {whole = [1, 3]}\n'
    points = sweep(tmp_path, f"[random]\ndraws = 200\n{ends}")
    assert points == sweep(tmp_path, f"[random]\ndraws = 200\n{ends}")
    assert points != sweep(tmp_path, f"[random]\ndraws = 200\nseed_of_draws = 1\n{ends}")
    weights = [float(point["style_weight"]) for point in points]
    assert 1e4 <= min(weights) < 2e4
    assert 5e5 < max(weights) <= 1e6
    assert 70 < sum(weight < 1e5 for weight in weights) < 130
    assert {point["seed"] for point in points} == {"1", "2", "3"}
    assert {point["pooling"] for point in points} == {"max", "average"}
    alone = sweep(tmp_path, "[random]\ndraws = 200\nstyle_weight = {log = [1e4, 1e6]}\n")
    assert [point["style_weight"] for point in alone] == [point["style_weight"] for point in points]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x =", "is no TOML"),
        ("[gird]\nseed = [1]", "it has .gird."),
        ("[grid]\nseed = 1", "no list of values"),
        ("[grid]\nseed = []", "no list of values"),
        ("[grid]\nseed = [{a = 1}]", "neither a number nor a text"),
        ("[random]\nseed = {uniform = [0, 1]}", "needs draws"),
        ("[random]\ndraws = 1\ntv_weight = {log = [0, 1]}", "both above 0"),
        ("[random]\ndraws = 1\ntv_weight = 3", "must be {uniform"),
        ("[fixed]\nseed = 1\n[grid]\nseed = [1]", "seed is in .* and in"),
        ("points = 3", "are no tables"),
        ("[random]\ndraws = 1000000\n[grid]\nseed = [1, 2]", "more than 1000000 points"),
    ],
)
def test_a_sweep_that_is_none_is_a_sentence(text, said, tmp_path):
    with pytest.raises(InputError, match=said):
        sweep(tmp_path, text)
