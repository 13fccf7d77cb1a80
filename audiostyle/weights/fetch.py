"""Fetching VGG-19 from its public address: Keras' file without the dense layers, checked."""

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from audiostyle.errors import RunError
from audiostyle.files import reason, shown
from audiostyle.invocation import invocation

__all__ = ["KERAS_MD5", "KERAS_NAME", "KERAS_URLS", "download"]

KERAS_NAME = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"
KERAS_URLS = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{KERAS_NAME}",
    f"https://github.com/fchollet/deep-learning-models/releases/download/v0.1/{KERAS_NAME}",
)

_SECONDS_OF_SILENCE = 30
# For each address; enough for a line of 25 kB a second.
_SECONDS_IN_ALL = 3600
# The file has 80 MB.
_MOST_BYTES = 100_000_000
_CHUNK = 2**16


def download(
    folder: Path,
    urls: Sequence[str] = KERAS_URLS,
    md5: str = KERAS_MD5,
    silence: float = _SECONDS_OF_SILENCE,
    seconds: float = _SECONDS_IN_ALL,
    most: int = _MOST_BYTES,
) -> Path:
    """Download the file to a folder, from the first address that gives it.

    A file that is already there and has the checksum is kept.  A download that breaks off leaves
    nothing behind and begins anew the next time.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is missing.
    urls : sequence of str
        Addresses, tried in order.
    md5 : str
        What the file's MD5 must be, in hexadecimal.
    silence : float
        Seconds without a byte after which an address is given up.
    seconds : float
        Seconds after which it is given up in any case (in the main thread, where alarms work).
    most : int
        Bytes after which it is given up.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    RunError
        If no address gives the file; the text names three ways to get weights by hand.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    get = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=_CHUNK, timeout=silence)

    def get_some(url: str, path: str, pup: Any) -> None:
        with open(path, "wb") as file:
            get(url, _Limited(file, most), pup)

    reasons = []
    for url in urls:
        try:
            with _alarm(seconds):
                return Path(pooch.retrieve(url, f"md5:{md5}", fname=KERAS_NAME, path=folder, downloader=get_some))
        except requests.HTTPError as error:
            status = "an error" if error.response is None else error.response.status_code
            reasons.append(f"{_host(url)} answers {status}")
        except requests.RequestException as error:
            reasons.append(f"{_host(url)} {_what_failed(error)}")
        except _TooMuchError as error:
            reasons.append(f"{_host(url)} {error}")
        except ValueError:
            reasons.append(f"{_host(url)} gave another file, perhaps the page of a proxy (its checksum is wrong)")
        except OSError as error:
            raise RunError(f"The download could not be written to {shown(folder)}: {reason(error)}.") from error
    raise RunError(
        f"The weights could not be fetched ({'; '.join(dict.fromkeys(reasons))}); "
        f"get them by hand: download {urls[0]} elsewhere and run `{invocation('weights convert')}` on it, "
        "do the same with any other VGG-19 file (Lasagne, MatConvNet, Caffe .npz or .npy, Johnson's .pth), "
        "or use `--weights random`."
    )


class _TooMuchError(Exception):
    """What a server does without end."""


class _Limited:
    """A file that takes so many bytes and no more."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._left = file, most

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise _TooMuchError("sends far more than the file")
        self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Break off what takes longer: each byte of a slow header or body would begin the time-out anew."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> NoReturn:
        raise _TooMuchError(f"takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _host(url: str) -> str:
    return url.split("/")[2]


def _what_failed(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "does not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "has a certificate that is not trusted here"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached or broke off"
    return "broke off"
