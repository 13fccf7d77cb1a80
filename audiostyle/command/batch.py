"""``audiostyle batch``: many transfers, on all cores, several machines or a queue; the same command goes on."""

import argparse
import contextlib
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from audiostyle.command.interrupt import graceful_signals
from audiostyle.command.options import ExamplesHelp, add_setting_options, chosen_settings
from audiostyle.command.terminal import counted, tell
from audiostyle.errors import InputError, Interrupted, WriteFailed

__all__ = ["add_parser"]

# More than this is asked about first.
_MANY_HOURS, _MUCH_DISK = 24.0, 100e9


def add_parser(subparsers: Any) -> None:
    """Add the ``batch`` subcommand."""
    parser = subparsers.add_parser(
        "batch",
        help="many transfers: pairs, seeds, grids, on all cores or many machines",
        description="Make a transfer of every pair in PAIRS (audiostyle pairs writes such a table), with every point "
        "of a sweep. What is finished is not run again, what was interrupted goes on: the same command, or the folder "
        "alone, goes on with a batch. docs/batch.md has recipes for one machine, for several, and for a queue.",
        formatter_class=ExamplesHelp,
        epilog=textwrap.dedent(
            """\
            examples:
              audiostyle batch pairs.csv -o genres --rowac --colac        all pairs, on all cores of this machine
              audiostyle batch pairs.csv -o seeds --grid sweep.toml       each with each point of a sweep
              audiostyle batch genres                                     go on with a batch
              audiostyle batch genres --status                            what is done and what has failed
              audiostyle batch genres --shard 3/16                        every 16th, in a job of an array"""
        ),
    )
    parser.add_argument("plan", metavar="PAIRS", help="a table of pairs; or the folder of a batch, to go on with it")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="folder of the batch")
    parser.add_argument("--grid", metavar="FILE", help="a sweep of settings (TOML), tried on every pair")
    parser.add_argument(
        "--weights", metavar="FILE", help="VGG-19 weights in any known form, or the word random "
        "(default: vgg19_weights/vgg19_normalized.pkl)"
    )  # fmt: skip
    parser.add_argument(
        "--keep", choices=("last", "all"), help="whose images a finished archive holds: the last round's, or every "
        "round's, which takes many times the disk (default: last)"
    )  # fmt: skip
    parser.add_argument("--pictures", action="store_true", help="draw each transfer's pictures, too")
    parser.add_argument("--no-evaluate", action="store_true", help="leave out the metrics")
    what = parser.add_argument_group("what is done")
    what.add_argument("--dry-run", action="store_true", help="check everything, and say what would be done")
    what.add_argument("--status", action="store_true", help="say what has become of a batch, and write its tables anew")
    what.add_argument("--retry", action="store_true", help="try again what has failed")
    what.add_argument("--max-failures", metavar="N", default="0", help="stop after so many failures")
    what.add_argument("--yes", action="store_true", help="begin without asking, however large the batch is")
    where = parser.add_argument_group("where it runs")
    place = where.add_mutually_exclusive_group()
    place.add_argument("--workers", metavar="N", help="processes on this machine (default: one for each core)")
    place.add_argument(
        "--scheduler", metavar="PLACE", help="on the workers of a scheduler that runs already: its address, or the "
        "folder of the batch that it was started for"
    )  # fmt: skip
    place.add_argument("--cluster", metavar="FILE", help="on workers in a queue, such as SLURM's, that FILE describes")
    place.add_argument("--shard", metavar="K/N", help="in this process: transfers K, K + N, K + 2 N, ...")
    where.add_argument("--gpus", metavar="all|0,1,...", help="one worker for each of these GPUs (with --device cuda)")
    where.add_argument(
        "--listen", metavar="ADDRESS:PORT", help="let workers on other machines join (audiostyle worker FOLDER); "
        "whoever can read the key in the batch's folder can run code as you (default: this machine's processes only)"
    )  # fmt: skip
    for name in ("cert", "key"):
        where.add_argument(f"--tls-{name}", metavar="FILE", help=argparse.SUPPRESS)
    add_setting_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from audiostyle.batch.conductor import survey
    from audiostyle.command.batch_progress import tell_plan, tell_status

    shard = _shard(args.shard)
    _check_place(args)
    max_failures = _whole("--max-failures", args.max_failures, 0)
    folder, plan, notes = _plan(args)
    entries = survey(folder, plan, shard)
    tell(*(f"audiostyle: {note}" for note in notes), stream=sys.stderr)
    if args.status:
        from audiostyle.batch.results import write_all

        write_all(folder, plan, entries)
        tell_status(folder, plan, entries)
        return 1 if any(entry.failure for entry in entries) else 0
    if args.dry_run:
        tell_plan(folder, plan, entries, args.retry)
        return 0
    return _conduct(args, folder, plan, entries, shard, max_failures)


