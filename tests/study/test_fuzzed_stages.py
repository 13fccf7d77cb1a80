"""A minute of damaged stage files, compared with a whole one: a table or one sentence, within the limits."""

import h5py
import numpy as np
import pytest
from fuzzing import damage, for_some_time, written

from audiostyle.command import compare
from audiostyle.command.options import Parser

RANDOM = np.random.RandomState(0)
STAGES = {
    "content/samples": RANDOM.uniform(-1, 1, 50),
    "content/spectrogram": RANDOM.uniform(-4, 0, (5, 8)),
    "content/image": RANDOM.randint(0, 256, (4, 6)).astype(np.uint8),
    "features/image/conv1_1": RANDOM.uniform(0, 9, (1, 64, 4, 6)).astype(np.float32),
    "losses/total": np.float64(456.75),
    "gradient": RANDOM.standard_normal((1, 3, 4, 6)).astype(np.float32),
    "inversion/offsets": RANDOM.randint(-9, 9, (21, 7)),
    "inversion/samples": RANDOM.standard_normal(40),
}
SETTINGS = '{"representation": "mel", "style_layers": ["conv1_1"], "seed": 0}'


def whole_files(folder):
    """Stage files as several writers lay them out."""
    files = []
    for version, options in (("earliest", {}), ("latest", {}), ("earliest", {"chunks": True, "compression": "gzip"})):
        with h5py.File(folder / "whole.h5", "w", libver=version) as file:
            file.attrs["schema"], file.attrs["settings"] = "audiostyle-stages/1", SETTINGS
            for name, value in STAGES.items():
                file.create_dataset(name, data=value, **(options if np.ndim(value) else {}))
        files.append((folder / "whole.h5").read_bytes())
    return files


@pytest.mark.slow
def test_damaged_stage_files_are_compared_or_refused(tmp_path, capsys):
    files = whole_files(tmp_path)
    written(tmp_path / "good.h5", files[0])
    parser = Parser(prog="audiostyle")
    compare.add_parser(parser.add_subparsers())

    def make(chance):
        return damage(chance.choice(files), chance), chance.sample(["good.h5", "bad.h5"], 2)

    def use(made):
        written(tmp_path / "bad.h5", made[0])
        args = parser.parse_args(["compare", *(str(tmp_path / name) for name in made[1])])
        try:
            assert args.run(args) in (0, 1)
        finally:
            said = capsys.readouterr()
            assert said.out.replace("\n", "").isprintable()
            assert said.err == ""

    for_some_time(60, make, use)
