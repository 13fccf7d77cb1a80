"""From what ``--weights`` says to 32 checked arrays and everything that is known about them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from audiostyle.errors import InputError
from audiostyle.files import shown
from audiostyle.invocation import invocation
from audiostyle.weights.formats import read_weights_file
from audiostyle.weights.identify import Orientation, measure_activity, neighbour_correlation, orientation
from audiostyle.weights.known_files import TORCHVISION_PREFIX, KnownFile, known_file
from audiostyle.weights.parameters import arrays_sha256
from audiostyle.weights.random_network import RANDOM_SEED, random_network
from audiostyle.weights.torch_file import FEATURES_FORM

__all__ = ["RANDOM", "Inspection", "Weights", "inspect_weights", "load_weights"]

RANDOM = "random"

# Between a random kernel's neighbour correlation, 0.00, and the published network's, 0.57.
_TRAINED_ABOVE = 0.1
# conv1_1's mean activation is 26 in the published network, 1.5 when it is normalised, and 255 times as
# much in both when pixels of 0 to 1 are expected.
_UNIT_PIXELS_ABOVE = 100.0


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of one run and what is known about them.

    Attributes
    ----------
    arrays : list of numpy.ndarray
        32 float32 arrays W1, b1, W2, ...: W ``(n_out, n_in, 3, 3)``, b ``(n_out,)``, for blue-green-red
        input of 0 to 255 minus the mean.
    form : str
        The form of the file, or ``random``.
    sha256 : str
        SHA-256 of the arrays' bytes in order, in hexadecimal.
    file_sha256 : str or None
        SHA-256 of the file; None for ``random``.
    normalised : bool
        Whether each filter's mean activation is about 1.
    notes : tuple of str
        Sentences for the user.
    """

    arrays: list[npt.NDArray[np.float32]]
    form: str
    sha256: str
    file_sha256: str | None
    normalised: bool
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Inspection(Weights):
    """What :func:`inspect_weights` finds out about a file.

    Attributes
    ----------
    known : KnownFile or None
        The published file that this is, by its checksum.
    published : bool
        Whether the network is Simonyan and Zisserman's, by the signs of its first kernels.
    turned : Orientation
        How the file's kernels had to be turned.
    trained : bool
        Whether the kernels are trained rather than drawn.
    deviation : float
        The factor by which a filter's mean activation typically differs from 1.
    record : mapping of str to str
        What the file says of itself.
    """

    known: KnownFile | None
    published: bool
    turned: Orientation
    trained: bool
    deviation: float
    record: Mapping[str, str]


def load_weights(source: str | Path, threads: int = 0, allow_unnormalised: bool = True) -> Weights:
    """Load weights of any known form.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, or the word ``random``.
    threads : int
        CPU threads for measuring; 0 means all cores.
    allow_unnormalised : bool
        False to raise where the weights are not normalised; otherwise a note says so.

    Returns
    -------
    Weights
        Checked and in the network's form.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    if source == RANDOM:
        with threadpool_limits(threads or None):
            arrays = random_network()
        note = f"The weights are random (seed {RANDOM_SEED}, normalised): an untrained network, not the paper's."
        return Weights(arrays, RANDOM, arrays_sha256(arrays), None, True, (note,))
    weights = inspect_weights(Path(source), threads)
    if not weights.normalised and not allow_unnormalised:
        raise InputError(f"{weights.notes[-1]}")
    return weights


def inspect_weights(path: Path, threads: int = 0) -> Inspection:
    """Load a file of weights and find out everything about it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    threads : int
        CPU threads for measuring; 0 means all cores.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    found, file_sha256, md5 = read_weights_file(path)
    where = f"The weights file {shown(path)}"
    known = known_file(md5, file_sha256)
    stored = found.arrays
    if "arrays_sha256" in found.record and found.record["arrays_sha256"] != arrays_sha256(stored):
        raise InputError(f"{where} has changed since it was written (its checksum differs); make or copy it again.")

    notes = []
    turned = orientation(stored[0])
    published = turned is not None
    if turned is None:
        turned = Orientation(rgb=found.channel_order == "RGB")
    elif found.fixed and turned != Orientation():
        raise InputError(
            f"{where} has its kernels the wrong way round ({_ways(turned)}), which its form does not allow; "
            "convert the original file again."
        )
    elif turned != Orientation(rgb=found.channel_order == "RGB"):
        notes.append(f"The kernels were not as usual in this form and were turned: {_ways(turned)}.")
    arrays = turned.apply(stored)
    trained = neighbour_correlation(arrays) > _TRAINED_ABOVE
    with threadpool_limits(threads or None):
        activity = measure_activity(arrays)
        if published and activity.first_layer > _UNIT_PIXELS_ABOVE:
            arrays[0] /= 255
            notes.append("The network expected pixels of 0 to 1 and was rescaled to 0 to 255.")
            activity = measure_activity(arrays)
    unit_pixels = activity.first_layer > _UNIT_PIXELS_ABOVE
    if not published and found.form.startswith(FEATURES_FORM):
        _refuse_torchvision(path, file_sha256, trained, unit_pixels, where)

    if not published:
        what = "a trained network, but not Simonyan and Zisserman's" if trained else "an untrained network"
        notes.append(f"The weights are those of {what}; blue-green-red input of 0 to 255 minus the mean is assumed.")
    normalised = known.normalised if known and published else activity.normalised
    if not normalised:
        notes.append(_unnormalised_note(path, published, activity.deviation))
    return Inspection(
        arrays=arrays,
        form=found.form,
        sha256=arrays_sha256(arrays),
        file_sha256=file_sha256,
        normalised=normalised,
        notes=tuple(notes),
        known=known,
        published=published,
        turned=turned,
        trained=trained,
        deviation=activity.deviation,
        record=dict(found.record),
    )


def _ways(turned: Orientation) -> str:
    ways = [name.replace("_", " ") for name, value in turned._asdict().items() if value]
    return ", ".join(ways).replace("rgb", "red-green-blue") or "blue-green-red, upright"


def _unnormalised_note(path: Path, published: bool, deviation: float) -> str:
    how = "convert" if published else "normalize --pictures FOLDER"
    return (
        f"The weights {shown(path)} are not normalised (mean activations typically differ from 1 by a factor of "
        f"{deviation:.3g}), so the paper's loss weights do not fit them; "
        f"`{invocation(f'weights {how}')}` makes a normalised file."
    )


def _refuse_torchvision(path: Path, sha256: str, trained: bool, unit_pixels: bool, where: str) -> None:
    """Refuse a file with torchvision's names that is not the published network.

    Of the two trained networks with these names one is the published network.  The other, torchvision's
    own, is told by its checksum; a copy of it by being trained, or by expecting pixels of another scale.
    """
    if sha256.startswith(TORCHVISION_PREFIX) or TORCHVISION_PREFIX in path.name or trained or unit_pixels:
        raise InputError(
            f"{where} is torchvision's VGG-19 (vgg19-{TORCHVISION_PREFIX}) or a relative: it was trained anew on "
            "red-green-blue pictures of 0 to 1, so the paper's losses do not fit it; "
            f"use Simonyan and Zisserman's weights (`{invocation('weights fetch')}`)."
        )
