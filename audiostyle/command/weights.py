"""``audiostyle weights``: look at a file of VGG-19, fetch one, and make normalised ones."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiostyle.command.terminal import show, tell
from audiostyle.files import shown

if TYPE_CHECKING:
    from audiostyle.weights.convert import Converted

__all__ = ["add_parser"]

# What audiostyle.weights.save can write; repeated here so that --help need not import it.
_FORMATS = ("pickle", "h5")


def add_parser(subparsers: Any) -> None:
    """Add the subcommand ``weights`` with its own subcommands to the command line."""
    parser = subparsers.add_parser(
        "weights",
        help="look at, fetch, convert or normalise the network's weights",
        description="Everything about the weights of VGG-19: docs/weights.md explains it.",
    )
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")

    info = actions.add_parser(
        "info",
        help="say what a file of weights is",
        description="Says which form a file has, whether it is the published network, and whether it is normalised.",
    )
    info.add_argument("file", metavar="FILE", type=Path, help="a file of any known form")
    info.set_defaults(run=_info)

    convert = actions.add_parser(
        "convert",
        help="make a normalised file from any known form",
        description="Normalises the published network with the mean activations that are shipped.",
    )
    convert.add_argument("file", metavar="FILE", type=Path, help="a file of any known form")
    _add_output(convert)
    convert.set_defaults(run=_convert)

    normalize = actions.add_parser(
        "normalize",
        help="normalise on your own pictures",
        description="Measures each filter's mean activation on your pictures and rescales the filters to 1.",
    )
    normalize.add_argument("file", metavar="FILE", type=Path, help="a file of any known form")
    normalize.add_argument(
        "--pictures", metavar="FOLDER", type=Path, required=True, help="a folder of photographs; hundreds are best"
    )
    _add_output(normalize)
    normalize.set_defaults(run=_normalize)

    fetch = actions.add_parser(
        "fetch",
        help="download the published network (80 MB) and normalise it",
        description="Downloads Keras' copy of VGG-19 from its public address, checks it and normalises it.",
    )
    _add_output(fetch)
    fetch.set_defaults(run=_fetch)

    random = actions.add_parser(
        "random",
        help="make an untrained network from a seed",
        description="Draws a network from a seed and normalises it; with seed 0 it is what --weights random uses.",
    )
    random.add_argument("--seed", type=_seed, default=0, metavar="N", help="a whole number (default: %(default)s)")
    _add_output(random, required=True)
    random.set_defaults(run=_random)


def _add_output(parser: argparse.ArgumentParser, required: bool = False) -> None:
    default = "" if required else " (default: vgg19_normalized.pkl in the folder for weights, see docs/weights.md)"
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=required, help=f"the file to write{default}"
    )
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        help="pickle, which the authors' Python 2 code loads too, or h5 (default: h5 if FILE ends in .h5, else pickle)",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(f"{seed} is not from 0 to {2**32 - 1}")
    return seed


def _output(args: argparse.Namespace) -> Path:
    """Return the file to write, which must not be there unless ``--force`` is given."""
    from audiostyle.command.obtain import output_path

    return output_path(args.output, args.force)


def _form(args: argparse.Namespace, path: Path) -> str:
    """Return the form that was asked for, by ``--format`` or by the file's ending."""
    return args.format or ("h5" if path.suffix.lower() == ".h5" else "pickle")


def _save(made: "Converted", path: Path, form: str) -> int:
    from audiostyle.weights.save import save_weights

    save_weights(path, made.arrays, form, made.record, made.means)
    show(f"Wrote {shown(path)} ({path.stat().st_size / 1e6:.0f} MB), normalised by {made.record['normalised_by']}.")
    return 0


def _info(args: argparse.Namespace) -> int:
    from audiostyle.weights.known_files import OXFORD_LICENCE
    from audiostyle.weights.load import inspect_weights

    weights = inspect_weights(args.file)
    turned = [name.replace("_", " ") for name, value in weights.turned._asdict().items() if value and name != "rgb"]
    if weights.published:
        network = "Simonyan and Zisserman's VGG-19, by the signs of its first kernels"
        licence = OXFORD_LICENCE
    elif weights.trained:
        network, licence = "trained, but not the published VGG-19", "unknown: ask where the file comes from"
    else:
        network, licence = "untrained", "none needed for random numbers, as far as these are"
    channels = "red-green-blue" if weights.turned.rgb else "blue-green-red"
    rows = [
        ("file", f"{shown(args.file)} ({args.file.stat().st_size / 1e6:.1f} MB)"),
        ("form", weights.form),
        ("layers", "16 convolutions, conv1_1 to conv5_4"),
        ("network", network),
        ("channel order", channels + ("" if weights.published else ", by the custom of this form")),
        ("kernels", ", ".join(turned) + ", turned on loading" if turned else "upright"),
        ("checksum", f"known: {weights.known.name}" if weights.known else "not among the known files'"),
        ("sha256", f"{weights.file_sha256} (file)"),
        ("", f"{weights.sha256} (arrays)"),
        (
            "normalised",
            f"{'yes' if weights.normalised else 'no'}: mean activations typically differ from 1 by a factor of "
            f"{weights.deviation:.3g}",
        ),
        *((key.replace("_", " "), value) for key, value in weights.record.items() if key != "arrays_sha256"),
        ("licence", licence),
    ]
    width = max(len(name) for name, _ in rows)
    show(*(f"{name:{width}}  {value}" for name, value in rows), *(f"note: {note}" for note in weights.notes))
    return 0


def _convert(args: argparse.Namespace) -> int:
    from audiostyle.weights.convert import converted
    from audiostyle.weights.load import inspect_weights

    path = _output(args)
    return _save(converted(inspect_weights(args.file)), path, _form(args, path))


def _normalize(args: argparse.Namespace) -> int:
    from audiostyle.weights.convert import normalised_on
    from audiostyle.weights.load import inspect_weights
    from audiostyle.weights.normalise import DEAD_BELOW
    from audiostyle.weights.picture_folder import find_pictures, pictures_sha256, read_pictures

    path = _output(args)
    pictures = find_pictures(args.pictures)
    weights = inspect_weights(args.file)
    sha256 = pictures_sha256(pictures)
    progress = _progress(read_pictures(pictures), len(pictures))
    made = normalised_on(weights, progress, len(pictures), sha256)
    dead = sum(int((mean < DEAD_BELOW).sum()) for mean in (made.means or {}).values())
    show(f"{len(pictures)} pictures, SHA-256 of the set {sha256}; {dead} filters never answer and keep their scale.")
    return _save(made, path, _form(args, path))


def _progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """Pass items on, with a bar on a terminal and a line now and then elsewhere."""
    if sys.stderr.isatty():
        import tqdm

        yield from tqdm.tqdm(items, total=total, unit="picture", dynamic_ncols=True)
        return
    for number, item in enumerate(items, start=1):
        yield item
        if number % 50 == 0 or number == total:
            tell(f"{number} of {total} pictures", stream=sys.stderr)


def _fetch(args: argparse.Namespace) -> int:
    from audiostyle.command.obtain import fetch_weights

    path = _output(args)
    fetch_weights(path, _form(args, path))
    show(f"Wrote {shown(path)} ({path.stat().st_size / 1e6:.0f} MB), normalised by the shipped mean activations.")
    return 0


def _random(args: argparse.Namespace) -> int:
    from audiostyle.weights.convert import drawn

    path = _output(args)
    return _save(drawn(args.seed), path, _form(args, path))
