"""Builds the Docker image without a Docker daemon and runs it: ``make image-test``, as root.

The base image is made by debootstrap, the image by buildah, and it is run in a chroot of its own mount and
process namespace, with the image's environment, entry point and user.  So neither a registry nor a daemon
nor a GPU is needed; Debian's mirrors and the package index are.  What is built stays in a folder
(IMAGE_TEST_FOLDER, else /var/tmp/audiostyle-image-test), so that a second call takes minutes only.

Usage: check_image.py [TARGET ...]; the targets are those of the Dockerfile, by default cpu and cuda.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from debian_root import INSIDE, PIP_CONFIGURATION, certificates, make_root, run_in

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("IMAGE_TEST_FOLDER", "/var/tmp/audiostyle-image-test"))
CALLER = "4321:4321"  # no user of the image
BASES = {"bookworm": "BASE_IMAGE", "bullseye": "K80_IMAGE"}
POCL = ("pocl-opencl-icd=3.1-3+deb12u1", "ocl-icd-opencl-dev=2.3.1-1", "libclblast-dev=1.5.3-3")
CLIPS = ("rock.wav", "reggae.wav")
QUICK = ("--weights", "random", "--duration", "0.3", "--iterations", "2", "--max-evaluations", "2", "--overwrite")
TRANSFER = (*CLIPS, "--rowac", "--colac", *QUICK)


class Failed(Exception):
    """A check failed; the text says what was found."""


def buildah(*arguments, check=True, **options):
    storage = ("--root", FOLDER / "storage", "--runroot", FOLDER / "run")
    return subprocess.run(["buildah", *storage, *arguments], check=check, text=True, **options)


def make_base(suite):
    """Make localhost/SUITE by debootstrap unless it is there."""
    silent = {"check": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if buildah("inspect", "--type", "image", f"localhost/{suite}", **silent).returncode == 0:
        return
    say(f"base image {suite}")
    tree = FOLDER / suite
    if not (tree / "made").exists():
        make_root(suite, tree)
        (tree / "made").touch()
    (FOLDER / "Containerfile").write_text(f"FROM scratch\nADD {suite} /\n")
    buildah("bud", "--isolation", "chroot", "--tag", f"localhost/{suite}", "--file", FOLDER / "Containerfile", FOLDER)


def build(target):
    """Build a target of the Dockerfile, with this machine's certificates where pip has been told of some."""
    say(f"image {target}")
    mounts = []
    trusted = certificates()
    if trusted:
        (FOLDER / "pip.conf").write_text(PIP_CONFIGURATION)
        mounts = ["-v", f"{trusted}:{INSIDE}:ro", "-v", f"{FOLDER / 'pip.conf'}:/etc/pip.conf:ro"]
    bases = [f"--build-arg={argument}=localhost/{suite}" for suite, argument in BASES.items()]
    tag = f"localhost/audiostyle:{target}"
    started = time.monotonic()
    buildah("bud", "--isolation", "chroot", "--layers", *bases, *mounts, "--target", target, "--tag", tag, ROOT)
    size = json.loads(buildah("images", "--json", tag, stdout=subprocess.PIPE).stdout)[0]["size"]
    say(f"image {target}: {size}, built in {time.monotonic() - started:.0f} s")
    return tag


class Container:
    """A writable copy of an image; `run` is ``docker run``."""

    def __init__(self, tag):
        self.name = buildah("from", tag, stdout=subprocess.PIPE).stdout.strip()
        self.root = buildah("mount", self.name, stdout=subprocess.PIPE).stdout.strip()
        inspected = buildah("inspect", "--type", "image", tag, stdout=subprocess.PIPE).stdout
        self.configuration = json.loads(inspected)["OCIv1"]["config"]

    def remove(self):
        buildah("rm", self.name, stdout=subprocess.DEVNULL)

    def run(self, *command, mounts, entrypoint=None, user=CALLER, mode="rw", environment=()):
        """Run a command after the entry point and return it completed."""
        inside = self.configuration
        whole = [*(inside["Entrypoint"] if entrypoint is None else entrypoint), *command]
        return run_in(
            self.root, *whole, user=user, folder=inside["WorkingDir"], mounts=mounts, mode=mode,
            environment=[*inside["Env"], *environment],
        )  # fmt: skip


def expect(truth, text, done=None):
    if not truth:
        raise Failed(text + (f"\n{done.stdout}{done.stderr}" if done else ""))
    say(f"  ok  {text}")


def check_contents(container):
    """Nothing that a run does not need, and nobody's weights or results."""
    root = Path(container.root)
    expect(container.configuration["User"] not in ("", "0", "root"), "the image's user is not root")
    labels = container.configuration["Labels"]
    expect(labels["org.opencontainers.image.title"] == "AudioStyle", "the image has OCI labels")
    kept = {path.name for path in (root / "opt/audiostyle/vgg19_weights").iterdir()}
    expect(kept <= {"README.md"}, "there are no weights in the image")
    expect(not list((root / "opt/venv/bin").glob("pip*")), "there is no pip in the image")
    expect(not list((root / "var/lib/apt/lists").glob("*Packages*")), "there are no package lists in the image")
    expect(not (root / "opt/audiostyle/tests").exists(), "there are no tests in the image")


