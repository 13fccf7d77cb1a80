"""Which form a file of weights has: told by its first bytes, never by its name."""

import os
import stat
from pathlib import Path

from audiostyle.errors import InputError
from audiostyle.weights.hdf5_file import HDF5_MAGIC, read_hdf5
from audiostyle.weights.matlab_file import is_matlab, read_matlab
from audiostyle.weights.numpy_file import NPY_MAGIC, read_npy, read_npz
from audiostyle.weights.parameters import Found
from audiostyle.weights.pickle_file import read_lasagne
from audiostyle.weights.torch_file import LEGACY_MAGIC, read_torch_legacy, read_torch_zip
from audiostyle.weights.zip_file import Archive

__all__ = ["FORMS", "parse", "read_file"]

FORMS = "Lasagne .pkl, Keras .h5, MatConvNet .mat, .npz, .npy, PyTorch .pth or AudioStyle .h5"

# The largest known file, VGG-19 with its dense layers, is 575 MB.
_MAX_FILE_BYTES = 2**30

# Files that people have instead of weights, by how they begin.
_OTHERS = (
    ((b"<!doctype", b"<html", b"<?xml", b"<head"), "a web page, probably an error page saved under this name"),
    ((b"version https://git-lfs",), "a Git LFS pointer, not the file itself"),
    ((b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf"), "a compressed archive, which has to be unpacked first"),
    ((b"matlab 7.3 mat-file",), "a MATLAB 7.3 file, while MatConvNet's is of level 5"),
    ((b"riff", b"\xff\xd8\xff", b"\x89png", b"id3", b"oggs", b"flac"), "a sound or a picture"),
)


def read_file(path: Path) -> bytes:
    """Return the bytes of a weights file.

    Raises
    ------
    InputError
        If it cannot be read, is no plain file, or is larger than any file of VGG-19.
    """
    where = f"The weights file {os.fspath(path)!r}"
    try:
        # Opened without waiting: a pipe would keep us for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file"
                raise InputError(f"{where} is {kind}; give a file ({FORMS}) or the word random.")
            if status.st_size > _MAX_FILE_BYTES:
                raise InputError(
                    f"{where} has {status.st_size} bytes, more than any file of VGG-19 (575 MB); give another file."
                )
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(_MAX_FILE_BYTES)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise InputError(f"{where} does not exist; give a file ({FORMS}) or the word random.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{where} cannot be read: {reason}; check its name and permissions.") from None


def parse(data: bytes, where: str) -> Found:
    """Recognise the form of a file and read the 32 arrays out of it.

    Parameters
    ----------
    data : bytes
        The file.
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
    if data.startswith(HDF5_MAGIC):
        return read_hdf5(data, where)
    if data.startswith(b"PK\x03\x04"):
        archive = Archive(data, where)
        torch = any(name.rpartition("/")[2] == "data.pkl" for name in archive.names)
        return read_torch_zip(archive, where) if torch else read_npz(archive, where)
    if data.startswith(NPY_MAGIC):
        return read_npy(data, where)
    if data.startswith(LEGACY_MAGIC):
        return read_torch_legacy(data, where)
    head = data[:512].lstrip().lower()
    for beginnings, what in _OTHERS:
        if head.startswith(beginnings):
            raise InputError(f"{where} is {what}; the forms that can be read are {FORMS}.")
    if is_matlab(data):
        return read_matlab(data, where)
    # A pickle begins with its protocol, or, in the two oldest, with a mark, an empty dict or list, or a name.
    if data[:1] in (b"\x80", b"(", b"}", b"]", b"c"):
        return read_lasagne(data, where)
    what = "is empty" if not data else f"begins with {data[:8]!r}, which no known form does"
    raise InputError(f"{where} {what}; the forms that can be read are {FORMS}.")
