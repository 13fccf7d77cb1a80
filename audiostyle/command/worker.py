"""``audiostyle worker``: workers for a batch that another machine, or another terminal, conducts."""

import argparse
import os
from pathlib import Path
from typing import Any

from audiostyle.command.terminal import counted, tell
from audiostyle.errors import InputError

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the ``worker`` subcommand."""
    parser = subparsers.add_parser(
        "worker",
        help="work for a batch that is conducted elsewhere",
        description="Run transfers for a batch until it ends. The batch's own folder, as this machine sees it, says "
        "where its scheduler is (audiostyle batch ... --listen ADDRESS:PORT). docs/batch.md has recipes.",
    )
    parser.add_argument(
        "place", metavar="FOLDER", help="the batch's folder; or the address of a scheduler, tls://host:port"
    )
    parser.add_argument("--workers", metavar="N", default="1", help="processes (default: %(default)s)")
    parser.add_argument(
        "--threads", metavar="N", default="1", help="threads of each, which must be the batch's (default: %(default)s)"
    )
    parser.add_argument("--gpus", metavar="all|0,1,...", help="one process for each of these GPUs")
    parser.add_argument(
        "--lifetime",
        metavar="TIME",
        default="",
        help="end after so long, such as 3h50m, with transfers put down in time",
    )
    for name, meaning in (("cert", "certificate"), ("key", "key"), ("ca-file", "certificate of those to be trusted")):
        parser.add_argument(f"--tls-{name}", metavar="FILE", help=f"the {meaning}, beside an address")
    # As dask-jobqueue gives them to every worker.
    for name in ("name", "nthreads", "memory-limit", "death-timeout", "local-directory", "interface", "protocol"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from audiostyle.batch.cluster_file import seconds_of
    from audiostyle.batch.connection import read_connection
    from audiostyle.batch.engine import work_for
    from audiostyle.batch.gpus import chosen_gpus

    workers, threads = _number("--workers", args.workers), _number("--threads", args.threads)
    if args.lifetime and not seconds_of(args.lifetime):
        raise InputError(f"--lifetime was given {args.lifetime!r}, but takes a time such as 3h50m or 04:00:00.")
    lifetime = f"{seconds_of(args.lifetime)}s" if args.lifetime else ""
    if "://" in args.place:
        files = {"cert": args.tls_cert, "key": args.tls_key, "ca": args.tls_ca_file}
        if args.place.startswith("tls://") and (args.tls_cert is None) != (args.tls_key is None):
            raise InputError("--tls-cert and --tls-key go together.")
        connection = {name: os.path.abspath(path) for name, path in files.items() if path is not None}
        address = args.place
    else:
        connection = read_connection(Path(args.place))
        address = connection["address"]
    gpus = chosen_gpus(args.gpus)
    tell(f"Working for {address} with {counted(len(gpus) or workers, 'worker')}; Ctrl-C ends it.")
    work_for(address, connection, workers, threads, gpus, lifetime, args.name or "")
    return 0


def _number(option: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text)):
        raise InputError(f"{option} was given {text!r}, but takes a whole number of at least 1.")
    return int(text)
