"""Archives whose seals an enemy has made right again."""

import hashlib
import json

import numpy as np

MAGIC = b"AudioStyle run archive\n"
HEADER_SIZE = 16384


def header_of(data):
    """Return an archive's header."""
    return json.loads(data[len(MAGIC) :].split(b"\n")[0])


def sealed(text):
    """Return a header that is sealed as ours is."""
    return (MAGIC + text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n").ljust(HEADER_SIZE, b"\0")


def with_header(data, header):
    """Give an archive another header that is sealed as ours is."""
    return sealed(json.dumps(header).encode()) + data[HEADER_SIZE:]


def with_table(data, name, change):
    """Change numbers in a table, and seal it and the header as ours are."""
    header = header_of(data)
    entry = header["tables"][name]
    kind = np.dtype([tuple(field) for field in entry["type"]] if isinstance(entry["type"], list) else entry["type"])
    array = np.frombuffer(data, kind, int(np.prod(entry["shape"])), entry["offset"]).copy()
    change(array)
    entry["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
    whole = with_header(data, header)
    return whole[: entry["offset"]] + array.tobytes() + whole[entry["offset"] + array.nbytes :]


def with_description(data, text):
    """Give an archive another description, at its end, and seal it as ours is."""
    header = header_of(data)
    header["tables"]["description"].update(
        type=f"|S{len(text)}", shape=[], offset=len(data), sha256=hashlib.sha256(text).hexdigest()
    )
    header["size"] = len(data) + len(text)
    return with_header(data, header) + text