def _conduct(
    args: argparse.Namespace, folder: Path, plan: Any, entries: list[Any], shard: tuple[int, int], max_failures: int
) -> int:
    """Run what is left, write the tables, and return the exit status."""
    from audiostyle.batch.conductor import BatchStopped, conduct
    from audiostyle.batch.journal import Journal
    from audiostyle.batch.results import write_all
    from audiostyle.batch.task import forget
    from audiostyle.command.batch_progress import BatchProgress, tell_plan, tell_summary

    signal = 0
    stopped = None
    if any(entry.left(args.retry) for entry in entries):
        hours, disk = tell_plan(folder, plan, entries, args.retry)
        _agree(args, folder, hours, disk)
        _make_folder(folder)
        plan.write(folder)
        part = f"{shard[0]}-of-{shard[1]}" if args.shard else ""
        with graceful_signals() as interruption, Journal(folder, part) as journal, BatchProgress() as progress:
            interruption.promise = "The batch stops after this evaluation, and finished rounds are kept"
            under_way: set[str] = set()
            again = {"retry": args.retry, "max_failures": max_failures, "under_way": under_way}
            try:
                with _engine(args, folder, plan, entries, interruption) as engine:
                    conduct(folder, plan, entries, engine, journal, progress, **again)
            except BatchStopped as error:
                stopped = error
            except KeyboardInterrupt:
                tell("audiostyle: Finished rounds are kept, and the same command goes on.", stream=sys.stderr)
                raise
            except WriteFailed as error:
                stopped = BatchStopped(f"{error} The batch was stopped; the same command goes on with it.")
            finally:
                forget(folder, under_way)
            signal = interruption.signal
    elif not args.shard:
        plan.write(folder)
    if stopped is not None:
        # Where the disk is full, what is said of that is what matters.
        with contextlib.suppress(WriteFailed):
            write_all(folder, plan, entries)
        tell_summary(folder, entries)
        raise stopped
    if not args.shard or shard[1] == 1:
        write_all(folder, plan, entries)
    tell_summary(folder, entries)
    if signal:
        raise Interrupted(signal)
    return 1 if any(entry.failure for entry in entries) else 0


def _check_place(args: argparse.Namespace) -> None:
    """Refuse options that say where it runs and cannot be read, before anything is done."""
    from audiostyle.batch.cluster_file import read_cluster

    if args.listen and not re.fullmatch(r".+:\d{1,5}", args.listen):
        raise InputError(f"--listen was given {args.listen!r}, but takes an address and a port, such as 0.0.0.0:8786.")
    if args.workers is not None:
        _whole("--workers", args.workers, 0 if args.listen else 1)
    if (args.tls_cert is None) != (args.tls_key is None):
        raise InputError("--tls-cert and --tls-key go together.")
    if args.cluster:
        read_cluster(args.cluster)


def _engine(
    args: argparse.Namespace, folder: Path, plan: Any, entries: list[Any], interruption: Any
) -> contextlib.AbstractContextManager[Any]:
    """Return what runs the transfers, to be entered."""
    from audiostyle.batch.gpus import chosen_gpus
    from audiostyle.network.gpu.device import resolve_device

    shared = plan.shared
    gpu = resolve_device(shared.device) != "cpu"
    if args.gpus and not gpu:
        raise InputError("--gpus is for transfers on GPUs, but the batch's device is the CPU; give --device cuda.")
    if args.shard:
        from audiostyle.batch.conductor import ThisProcess

        return contextlib.nullcontext(ThisProcess(interruption))
    from audiostyle.batch import engine

    if args.cluster:
        from audiostyle.batch.cluster_file import read_cluster

        return engine.queue_cluster(folder, read_cluster(args.cluster), shared.threads)
    if args.scheduler:
        if "://" not in args.scheduler:
            from audiostyle.batch.connection import read_connection

            connection = read_connection(Path(args.scheduler))
            return engine.join(connection["address"], connection, shared.threads, gpu)
        files = {name: os.path.abspath(path) for name in ("cert", "key") if (path := getattr(args, f"tls_{name}"))}
        return engine.join(args.scheduler, files, shared.threads, gpu)
    gpus = chosen_gpus(args.gpus or "all") if gpu else []
    left = sum(entry.left(args.retry) for entry in entries)
    most = None if args.workers is None else _whole("--workers", args.workers, 0 if args.listen else 1)
    workers = _fitting(plan, entries, args.retry, shared.threads, left) if most is None else min(most, left)
    return engine.local_cluster(folder, workers, shared.threads, gpus, args.listen or "")


