"""Zip archives from strangers: ``.npz`` and newer ``.pth`` files are zips, and a zip can lie about its size."""

import io
import struct
import zipfile
import zlib

from audiostyle.errors import InputError

__all__ = ["Archive"]

# A state dict of VGG-19 has 38 tensors and a few small members beside them.
_MAX_MEMBERS = 1000
_MAX_DIRECTORY_BYTES = 2**20


class Archive:
    """The members of a zip file, read one at a time and never beyond a given size.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        What to call the file in an error.

    Raises
    ------
    InputError
        If it is no readable zip file, or has far more members than a file of weights.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self._where = where
        self._check_directory(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._members = {info.filename: info for info in self._zip.infolist()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, struct.error) as error:
            raise self._damaged(str(error)) from None
        if len(self._members) > _MAX_MEMBERS:
            raise self._too_much(f"{len(self._members)} members")

    @property
    def names(self) -> list[str]:
        """Names of the members, in the archive's order."""
        return list(self._members)

    def size(self, name: str) -> int:
        """Return the size in bytes that the archive declares for a member."""
        return self._members[name].file_size

    def read(self, name: str, limit: int) -> bytes:
        """Return a member of at most `limit` bytes.

        Raises
        ------
        InputError
            If it is missing, damaged, encrypted, or longer (declared or in fact).
        """
        info = self._members.get(name)
        if info is None:
            raise self._damaged(f"its member {name[:80]!a} is missing")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._damaged(f"its member {name[:80]!a} is compressed in an unusual way")
        if info.file_size > limit:
            raise self._too_much(f"{info.file_size} bytes in {name[:80]!a}")
        try:
            with self._zip.open(info) as member:
                # zipfile stops at the declared size, whatever the compressed data would give.
                return member.read(limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError, struct.error) as error:
            raise self._damaged(f"{name[:80]!a}: {error}") from None

    def _check_directory(self, data: bytes) -> None:
        """Refuse a directory of members that is too large before zipfile reads all of it."""
        end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65557))
        if end < 0 or end + 22 > len(data):
            raise self._damaged("its end is missing")
        size = struct.unpack_from("<I", data, end + 12)[0]
        if data[end - 20 : end - 16] == b"PK\x06\x07":
            (start,) = struct.unpack_from("<Q", data, end - 12)
            # zipfile looks for the large-file record right before its locator, not where that points.
            for position in (start, end - 76):
                if 0 <= position <= len(data) - 56 and data[position : position + 4] == b"PK\x06\x06":
                    size = max(size if size != 0xFFFFFFFF else 0, struct.unpack_from("<Q", data, position + 40)[0])
        if size > _MAX_DIRECTORY_BYTES:
            raise self._too_much(f"a directory of {size} bytes")

    def _damaged(self, what: str) -> InputError:
        return InputError(
            f"{self._where} is not a readable zip archive ({what}); "
            "it is damaged or cut short, so fetch or copy it again."
        )

    def _too_much(self, what: str) -> InputError:
        return InputError(
            f"{self._where} would unpack to far more than the weights of VGG-19 ({what}), as a zip bomb does; "
            "get the weights elsewhere."
        )
