"""A minute of damaged files of weights in every form: each is read, or refused in one sentence, in 20 s."""

import os
import struct
import time

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.weights.formats import read_weights_file

SECONDS_PER_FORM = 8
# Numbers that sizes, counts and offsets are not.
FAR = (2**40, 2**63 - 1, 2**63, 2**64 - 1)
ODD = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def damage(data, generator):
    """Change bytes or numbers, cut a piece out, double one, or cut the file off."""
    data = bytearray(data)
    for _ in range(generator.randint(1, 4)):
        # Half of the changes are made near the two ends, where the descriptions are.
        near = min(len(data), 600)
        place = generator.randint(len(data)) if generator.rand() < 0.5 else generator.randint(-near, near) % len(data)
        length = int(generator.choice((1, 2, 4, 8, 40)))
        kind = generator.randint(6)
        if kind == 0:
            data[place] = generator.randint(256)
        elif kind == 1:
            data[place : place + 4] = struct.pack(generator.choice(("<I", ">I")), ODD[generator.randint(len(ODD))])
        elif kind == 2:
            data[place : place + 8] = struct.pack("<Q", FAR[generator.randint(len(FAR))])
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = data[place : place + length] * int(generator.choice((1, 2, 300)))
        elif generator.rand() < 0.2:
            del data[place:]
        if not data:
            return b""
    return bytes(data)


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(main_form, writers, tmp_path):
    generator = np.random.RandomState(7)
    shapes = [shape for index in range(16) for shape in ((2, 3 if index == 0 else 2, 3, 3), (2,))]
    writers[main_form](tmp_path / "whole", [generator.standard_normal(shape).astype("f4") for shape in shapes])
    whole = (tmp_path / "whole").read_bytes()
    end = time.monotonic() + SECONDS_PER_FORM
    number = 0
    while time.monotonic() < end:
        number += 1
        data = damage(whole, generator)
        (tmp_path / "file").write_bytes(data)
        start = os.times()
        with pytest.raises(InputError) as caught:  # even whole, its layers are too small
            read_weights_file(tmp_path / "file")
        used = os.times()
        assert used.children_user + used.children_system - start.children_user - start.children_system < 15, data
        assert str(caught.value).isprintable(), data
        assert str(caught.value).endswith("."), data
    assert number > 10
