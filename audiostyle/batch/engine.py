"""Tasks on Dask's workers: on this machine, on others, or in a queue.  No other module knows Dask.

What differs from Dask's defaults, and why, is in :mod:`audiostyle.batch.dask_settings`.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import queue
import signal
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiostyle.batch.cluster_file import job_arguments
from audiostyle.batch.conductor import BatchStopped
from audiostyle.batch.connection import announced
from audiostyle.batch.dask_settings import dask_settings, require_dask
from audiostyle.batch.task import Hear, Outcome, Task, carry_out
from audiostyle.cache import use_private_numba_cache
from audiostyle.errors import InputError, RunError
from audiostyle.run.request import Interruption

__all__ = ["DaskEngine", "join", "local_cluster", "queue_cluster", "work_for"]

_TOPIC = "audiostyle"
_LOST = "The scheduler is lost{}. Finished rounds are kept, and the same command goes on."
_SECONDS_WITHOUT_WORKERS, _SECONDS_BETWEEN_LOOKS, _CLOSING_SECONDS = 600.0, 5.0, 30.0
_WORKER: dict[str, Any] = {
    "nthreads": 1,
    "memory_limit": 0,
    "death_timeout": 60,
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}
Work = Callable[[Task, Hear, Interruption], Outcome]
# A signal that a worker's time is over is not the user's; what the transfer does is the same.
_interruption = Interruption()


def _configure(threads: int) -> None:
    """Set what has to differ from Dask's defaults, in this process and those that it starts."""
    import dask

    dask.config.set(dask_settings(threads))
    importlib.import_module("distributed")
    for name in ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Obedient:
    """A worker's plugin: Ctrl-C is for whoever conducts, and a worker that closes ends its transfer first."""

    name = "audiostyle"

    def setup(self, worker: Any) -> None:
        use_private_numba_cache()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _interruption.signal = 0

    def teardown(self, worker: Any) -> None:
        # Another client brings a plugin of the same name, which takes this one's place while the worker goes on.
        if worker.status.name.startswith("clos"):
            _interruption.signal = signal.SIGTERM


def _on_worker(work: Work, task: Task) -> Outcome:
    """Carry out a task in a worker's process."""
    from distributed import get_worker

    worker = get_worker()
    if _interruption.signal:
        # It has closed in this moment; tasks that it refuses are not to go round and round.
        time.sleep(1)
    return work(task, lambda event: worker.log_event(_TOPIC, event), _interruption)


class DaskEngine:
    """Runs tasks on the workers of a scheduler, no more than there are workers at a time.

    A task that waited at a worker would die with it, and a worker that joins late would have nothing to do.

    Parameters
    ----------
    client : distributed.Client
    gpu : bool
        Whether tasks are for workers that have a GPU, or for those that have none.

    Attributes
    ----------
    work : callable
        What a worker does with a task.
    """

    def __init__(self, client: Any, gpu: bool = False) -> None:
        self._client = client
        self.work: Work = carry_out
        self._resources = {"GPU": 1} if gpu else None
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._submitted = 0
        self._workers, self._looked, self._seen = 0, 0.0, time.monotonic()
        client.register_plugin(_plugin())
        client.subscribe_topic(_TOPIC, self._heard)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns on a worker, as soon as there is one."""
        future = self._client.submit(function, *arguments, pure=False, resources=self._resources)
        future.add_done_callback(lambda done: self._inbox.put(("called", done)))
        while not future.done():
            self._look_for_workers()
            with contextlib.suppress(queue.Empty):
                self._inbox.get(timeout=1)
        return self._result(future)

    def run(self, next_task: Callable[[], Task | None], hear: Hear) -> Generator[Outcome, None, None]:
        """Run tasks; an outcome comes as soon as its task has ended, wherever it ran."""
        flying: dict[str, Any] = {}
        while True:
            self._look_for_workers()
            while len(flying) < max(1, self._workers) and (task := next_task()) is not None:
                flying[task["signature"]] = self._submit(task)
            if not flying:
                return
            try:
                kind, value = self._inbox.get(timeout=1)
            except queue.Empty:
                continue
            if kind == "heard":
                hear(value)
            elif value in flying:
                yield self._outcome(value, flying.pop(value))

    def _submit(self, task: Task) -> Any:
        signature = task["signature"]
        self._submitted += 1
        # A name of its own: of one that was used before the scheduler might still have the result.
        key = f"{signature[:16]}-{self._submitted}-{os.getpid()}"
        future = self._client.submit(_on_worker, self.work, dict(task), key=key, pure=False, resources=self._resources)
        future.add_done_callback(lambda done: self._inbox.put(("done", signature)))
        return future

    def _outcome(self, signature: str, future: Any) -> Outcome:
        from distributed.scheduler import KilledWorker

        try:
            outcome: Outcome = self._result(future)
        except KilledWorker:
            sentence = "It ended its worker's process each time that it was tried; --retry tries again."
            outcome = {"signature": signature, "event": "failed", "kind": "crash", "sentence": sentence}
        finally:
            future.release()
        return outcome

    def _result(self, future: Any) -> Any:
        """Return a future's result, or raise BatchStopped where the scheduler is no more."""
        from distributed.client import CancelledError  # what a lost connection makes of every future

        try:
            return future.result()
        except (CancelledError, OSError, TimeoutError) as error:
            raise BatchStopped(_LOST.format(f" ({_words(error) or type(error).__name__})")) from error

    def _heard(self, event: Any) -> None:
        self._inbox.put(("heard", event[1]))

    def _look_for_workers(self) -> None:
        """Count workers now and then; raise BatchStopped where there have been none for long."""
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        try:
            self._workers = len(self._client.nthreads())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise BatchStopped(_LOST.format("")) from error
        if self._workers:
            self._seen = now
        elif now - self._seen > _SECONDS_WITHOUT_WORKERS:
            raise BatchStopped(
                f"There has been no worker for {_SECONDS_WITHOUT_WORKERS / 60:.0f} minutes; start some (audiostyle "
                "worker), and give the same command again."
            )


