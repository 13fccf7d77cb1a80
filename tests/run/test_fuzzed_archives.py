"""A minute of damaged run folders (run.h5, rounds' own files, run.json): each is used, or refused in one sentence."""

import copy
import json
import shutil

import numpy as np
import pytest
from fuzzing import damage, damage_json, dumped, for_some_time
from sealed_archive import header_of, with_description, with_header, with_table

from audiostyle.command import evaluate, transfer
from audiostyle.command.options import Parser
from audiostyle.run.archive import Archive
from audiostyle.run.folder import RunFolder
from audiostyle.run.loss_history import draw_losses, write_losses_csv
from audiostyle.run.manifest import Stopwatch, read_manifest, write_manifest
from audiostyle.run.resume_check import changed_circumstances, check_same
from audiostyle.study.reproduce import document, page

Files = dict[str, bytes]
IMAGE = np.zeros((1, 3, 4, 5), np.float32)


def run_folder(path, finished_round, description, merged):
    """Return the files of a run of two rounds, finished or killed after them."""
    with RunFolder(path) as folder:
        archive = Archive.create(folder, description, IMAGE)
        rounds = [finished_round(index) for index in (1, 2)]
        for one in rounds:
            archive.append_round(*one)
        if merged:
            archive.finish()
        evaluations = [record for _, records in rounds for record in records]
        write_manifest(folder, description, [one for one, _ in rounds], evaluations, Stopwatch())
    return {file.name: file.read_bytes() for file in path.iterdir()}


def odd_numbers(chance):
    def change(array):
        bytes_ = array.view(np.uint8).reshape(-1) if array.size else np.empty(0, np.uint8)
        if len(bytes_):
            at = chance.randrange(len(bytes_))
            bytes_[at : at + 8] = chance.choice((0, 1, 0x7F, 0xFF))

    return change


def damaged(files, chance):
    """Damage one file: its bytes; or what it says, with the seals made right."""
    name = chance.choice(sorted(files))
    data = files[name]
    if chance.random() < 0.3:
        new = damage(data, chance)
    elif name == "run.json":
        new = dumped(damage_json(json.loads(data), chance))
    else:
        header = header_of(data)
        kind = chance.randrange(3)
        if kind == 0:
            new = with_header(data, damage_json(header, chance))
        elif kind == 1 or "description" not in header["tables"]:
            new = with_table(data, chance.choice(sorted(header["tables"])), odd_numbers(chance))
        else:
            entry = header["tables"]["description"]
            text = data[entry["offset"] :][: int(entry["type"][2:])]
            new = with_description(data, dumped(damage_json(json.loads(text), chance)))
    return {**files, name: new}


def use_archive(path, parser, drawn):
    """Do what a resume does before and after the descent."""
    transfer._request(parser.parse_args(["transfer", "--resume", str(path)]))
    run = Archive.read(path / "run.h5")
    assert all(one.image.shape == run.start_image.shape for one in run.rounds)
    check_same(run, copy.deepcopy(run.description))
    changed_circumstances(run, run.description)
    with RunFolder(path, resume=True) as folder:
        archive, again = Archive.resume(folder, run.description)
        archive.finish()
        write_losses_csv(folder, again.evaluations)
        if drawn:  # which takes longest
            draw_losses(folder, again.evaluations)


def use_manifest(path):
    """Do what evaluate and reproduce do with it."""
    manifest = read_manifest(path)
    if manifest["state"] == "finished":
        facts = {key: manifest.get(key) for key in document._RUN}
        shown = page._facts({"3b": {"image": {"height": 1, "width": 1}, "rounds": [], **facts}})
        assert "<script" not in shown
        json.dumps(facts, allow_nan=False)
    evaluate._run_folder(str(path), [], None)


@pytest.mark.slow
def test_damaged_run_folders_are_used_or_refused(tmp_path, finished_round, description):
    whole = [run_folder(tmp_path / str(merged), finished_round, description, merged) for merged in (False, True)]
    assert [len(files) for files in whole] == [4, 2]
    parser = Parser(prog="audiostyle")
    transfer.add_parser(parser.add_subparsers())
    path = tmp_path / "run"

    def use(made):
        files, manifest_only, drawn = made
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, data in files.items():
            (path / name).write_bytes(data)
        if manifest_only:
            use_manifest(path)
        else:
            use_archive(path, parser, drawn)

    for files in whole:
        use((files, True, False))
        use((files, False, True))

    def make(chance):
        return damaged(chance.choice(whole), chance), chance.random() < 0.3, chance.random() < 0.1

    for_some_time(60, make, use)
