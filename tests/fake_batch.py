"""An engine that only writes what a run leaves."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

#: A program that is a scheduler, with as many workers as its second argument says, until its standard input ends.
SCHEDULER = """
import sys
from pathlib import Path
from audiostyle.batch.engine import local_cluster
from audiostyle.network.blas import choose_blas_kernels
if __name__ == "__main__":
    choose_blas_kernels()
    with local_cluster(Path(sys.argv[1]), int(sys.argv[2]), 1, listen="127.0.0.1:0"):
        print("ready", flush=True)
        sys.stdin.read()
"""
FACTS = {"device": "cpu", "threads": 1, "onednn": "oneDNN", "openblas": "", "python": "3", "numpy": "1", "scipy": "1"}


def leave_a_run(task, state="finished", **changes):
    """Write what a transfer leaves, as far as a batch looks at it."""
    folder, settings = Path(task["folder"]), task["settings"]
    folder.mkdir(parents=True, exist_ok=True)
    number = len(task["signature"]) and int(task["signature"][:4], 16) / 2**16
    record = {
        "schema": 1,
        "state": state,
        "failure": "It failed." if state == "failed" else None,
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:01:00+00:00",
        "command_line": [],
        "settings": settings,
        "inputs": {
            role: {"path": task[role], "name": role, "sha256": task["clips"][role]} for role in ("content", "style")
        },
        "weights": {"path": "random", "form": "random", "normalised": True, "sha256": "0", "file_sha256": None},
        "machine": {"device": "cpu", "convolution": "onednn", "threads": 1, "blas": "", "cpu": "abacus"},
        "versions": {},
        "rounds": [{}] * 39,
        "evaluations": 1600,
        "first_loss": {"total": 2.0},
        "last_loss": {"total": number, "content": 0.25},
        "seconds_per_evaluation": 0.1,
        "seconds": {"total": 60.0},
        "peak_memory_bytes": 1,
        **changes,
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "output.wav").write_bytes(b"RIFF")
    metrics = {"row_ac_r_style": number, "tempo_bpm": 120.0, "key_distance_content": None}
    sounds = [{"name": "output", "role": "output", "metrics": metrics}]
    evaluation = {"sounds": sounds} if task["evaluate"] else None
    output = {"name": "output.wav", "sha256": task["signature"][::-1]}
    content = {"signature": task["signature"], "output": output, "evaluation": evaluation}
    (folder / "metrics.json").write_text(json.dumps(content))


class FakeEngine:
    """Ends each task as it is told to, by the name of its folder; finished if it is not."""

    def __init__(self, endings=None):
        self.endings = endings or {}
        self.tasks = []

    def call(self, function, *arguments):
        return FACTS

    def run(self, next_task, hear):
        while (task := next_task()) is not None:
            self.tasks.append(task)
            hear({"signature": task["signature"], "begun": True, "by": "here:1"})
            hear({"signature": task["signature"], "evaluations": 7})
            left = self.endings.get(Path(task["folder"]).name.rpartition("-")[0], [])
            ending = left.pop(0) if left else {"event": "finished"}
            if ending["event"] == "finished":
                leave_a_run(task)
            yield {"signature": task["signature"], "worker": "here:1", "seconds": 1.0, **ending}


def work_quickly(task, hear, interruption):
    """Do what the task's folder is called, in a worker's process."""
    name, trace = Path(task["folder"]).name, Path(task["batch"]) / "trace" / task["signature"]
    trace.parent.mkdir(exist_ok=True)
    tries = len(trace.read_text().split()) if trace.exists() else 0
    with trace.open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    hear({"signature": task["signature"], "begun": True, "by": str(os.getpid())})
    if name.startswith("dies") and tries < int(name.removeprefix("dies")):
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "waits" or (name == "waits1" and not tries):
        end = time.monotonic() + 60
        while time.monotonic() < end and not interruption.signal:
            time.sleep(0.05)
    if interruption.signal:
        return {"signature": task["signature"], "event": "interrupted", "worker": str(os.getpid())}
    return {"signature": task["signature"], "event": "finished", "worker": str(os.getpid())}


def surroundings():
    """Describe the process that this is called in."""
    import dask

    return {
        "environment": dict(os.environ),
        "daemon": multiprocessing.current_process().daemon,
        "profile": dask.config.get("distributed.worker.profile.enabled"),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    }
