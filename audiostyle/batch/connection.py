"""Where a batch's scheduler listens and the key to it, in files that only their owner can read."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from audiostyle.errors import InputError, WriteFailed
from audiostyle.files import read_bytes, reason, shown

__all__ = ["announced", "read_connection"]

_NAME = "connection.json"
_LARGEST = 2**20


@contextlib.contextmanager
def announced(folder: Path, address: str, certificate: str, key: str) -> Iterator[dict[str, str]]:
    """Leave address, certificate and key in a batch's folder for as long as the block lasts.

    Whoever has the key may run any code as the user.

    Yields
    ------
    dict of str to str
        ``address``, and the files ``cert`` and ``key``.
    """
    files = {"cert": folder / "connection.cert.pem", "key": folder / "connection.key.pem"}
    content = {"address": address, **{name: str(path) for name, path in files.items()}}
    texts = {files["cert"]: certificate, files["key"]: key, folder / _NAME: json.dumps(content) + "\n"}
    try:
        for path, text in texts.items():
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(text)
    except OSError as error:
        raise WriteFailed(f"The scheduler's key could not be written to {shown(folder)}: {reason(error)}.") from error
    try:
        yield content
    finally:
        for path in texts:
            path.unlink(missing_ok=True)


def read_connection(folder: Path) -> dict[str, str]:
    """Read what :func:`announced` leaves.

    Raises
    ------
    InputError
        If there is nothing of the kind.
    """
    if not os.path.lexists(folder / _NAME):
        raise InputError(
            f"No batch in {shown(folder)} takes workers: there is no {_NAME}, which audiostyle batch ... --listen "
            "ADDRESS:PORT leaves in the batch's folder while it runs."
        )
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(read_bytes(folder / _NAME, _LARGEST))
        if isinstance(content, dict) and all(isinstance(content.get(name), str) for name in ("address", "cert", "key")):
            return content
    raise InputError(f"The file {shown(folder / _NAME)} is no scheduler's.")
