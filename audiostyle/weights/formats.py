"""Which form a file of weights has, told by its first bytes and never by its name; and reading it."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from audiostyle.errors import AudioStyleError, InputError
from audiostyle.files import open_regular, reason, shown
from audiostyle.isolation import in_words, isolated
from audiostyle.weights.hdf5_file import read_hdf5
from audiostyle.weights.lasagne_file import LASAGNE_PICKLE, read_lasagne
from audiostyle.weights.matlab_file import is_matlab, read_matlab
from audiostyle.weights.numpy_file import read_npy, read_npz
from audiostyle.weights.parameters import Found, check_parameters
from audiostyle.weights.torch_file import LEGACY_MAGIC, read_torch_legacy, read_torch_zip

__all__ = ["FORMS", "WeightsFile", "parse", "read_weights_file"]

FORMS = "Lasagne .pkl, Keras .h5, MatConvNet .mat, .npz, .npy, PyTorch .pth or AudioStyle .h5"

# The largest known file, VGG-19 with its dense layers, is 575 MB.
_MAX_FILE_BYTES = 2**30
_BLOCK = 2**20

# Files that people have instead of weights, by how they begin.
_OTHERS = (
    ((b"<!doctype", b"<html", b"<?xml", b"<head"), "a web page, probably an error page saved under this name"),
    ((b"version https://git-lfs",), "a Git LFS pointer, not the file itself"),
    ((b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf"), "a compressed archive, which has to be unpacked first"),
    ((b"matlab 7.3 mat-file",), "a MATLAB 7.3 file, while MatConvNet's is of level 5"),
    ((b"riff", b"\xff\xd8\xff", b"\x89png", b"id3", b"oggs", b"flac"), "a sound or a picture"),
)


class WeightsFile(NamedTuple):
    """A file of weights that was read.

    Attributes
    ----------
    found : Found
        Its arrays are checked: float32, C-contiguous, of VGG-19's shapes.
    sha256, md5 : str
        Of the file, in hexadecimal; of a Lasagne pickle the MD5 is that of nothing.
    """

    found: Found
    sha256: str
    md5: str


def read_weights_file(path: Path) -> WeightsFile:
    """Read a file of weights, in a process that it cannot harm.

    Raises
    ------
    InputError
        If it is not a file of VGG-19, or reading it takes too much time or memory.
    """
    return isolated(_read, path, files=[path])


def parse(stream: BinaryIO, where: str) -> Found:
    """Recognise the form of a file and read the 32 arrays out of it.

    Nothing in the file is executed, but nothing bounds the time and the memory it takes either:
    :func:`read_weights_file` does.

    Parameters
    ----------
    stream : file object
        The file, open for reading at its beginning.
    where : str
        What to call it in an error.

    Returns
    -------
    Found
        Not yet checked, nor turned into the network's channel order.

    Raises
    ------
    InputError
        If the form is not known or the file is not as its form demands.
    """
    head = stream.read(512)
    stream.seek(0)
    kind, read = _reader(head, where)
    try:
        return read(stream, where)
    except (AudioStyleError, MemoryError):
        raise
    except Exception as error:
        # Whatever a library makes of a damaged file, it is a damaged file.
        raise InputError(
            f"{where} is not a readable {kind} ({in_words(error)}); it is damaged or cut short, "
            "so fetch or copy it again."
        ) from error


def _read(path: Path) -> WeightsFile:
    where = f"The weights file {shown(path)}"
    advice = f"give a file ({FORMS}) or the word random"
    try:
        stream = open_regular(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{where} cannot be read: {reason(error)}; {advice}.") from None
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if size > _MAX_FILE_BYTES:
            raise InputError(f"{where} has {size} bytes, more than any file of VGG-19 (575 MB); {advice}.")
        found = parse(stream, where)
        stream.seek(0)
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        while block := stream.read(_BLOCK):
            sha256.update(block)
            if found.form != LASAGNE_PICKLE:  # no MD5 of one is known, and it takes longer than all the rest
                md5.update(block)
    return WeightsFile(
        found._replace(arrays=check_parameters(found.arrays, where)), sha256.hexdigest(), md5.hexdigest()
    )


_Reader = Callable[[BinaryIO, str], Found]

_READERS: tuple[tuple[bytes, str, _Reader], ...] = (
    (b"\x89HDF\r\n\x1a\n", "HDF5 file", read_hdf5),
    (b"PK\x03\x04", "zip archive", lambda stream, where: _read_zip(stream, where)),
    (b"\x93NUMPY", ".npy file", read_npy),
    (LEGACY_MAGIC, "PyTorch file", read_torch_legacy),
)


def _reader(head: bytes, where: str) -> tuple[str, _Reader]:
    """Return what to call a file that begins so, and what reads it."""
    for magic, kind, read in _READERS:
        if head.startswith(magic):
            return kind, read
    text = head.lstrip().lower()
    for beginnings, what in _OTHERS:
        if text.startswith(beginnings):
            raise InputError(f"{where} is {what}; the forms that can be read are {FORMS}.")
    if is_matlab(head):
        return "MATLAB file", read_matlab
    # A pickle begins with its protocol, or, in the two oldest, with a mark, an empty dict or list, or a name.
    if head[:1] in (b"\x80", b"(", b"}", b"]", b"c"):
        return "pickle", read_lasagne
    what = "is empty" if not head else f"begins with {head[:8]!r}, which no known form does"
    raise InputError(f"{where} {what}; the forms that can be read are {FORMS}.")


def _read_zip(stream: BinaryIO, where: str) -> Found:
    """Read one of the two forms that are zip archives: PyTorch's has its pickle in it."""
    with zipfile.ZipFile(stream) as archive:
        if any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist()):
            return read_torch_zip(archive, where)
    stream.seek(0)
    return read_npz(stream, where)
