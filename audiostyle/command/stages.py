"""``audiostyle stages CONTENT STYLE``: every intermediate of the pipeline in one file."""

import argparse
import sys
from typing import Any

from audiostyle.command.options import add_setting_options, settings_from
from audiostyle.command.terminal import show, show_state, tell
from audiostyle.errors import InputError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the ``stages`` subcommand."""
    parser = subparsers.add_parser(
        "stages",
        help="write every intermediate of the pipeline to one HDF5 file",
        description="Write every intermediate of the pipeline, from samples to losses and gradient and back to sound, "
        "to one HDF5 file with fixed names (docs/stages.md), so that another implementation can be compared with it. "
        "Without --weights the network's stages are left out.",
    )
    parser.add_argument("content", help="the content clip")
    parser.add_argument("style", help="the style clip")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="stages.h5", help="the file to write (default: %(default)s)"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="VGG-19 weights in any known form, or the word random, for the network's stages",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--image", metavar="X.npy", help="image (1, 3, height, width) at which losses and gradient are computed "
        "(default: the image that a transfer starts from)"
    )  # fmt: skip
    where.add_argument(
        "--image-seed", metavar="N", help="use the image numpy.random.RandomState(N).uniform(-128, 128), as float32"
    )
    parser.add_argument(
        "--whole-features", action="store_true", help="keep whole activations, not only mean, std and L2 norm"
    )
    add_setting_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compute the stages, write them, say so."""
    from audiostyle.network.blas import choose_blas_kernels

    choose_blas_kernels(authors=True)
    from audiostyle.files import check_output
    from audiostyle.study.stage_recording import Point, choose_image, write_stages
    from audiostyle.weights.load import RANDOM, load_weights

    settings = settings_from(args)
    weights_file = args.weights if args.weights and args.weights != RANDOM else None
    inputs = [args.content, args.style, weights_file, args.image]
    check_output(args.output, "The stages", [path for path in inputs if path is not None])
    point = None
    if args.weights is not None:
        image, origin = choose_image(args.image, _seed(args.image_seed), settings, args.content)
        weights = load_weights(args.weights, settings.threads)
        for note in weights.notes:
            tell(f"audiostyle: {note}", stream=sys.stderr)
        point = Point(weights, image, origin, args.whole_features)
    elif args.image is not None or args.image_seed is not None or args.whole_features:
        raise InputError(
            "There are no losses and activations without a network; add --weights, or leave out --image, --image-seed "
            "and --whole-features."
        )
    count = write_stages(args.output, args.content, args.style, settings, point, _tell)
    _tell("")
    show(f"Wrote {count} stages to {args.output}.")
    return 0


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:
        raise InputError(f"--image-seed was given {text!r}, but takes a whole number from 0 to {2**32 - 1}.")
    return seed


def _tell(text: str) -> None:
    """Show what is being done, on a terminal only."""
    show_state(text and f"{text} ...")
