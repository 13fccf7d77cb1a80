"""Which of several seeds is called the best, and where each goes."""

from audiostyle.run import seeds
from audiostyle.run.request import Request
from audiostyle.run.seeds import SeedResult, best_of, seed_requests
from audiostyle.settings import Settings


def result(seed, loss, stuck):
    return SeedResult(seed, f"seed_{seed}", loss, stuck, 0.0)


def test_a_buzz_counts_more_than_any_loss():
    assert best_of([result(0, 1.0, 1), result(1, 9.0, 0), result(2, 8.0, 0)]).seed == 2


def test_each_seed_has_a_folder_and_nothing_else_differs(tmp_path):
    request = Request("a.wav", "b.wav", "random", str(tmp_path), Settings(seed=3))
    made = seed_requests(request, 2)
    assert [one.settings for one in made] == [Settings(seed=3), Settings(seed=4)]
    assert [one.folder for one in made] == [str(tmp_path / "seed_3"), str(tmp_path / "seed_4")]


def test_a_strangers_record_is_numbers_or_nothing(tmp_path, monkeypatch):
    record = {"last_loss": None, "stuck_row_index_db": "=1+1", "stuck_rows_hertz": "\x1b[2J"}
    monkeypatch.setattr(seeds, "read_manifest", lambda folder: record)
    found = seeds._result(Request("a.wav", "b.wav", "random", str(tmp_path), Settings(seed=3)))
    assert seeds._as_csv([found]).splitlines()[1] == f"3,{tmp_path.name},nan,0,nan"