def _fitting(plan: Any, entries: list[Any], retry: bool, threads: int, left: int) -> int:
    """Return how many workers this machine has cores and memory for."""
    from audiostyle.audio.representation import image_shape
    from audiostyle.run.estimate import estimate_memory

    kinds = {plan.settings(entry.line.values) for entry in entries if entry.left(retry)}
    each = max(estimate_memory(image_shape(settings), settings) for settings in kinds)
    with open("/proc/meminfo") as lines:
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    cores = max(1, len(os.sched_getaffinity(0)) // threads)
    fitting = max(1, min(cores, free // each))
    if fitting < cores:
        tell(f"Memory is free for {counted(fitting, 'worker')} only, where there are cores for {cores}.")
    return min(fitting, left)


def _plan(args: argparse.Namespace) -> tuple[Path, Any, list[str]]:
    """Return the batch's folder, its plan, and what is worth saying of it."""
    from audiostyle.batch.plan import PLAN_NAME, read_plan

    if os.path.isdir(args.plan):
        folder = Path(os.path.abspath(args.plan))
        if not (folder / PLAN_NAME).is_file():
            raise InputError(
                f"The folder {args.plan!r} holds no batch; give a table of pairs (audiostyle pairs {args.plan} "
                "writes one) and a folder with -o."
            )
        _refuse_changes(args)
        return folder, read_plan(folder), []
    if args.output is None:
        raise InputError("A new batch needs a folder: give one with -o.")
    folder = Path(os.path.abspath(args.output))
    plan, notes = _made_plan(args)
    if (folder / PLAN_NAME).is_file():
        notes += _compare(folder, read_plan(folder), plan)
    elif folder.is_dir() and (strange := sorted({*os.listdir(folder)} - {"runs", "plan.csv"})):
        raise InputError(
            f"The folder {args.output!r} holds no batch but other things ({strange[0]!r}); name a new folder with -o."
        )
    return folder, plan, notes


def _made_plan(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Make a plan of a table of pairs, a sweep and the options."""
    from audiostyle.batch.plan import BatchPlan
    from audiostyle.batch.sweep import read_sweep
    from audiostyle.batch.table_of_pairs import add_lines, read_pairs
    from audiostyle.command.obtain import find_weights
    from audiostyle.files import sha256_of_file

    pairs = read_pairs(args.plan)
    points = read_sweep(args.grid) if args.grid else [{}]
    # Another number of threads is another run, bit for bit; so it is never what a machine happens to have.
    assignments = {"threads": "1", **chosen_settings(args)}
    interactive = sys.stdin is not None and sys.stdin.isatty()
    weights = os.fspath(find_weights(args.weights, args.yes, interactive, input))
    digest = None if weights == "random" else sha256_of_file(weights)
    plan = BatchPlan(
        args.preset or "released",
        assignments,
        weights if weights == "random" else os.path.abspath(weights),
        digest,
        keep=args.keep or "last",
        pictures=args.pictures,
        evaluate=not args.no_evaluate,
    )
    shared = plan.shared
    if shared.threads == 0:
        raise InputError("A batch's --threads must be a number, for all cores are not as many everywhere.")
    if shared.device.removeprefix("cuda").isdecimal():
        raise InputError(
            f"A batch's --device is cuda, not {shared.device}: a transfer that begins on one GPU may go on on another; "
            "--gpus says which to use."
        )
    plan = add_lines(plan, pairs, points)
    repeated = len(pairs) * len(points) - len(plan.lines)
    return plan, [f"{counted(repeated, 'transfer')} that repeat others are left out."] if repeated else []


def _compare(folder: Path, old: Any, new: Any) -> list[str]:
    """Say what a new plan leaves out of the one that is in the folder; refuse what cannot be mixed."""
    for name in ("device", "convolution", "threads"):
        before, now = getattr(old.shared, name), getattr(new.shared, name)
        if before != now:
            raise InputError(
                f"The batch in {str(folder)!r} was begun with {name} {before}, and {now} would make other bits; give "
                f"--{name} {before}, or another folder."
            )
    gone = {line.signature for line in old.lines} - {line.signature for line in new.lines}
    return [f"No longer in the plan: {counted(len(gone), 'transfer')}, whose runs stay."] if gone else []


def _refuse_changes(args: argparse.Namespace) -> None:
    """A batch that goes on does so as it was planned."""
    given = [name for name, value in chosen_settings(args).items() if value != "auto"]
    for option in ("output", "grid", "weights", "keep", "preset"):
        if getattr(args, option) is not None:
            given.append(f"--{option}")
    given += [f"--{name.replace('_', '-')}" for name in ("pictures", "no_evaluate") if getattr(args, name)]
    if given:
        raise InputError(
            f"A batch goes on as it was planned, without {', '.join(given)}; give the table of pairs for another plan."
        )


def _agree(args: argparse.Namespace, folder: Path, hours: float, disk: float) -> None:
    """Ask before a batch that takes a day, or much of the disk."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if disk > free:
        raise InputError(
            f"The batch needs about {disk / 1e9:.1f} GB in {str(folder)!r}, but {free / 1e9:.1f} GB are free there; "
            "free some, choose another folder, or leave out --keep all and --pictures."
        )
    if args.yes or (hours <= _MANY_HOURS and disk <= _MUCH_DISK):
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError("So large a batch is begun only with --yes where there is nobody to ask.")
    if input("Begin? [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputError("Nothing was begun.")


def _make_folder(folder: Path) -> None:
    from audiostyle.errors import NoSpace
    from audiostyle.files import reason, shown

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoSpace(f"The folder {shown(folder)} cannot be made: {reason(error)}.") from error


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    if found := re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII):
        first, step = int(found[1]), int(found[2])
        if 1 <= first <= step:
            return first, step
    raise InputError(f"--shard was given {text!r}, but takes K/N, such as 3/16 for transfers 3, 19, 35 and so on.")


def _whole(option: str, text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:
        raise InputError(f"{option} was given {text!r}, but takes a whole number of at least {least}.")
    return int(text)
