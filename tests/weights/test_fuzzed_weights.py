"""A minute of damaged files of weights in every form: each is read, or refused in one sentence, within the limits."""

import numpy as np
import pytest
from fuzzing import damage, for_some_time, written

from audiostyle.errors import InputError
from audiostyle.weights.formats import read_weights_file

SECONDS_PER_FORM = 8


@pytest.mark.slow
def test_damaged_files_are_refused(main_form, writers, tmp_path):
    generator = np.random.RandomState(7)
    shapes = [shape for index in range(16) for shape in ((2, 3 if index == 0 else 2, 3, 3), (2,))]
    writers[main_form](tmp_path / "whole", [generator.standard_normal(shape).astype("f4") for shape in shapes])
    whole = (tmp_path / "whole").read_bytes()

    def use(data):
        read_weights_file(written(tmp_path / "file", data))
        raise AssertionError("even whole, its layers are too small")

    with pytest.raises(InputError):
        use(whole)
    for_some_time(SECONDS_PER_FORM, lambda chance: damage(whole, chance), use, least=10)
