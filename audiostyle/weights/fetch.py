"""Fetching VGG-19 from its public address: Keras' file without the dense layers, checked and normalised."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from audiostyle.errors import InputError, RunError
from audiostyle.settings import Settings
from audiostyle.weights.find import default_weights_path

__all__ = ["KERAS_MD5", "KERAS_NAME", "KERAS_URLS", "download", "fetch_weights"]

KERAS_NAME = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"
KERAS_URLS = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{KERAS_NAME}",
    f"https://github.com/fchollet/deep-learning-models/releases/download/v0.1/{KERAS_NAME}",
)

_SECONDS_OF_SILENCE = 30


def download(
    folder: Path, urls: Sequence[str] = KERAS_URLS, md5: str = KERAS_MD5, timeout: float = _SECONDS_OF_SILENCE
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
    timeout : float
        Seconds of silence after which an address is given up.

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
    reasons = []
    for url in urls:
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=timeout)
        try:
            fetched = pooch.retrieve(url, f"md5:{md5}", fname=KERAS_NAME, path=folder, downloader=downloader)
            return Path(fetched)
        except requests.HTTPError as error:
            status = "an error" if error.response is None else error.response.status_code
            reasons.append(f"{_host(url)} answers {status}")
        except requests.RequestException as error:
            reasons.append(f"{_host(url)} {_what_failed(error)}")
        except ValueError:
            reasons.append(f"{_host(url)} gave another file, perhaps the page of a proxy (its checksum is wrong)")
        except OSError as error:
            raise RunError(
                f"The download could not be written to {os.fspath(folder)!r}: {error.strerror or error}; "
                "make room or mend the folder."
            ) from None
    raise RunError(
        f"The weights could not be fetched ({'; '.join(dict.fromkeys(reasons))}); "
        f"get them by hand: download {urls[0]} elsewhere and run `python -m audiostyle weights convert` on it, "
        "do the same with any other VGG-19 file (Lasagne, MatConvNet, Caffe .npz or .npy, Johnson's .pth), "
        "or use `--weights random`."
    )


def fetch_weights(
    output: Path | None = None, form: str = "pickle", urls: Sequence[str] = KERAS_URLS, md5: str = KERAS_MD5
) -> Path:
    """Download the weights, normalise them and write them to their usual place.

    Parameters
    ----------
    output : pathlib.Path, optional
        By default ``vgg19_weights/vgg19_normalized.pkl``; the download is kept beside it.
    form : {'pickle', 'h5'}
        Form of the file that is written.
    urls, md5
        As of :func:`download`.

    Returns
    -------
    pathlib.Path
        The normalised file.
    """
    from audiostyle.weights.convert import converted
    from audiostyle.weights.load import inspect_weights
    from audiostyle.weights.save import save_weights

    output = default_weights_path() if output is None else output
    if not output.parent.is_dir():
        raise InputError(f"The folder {os.fspath(output.parent)!r} does not exist; make it, or write elsewhere.")
    print(f"Fetching {KERAS_NAME} (80 MB) ...", file=sys.stderr, flush=True)
    weights = converted(inspect_weights(download(output.parent, urls, md5), Settings()))
    save_weights(output, weights.arrays, form, weights.record, weights.means)
    return output


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
