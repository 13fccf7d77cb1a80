"""Follows the README word by word on fresh Debians: ``make portability-test``, as root.

debootstrap makes each root in a scratch folder, with nothing in it but Debian's minimum and a fresh clone of
this repository's last commit.  Everything but apt runs there as a user of that Debian, as the README's
reader would.  Then ``pip install .`` is tried in an empty environment, and with --with-tests ``make test``.  The
roots are removed afterwards.

Usage: check_roots.py [--with-tests] [SUITE ...]; the suites are Debian's, by default trixie (13) and bookworm (12).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from debian_root import INSIDE, PIP_CONFIGURATION, certificates, make_root, run_in

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Hear something in five minutes"
HOME = "/home/reader"
CLONE = f"{HOME}/AudioStyle"
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "pip_index_url", "pip_extra_index_url", "pip_default_timeout")
LIMIT = 3600  # seconds for one step


class Failed(Exception):
    """A step failed; the text says which, and what was said."""


def readme_lines(text):
    """Return the lines of the first shell block of the README's first section."""
    block = re.search(r"^```sh\n(.*?)^```", text.split(SECTION, 1)[1], re.MULTILINE | re.DOTALL)
    return [line for line in block[1].splitlines() if line.strip()]


def as_typed(line):
    """Return what a line runs, and whether root runs it: there is no sudo in a minimal Debian."""
    line = line.split(" #", 1)[0].strip()
    return (line.removeprefix("sudo "), True) if line.startswith("sudo ") else (line, False)


class Debian:
    """A root and its reader; every step is printed with its time, and a failing one raises Failed."""

    def __init__(self, suite, tree):
        self.suite = suite
        self.tree = tree

    def step(self, name, action):
        """Do something that returns a completed command or None."""
        started = time.monotonic()
        try:
            done = action()
        except (OSError, subprocess.SubprocessError) as error:
            raise Failed(f"{self.suite}: {name}\n{error}") from error
        seconds = time.monotonic() - started
        if done is not None and done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            raise Failed(f"{self.suite}: {name} (exit status {done.returncode} after {seconds:.0f} s)\n{said}")
        say(f"  ok  {self.suite}: {name} ({seconds:.0f} s)")
        return done

    def type(self, line, root=False, folder=CLONE):
        """Have a shell run a line as the reader, or as root, who answers every question with yes."""
        environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb"]
        environment += [f"{name}={value}" for name, value in os.environ.items() if name.lower() in PASSED_ON]
        environment += ["DEBIAN_FRONTEND=noninteractive", "HOME=/root"] if root else [f"HOME={HOME}", "USER=reader"]
        owner = "0:0" if root else "1000:1000"
        answers = "y\n" * 5
        return self.step(
            line, lambda: run_in(self.tree, "sh", "-c", line, user=owner, folder=folder, environment=environment,
                                 input=answers, timeout=LIMIT)
        )  # fmt: skip

    def make(self):
        """Make the root, the reader, and the clone in the reader's folder."""
        self.step("debootstrap", lambda: make_root(self.suite, self.tree))
        trusted = certificates()
        if trusted:
            shutil.copy(trusted, self.tree / INSIDE[1:])
            (self.tree / "etc/pip.conf").write_text(PIP_CONFIGURATION)
        self.type("useradd --create-home --uid 1000 reader", root=True, folder="/")
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(self.tree / CLONE[1:])]
        self.step("git clone", lambda: subprocess.run(clone, capture_output=True, text=True, check=False))
        self.type(f"chown -R reader: {CLONE}", root=True, folder="/")

    def check(self, with_tests):
        """Follow the README, then install the package; with_tests runs ``make test`` last."""
        for line in readme_lines((self.tree / CLONE[1:] / "README.md").read_text()):
            self.type(*as_typed(line))
        self.type("test -s demo_output/output.wav")
        self.type("python3 -m venv ../empty && ../empty/bin/pip install .")
        version = re.search(r'"(.*)"', (ROOT / "audiostyle/version.py").read_text().split("__version__ =")[1])[1]
        shown = self.type(f"{shlex.quote(HOME)}/empty/bin/audiostyle --version", folder="/").stdout
        if version not in shown:
            raise Failed(f"{self.suite}: audiostyle --version says {shown!r} and not {version}")
        if with_tests:
            say(self.type("make test").stdout.rstrip().rsplit("\n", 1)[-1])


def say(text):
    print(text, flush=True)


def main(suites, with_tests=False):
    if os.geteuid():
        say("portability-test was skipped: it needs root (sudo make portability-test).")
        return 0
    missing = [name for name in ("debootstrap", "unshare", "git") if shutil.which(name) is None]
    if missing:
        say(f"portability-test was skipped: it needs {' and '.join(missing)} (apt install debootstrap git).")
        return 0
    for suite in suites:
        with tempfile.TemporaryDirectory(prefix="audiostyle-portability-", dir="/var/tmp") as folder:
            debian = Debian(suite, Path(folder) / suite)
            try:
                debian.make()
                debian.check(with_tests)
            except Failed as failure:
                say(f"  FAILED  {failure}")
                return 1
    say("portability-test passed: " + ", ".join(suites))
    return 0


if __name__ == "__main__":
    asked = [word for word in sys.argv[1:] if word != "--with-tests"]
    sys.exit(main(asked or ["trixie", "bookworm"], with_tests="--with-tests" in sys.argv))
