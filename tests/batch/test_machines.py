"""Several machines: one whose link goes down in mid-run, and a queue whose walltime ends; both as root, on this one."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from faulty_batch import ROOT, SHORT, check, command, finish, wait_for, write_place

from audiostyle.batch.journal import read_events

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces and for SLURM's daemons"),
]
#: How long a descent is to take, so that there is something to be interrupted, and no more.
_SECONDS = 120


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return write_place(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def long(place):
    """Options of a transfer that takes two minutes, as fast as this machine is now."""
    done = finish("transfer", *clips_of(place), *SHORT, "--threads", "1", "-o", place / "probe")
    assert done.returncode == 0, done.stderr
    record = json.loads((place / "probe" / "run.json").read_text())
    a_round = record["seconds"]["descent"] / len(record["rounds"])
    return [*SHORT, "--iterations", str(min(max(round(_SECONDS / a_round), 10), 600))]


@pytest.fixture(scope="module")
def undisturbed(place, long):
    clips = clips_of(place)
    folders = [place / "one", place / "two"]
    for folder, pair in zip(folders, (clips, clips[::-1]), strict=True):
        done = finish("transfer", *pair, *long, "--threads", "1", "-o", folder)
        assert done.returncode == 0, done.stderr
    return folders


def clips_of(place):
    return place / "clips" / "rock.wav", place / "clips" / "reggae.wav"


@pytest.fixture
def started():
    """Starts processes that do not outlive the test."""
    processes = []

    def start(*words, **options):
        process = subprocess.Popen(
            list(map(str, words)), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, **options
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def machines():
    """Two network namespaces with a cable between them, 10.77.0.1 and 10.77.0.2."""
    names = f"one{os.getpid()}", f"two{os.getpid()}"

    def ip(*words, needed=True):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode and needed:
            pytest.skip(f"needs network namespaces: {done.stderr.strip()}")

    try:
        for name in names:
            ip("netns", "add", name)
        ip("-n", names[0], "link", "add", "cable1", "type", "veth", "peer", "name", "cable2", "netns", names[1])
        for number, name in enumerate(names, start=1):
            ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", f"cable{number}")
            ip("-n", name, "link", "set", f"cable{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            ip("netns", "del", name, needed=False)


def on(machine, *words):
    """Return the words that run a command on a machine, which has its own name."""
    return [
        "ip",
        "netns",
        "exec",
        machine,
        "unshare",
        "--uts",
        "sh",
        "-c",
        f'hostname {machine}; exec "$@"',
        "sh",
        *words,
    ]


def test_a_machine_s_link_goes_down(place, long, undisturbed, started, machines, tmp_path):
    batch = tmp_path / "batch"
    first, second = machines
    listen = ["--listen", "10.77.0.1:0", "--workers", "1"]
    client = started(*on(first, *command("batch", place / "pairs.csv", *long, "-o", batch, *listen)))
    wait_for(lambda: (batch / "connection.json").exists())
    worker = started(*on(second, *command("worker", batch)))

    def began_there():
        events = [event for event in read_events(batch) if event["event"] == "started"]
        return [event["signature"] for event in events if event["worker"].startswith(second)]

    wait_for(began_there)
    signature = began_there()[0]
    wait_for(lambda: list(batch.glob(f"runs/*/*{signature[:12]}/run.0003.h5")))
    subprocess.run(["ip", "-n", second, "link", "set", "cable2", "down"], check=True)
    said, _ = client.communicate(timeout=3600)
    assert client.returncode == 0, said
    assert "Traceback" not in said
    check(batch, undisturbed)
    # It was begun again by the machine that was left, and by no other.
    begun = [event["worker"] for event in read_events(batch) if event.get("signature") == signature]
    assert any(one.startswith(first) for one in begun)
    # The machine that is cut off gives up by itself.
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.communicate(timeout=180)
    assert worker.returncode is not None


CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
MpiDefault=none
KillWait=10
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def slurm(tmp_path_factory, started):
    """A SLURM of one node of two cores, which runs nothing else; its environment."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (apt install slurmctld slurmd slurm-client munge)")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    # Whose socket and key these are, is looked at up to the root.
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=socket.gethostname(), folder=folder, ports=ports))
    places = [f"--{name}-file={folder / name}" for name in ("pid", "log", "seed")]
    started("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder / 'munge.socket'}", *places)
    wait_for((folder / "munge.socket").exists, 60)
    started("slurmctld", "-D", "-f", configuration)
    started("slurmd", "-D", "-f", configuration)
    environment = os.environ | {"SLURM_CONF": str(configuration)}

    def idle():
        done = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() == "idle"

    try:
        wait_for(idle, 120)
    except AssertionError:
        pytest.skip(f"needs a SLURM that starts: {(folder / 'slurmctld.log').read_text()[-500:]}")
    return environment


def test_a_walltime_ends(place, long, undisturbed, slurm, started, tmp_path):
    batch = tmp_path / "batch"
    cluster = tmp_path / "slurm.toml"
    # Half of it is a worker's life.
    cluster.write_text('jobs = 2\nmemory = "1900MB"\nwalltime = "00:03:00"\n')
    client = started(*command("batch", place / "pairs.csv", *long, "-o", batch, "--cluster", cluster), env=slurm)
    said, _ = client.communicate(timeout=5400)
    assert client.returncode == 0, said
    assert "Traceback" not in said
    check(batch, undisturbed)
    events = list(read_events(batch))
    started_twice = [
        line for line in {event["signature"] for event in events}
        if sum(event["event"] == "started" for event in events if event["signature"] == line) > 1
    ]  # fmt: skip
    assert started_twice, "no walltime ended in mid-run: the transfers are too short"
    assert not [event for event in events if event["event"] == "failed"]