def _plugin() -> Any:
    from distributed import WorkerPlugin

    return type("Obedient", (_Obedient, WorkerPlugin), {})()


@contextlib.contextmanager
def local_cluster(
    folder: Path, workers: int, threads: int, gpus: Sequence[str] = (), listen: str = ""
) -> Generator[DaskEngine, None, None]:
    """Start a scheduler in this process and workers on this machine, behind TLS made for this once.

    Parameters
    ----------
    folder : Path
        The batch's.
    workers : int
    threads : int
        Of each.
    gpus : sequence of str
        One worker for each, which sees no other.
    listen : str
        Address and port for workers on other machines, who find both and the key in the batch's folder; without it
        nobody else can reach the scheduler.
    """
    require_dask()
    _configure(threads)
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    host, _, port = listen.rpartition(":") if listen else ("127.0.0.1", "", "0")
    security = Security.temporary()
    shared = {"protocol": "tls", "security": security, "host": host, "dashboard_address": "127.0.0.1:0"}
    options = {**shared, **_WORKER}
    specification: dict[Any, dict[str, Any]] = {
        name: {"cls": Nanny, "options": {**options, "env": {"CUDA_VISIBLE_DEVICES": name}, "resources": {"GPU": 1}}}
        for name in gpus
    } or {name: {"cls": Nanny, "options": options} for name in range(workers)}
    scheduler = {"cls": Scheduler, "options": {**shared, "port": int(port), "dashboard": False}}
    with (
        SpecCluster(workers=specification, scheduler=scheduler, security=security, silence_logs=False) as cluster,
        announced(folder, cluster.scheduler_address, *_texts(security)) if listen else contextlib.nullcontext(),
        Client(cluster) as client,
    ):
        yield DaskEngine(client, bool(gpus))


@contextlib.contextmanager
def join(
    address: str, connection: Mapping[str, str], threads: int, gpu: bool = False
) -> Generator[DaskEngine, None, None]:
    """Use a scheduler that runs already."""
    require_dask()
    _configure(threads)
    from distributed import Client

    try:
        client = Client(address, security=_security(connection), timeout=_CLOSING_SECONDS)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The scheduler {address} does not answer ({_words(error)}); see that it runs, and that the key is its own."
        ) from error
    try:
        yield DaskEngine(client, gpu)
    finally:
        # A scheduler that is gone cannot be taken leave of.
        with contextlib.suppress(OSError, TimeoutError, ValueError, RuntimeError):
            client.close()


@contextlib.contextmanager
def queue_cluster(folder: Path, options: dict[str, Any], threads: int) -> Generator[DaskEngine, None, None]:
    """Let dask-jobqueue put workers into a queue, as many as there is work for.

    Parameters
    ----------
    folder : Path
        The batch's, in which the jobs find the key and leave what they say.
    options : dict
        As :func:`audiostyle.batch.cluster_file.read_cluster` returns them.
    threads : int
    """
    require_dask(["dask_jobqueue"])
    _configure(threads)
    import dask_jobqueue
    from distributed import Client
    from distributed.security import Security

    with announced(folder, "", *_texts(Security.temporary())) as place:
        security = _security(place)
        arguments = job_arguments(options, folder, threads)
        try:
            kind = getattr(dask_jobqueue, f"{options['kind']}Cluster")
            cluster = kind(**arguments, protocol="tls://", security=security, silence_logs=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"dask-jobqueue does not take what the cluster file says: {error}.") from error
        with cluster, Client(cluster) as client:
            cluster.adapt(minimum_jobs=1, maximum_jobs=options["jobs"])
            yield DaskEngine(client)


def work_for(
    address: str,
    connection: Mapping[str, str],
    workers: int,
    threads: int,
    gpus: Sequence[str],
    lifetime: str,
    name: str,
) -> None:
    """Be workers of a scheduler until it goes, their time is over, or a signal comes."""
    require_dask()
    _configure(threads)
    from distributed import Nanny

    options = {**_WORKER, "security": _security(connection)}
    if lifetime:
        options["lifetime"] = lifetime
    environments = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus] or [{}] * workers

    async def serve() -> None:
        nannies = []
        for number, environment in enumerate(environments):
            label = f"{name}-{number}" if name and len(environments) > 1 else name or None
            resources = {"GPU": 1} if environment else None
            nannies.append(Nanny(address, env=environment, resources=resources, name=label, **options))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: [loop.create_task(_closed(nanny)) for nanny in nannies])
        await asyncio.gather(*nannies)
        await asyncio.gather(*(nanny.finished() for nanny in nannies))

    try:
        asyncio.run(serve())
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise RunError(
            f"The scheduler {address} does not answer ({_words(error)}); see that it runs, and that the key is its own."
        ) from error


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:150]


async def _closed(nanny: Any) -> None:
    await nanny.close(timeout=_CLOSING_SECONDS)


def _texts(security: Any) -> tuple[str, str]:
    return security.tls_worker_cert, security.tls_worker_key


def _security(connection: Mapping[str, str]) -> Any:
    """Return the keys of a connection; without any, what Dask's own configuration says."""
    from distributed.security import Security

    if not connection.get("cert"):
        return Security()
    pair = {
        f"tls_{role}_{part}": connection[part] for role in ("client", "scheduler", "worker") for part in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=connection.get("ca", connection["cert"]), **pair)