def check_run(container, mounts, data, device):
    """A transfer on a device, its files' owner, and the same with a read-only root."""
    done = container.run(*TRANSFER, "--device", device, mounts=mounts)
    expect(done.returncode == 0, f"a transfer on {device} by user {CALLER}", done)
    files = list((data / "out").iterdir())
    names = {path.name for path in files}
    expect({"output.wav", "run.json", "losses.csv", "mel.png"} <= names, f"it left {len(names)} files", done)
    owners = {f"{path.stat().st_uid}:{path.stat().st_gid}" for path in (data / "out", *files)}
    expect(owners == {CALLER}, f"they all belong to {CALLER}", done)
    used = json.loads((data / "out" / "run.json").read_text())
    expect(device in json.dumps(used), "run.json names the device")
    done = container.run(*TRANSFER, "--device", device, mounts=mounts, mode="ro")
    expect(done.returncode == 0, f"the same on {device} with a read-only root", done)
    done = container.run("-c", "touch /opt/x", entrypoint=["sh"], mounts=mounts, mode="ro", user="0:0")
    expect("Read-only file system" in done.stderr, "the root was read-only indeed", done)


def check_doctor(container, mounts, device, status, *texts, **options):
    done = container.run("doctor", "--device", device, entrypoint=["audiostyle"], mounts=mounts, **options)
    expect(done.returncode == status, f"doctor --device {device} ends with {status}", done)
    said = " ".join(done.stdout.split())
    for text in texts:
        expect(text in said, f"doctor says {text!r}", done)


def check_cuda(container, mounts, nvrtc):
    """Everything but the driver is there; with a driver that pretends, NVRTC compiles for its GPU."""
    check_doctor(
        container, mounts, "cuda", 1, "problem NVIDIA driver", "ok pygpu", f"ok NVRTC {nvrtc}", "ok cuBLAS 11."
    )
    done = container.run(*TRANSFER, "--device", "cuda", mounts=mounts)
    expect(done.returncode == 2, "a transfer on cuda without a driver ends with 2", done)
    expect("Traceback" not in done.stderr, "and without a traceback", done)
    sentences = [line for line in done.stderr.splitlines() if "cannot be used: NVIDIA's driver was not found" in line]
    expect(len(sentences) == 1, "but with one sentence that says why", done)
    source = ROOT / "tests/stub_cuda/libcuda.c"
    stub = Path(container.root) / "opt/stub"
    stub.mkdir(exist_ok=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", stub / "libcuda.so", source], check=True)
    capability, driver = ("3.7", "11040") if nvrtc == "11.2" else ("9.0", "12020")
    pretended = ["LD_LIBRARY_PATH=/opt/stub", f"STUB_CUDA_CAPABILITY={capability}", f"STUB_CUDA_VERSION={driver}"]
    # The trial has to fail: the driver has no GPU to compute on.
    check_doctor(
        container, mounts, "cuda", 1, f"ok GPU 0 Stub 0, architecture {capability}", f"NVRTC {nvrtc} compiles for it",
        "problem trial", environment=pretended,
    )  # fmt: skip


def check_opencl(tag, mounts, data):
    """The image with an OpenCL driver for the CPU added runs the GPU's graph."""
    say("OpenCL added")
    name = buildah("from", tag, stdout=subprocess.PIPE).stdout.strip()
    script = f"apt-get update -qq && apt-get install -qq -y --no-install-recommends {' '.join(POCL)} >/dev/null"
    buildah("run", "--isolation", "chroot", "--user", "0:0", name, "--", "sh", "-c", script)
    buildah("commit", "--quiet", name, "localhost/audiostyle:opencl", stdout=subprocess.DEVNULL)
    buildah("rm", name, stdout=subprocess.DEVNULL)
    container = Container("localhost/audiostyle:opencl")
    try:
        check_doctor(container, mounts, "opencl0:0", 0, "ok OpenCL opencl0:0", "ok trial")
        check_run(container, mounts, data, "opencl0:0")
    finally:
        container.remove()


def check(target):
    tag = build(target)
    data, cache = FOLDER / "data", FOLDER / f"cache-{target}"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    cache.mkdir(exist_ok=True)
    for name, clip in zip(CLIPS, ("content.wav", "style.wav"), strict=True):
        shutil.copy(ROOT / "tests/golden_small" / clip, data / name)
    os.chown(data, *map(int, CALLER.split(":")))
    cache.chmod(0o1777)
    mounts = [(data, "/data"), (cache, "/cache")]
    container = Container(tag)
    try:
        check_contents(container)
        check_doctor(container, mounts, "cpu", 0, "ok trial")
        check_run(container, mounts, data, "cpu")
        if target != "cpu":
            check_cuda(container, mounts, {"cuda": "11.8", "k80": "11.2"}[target])
    finally:
        container.remove()
    if target != "cpu":
        check_opencl(tag, mounts, data)


def say(text):
    print(text, flush=True)


def main(targets):
    missing = [name for name in ("buildah", "debootstrap", "unshare", "gcc") if shutil.which(name) is None]
    if os.geteuid():
        say("image-test was skipped: it needs root (sudo make image-test).")
        return 0
    if missing:
        say(f"image-test was skipped: it needs {' and '.join(missing)} (apt install buildah debootstrap gcc).")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for suite in BASES if "k80" in targets else ("bookworm",):
        make_base(suite)
    try:
        for target in targets:
            check(target)
    except Failed as failure:
        say(f"  FAILED  {failure}")
        return 1
    say("image-test passed: " + ", ".join(targets))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["cpu", "cuda"]))
