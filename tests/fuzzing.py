"""Damaged files by the thousand: each must end in the library's sentence, within the limits that are promised.

A file follows from its seed alone.  Where one falls, its seed is printed, and ``FUZZ_SEED`` begins there again.
"""

import json
import os
import random
import resource
import struct
import time

from audiostyle.errors import InputError

MOST_SECONDS = 20
MOST_BYTES = 2**31
# What sizes, counts and offsets are not, as the files have them and as JSON does.
FAR = (2**40, 2**63 - 1, 2**63, 2**64 - 1)
ODD = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
VALUES = (
    *(None, True, -1, 0, 1.5, 2**31, 2**63, 10**400, -(10**400), 1e308, float("inf"), float("nan")),
    *("", "\x1b[2J\nAll is well.", "\ud800", "a\0b", "../" * 40, "x" * 5000, [], {}, [[]], {"a": {}}, [1, "2", None]),
)


def damage(data, chance):
    """Change bytes or numbers, cut a piece out, double one, or cut the file off."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        # Half of the changes are made near the two ends, where the descriptions are.
        near = min(len(damaged), 600)
        place = chance.randrange(len(damaged)) if chance.random() < 0.5 else chance.randrange(-near, near)
        place %= len(damaged)
        length = chance.choice((1, 2, 4, 8, 40))
        kind = chance.randrange(6)
        if kind == 0:
            damaged[place] = chance.randrange(256)
        elif kind == 1:
            damaged[place : place + 4] = struct.pack(chance.choice(("<I", ">I")), chance.choice(ODD))
        elif kind == 2:
            damaged[place : place + 8] = struct.pack("<Q", chance.choice(FAR))
        elif kind == 3:
            del damaged[place : place + length]
        elif kind == 4:
            damaged[place:place] = damaged[place : place + length] * chance.choice((1, 2, 300))
        elif chance.random() < 0.2:
            del damaged[place:]
        if not damaged:
            return b""
    return bytes(damaged)


def damage_json(value, chance):
    """Put odd values into what JSON can hold, or take some out; the value is changed."""
    for _ in range(chance.randint(1, 3)):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(place[key], (dict, list)) and place[key] and chance.random() < 0.8:
                place = place[key]
                continue
            if chance.random() < 0.15:
                del place[key]
            elif isinstance(place, dict) and chance.random() < 0.1:
                place[chance.choice(("x", "\x1b[31m", "", "\ud800", "$\\frac$", "=1"))] = place.pop(key)
            else:
                place[key] = chance.choice(VALUES)
            break
    return value


def dumped(value):
    """Return JSON text of anything, infinite numbers too."""
    return json.dumps(value).encode()


def for_some_time(seconds, make, use, least=50):
    """Make one damaged thing after the other and use it, until the time is up.

    Parameters
    ----------
    seconds : float
    make : callable
        Makes a thing by chance.
    use : callable
        Is allowed to raise an InputError of one printable sentence, within the limits.
    least : int
        Fewer than that are a failure: then nothing was tried.
    """
    first = seed = int(os.environ.get("FUZZ_SEED") or time.time())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            _one(make(random.Random(seed)), use)
        except BaseException:
            print(f"It fell at this seed; FUZZ_SEED={seed} begins there again.")
            raise
        seed += 1
    print(f"{seed - first} damaged files, seeds from {first}")
    assert seed - first >= least


def _one(thing, use):
    before = os.times()
    try:
        use(thing)
    except InputError as error:
        text = str(error)
        assert text.isprintable(), ascii(text)
        assert text.endswith((".", "?")), text
        assert len(text) < 2000, text
    after = os.times()
    used = sum(after[:4]) - sum(before[:4])  # of this process and of those that it waited for
    assert used < MOST_SECONDS, f"{used:.1f} s of processor time"
    for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        # A child begins with what the tests hold, and may have as much as is promised beyond.
        peak = resource.getrusage(whose).ru_maxrss * 1024
        assert peak < MOST_BYTES + 2**30, f"{peak / 2**30:.1f} GiB"


def pieces(files):
    """Return what makes a damaged one of some whole files: its name and its bytes."""
    names = sorted(files)

    def make(chance):
        name = chance.choice(names)
        return name, damage(files[name], chance)

    return make


def written(path, data):
    """Write a file and return its path."""
    path.write_bytes(data)
    return path
