"""Debian in a folder, and commands run in it: what the image test and the portability test share.

Both need root, debootstrap and Debian's mirror, but neither a container's daemon nor a registry.
"""

import os
import shutil
import subprocess
from pathlib import Path

# Mounts, then the command: what `docker run` does, in the new namespaces that unshare made.
START = """
set -e
root=$1 mode=$2 user=$3 folder=$4; shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
[ "$mode" = rw ] || mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""


def make_root(suite, tree):
    """Make a minimal Debian in a folder by debootstrap; what an unfinished one left there is replaced."""
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["debootstrap", "--variant=minbase", suite, str(tree)], check=True, stdout=subprocess.DEVNULL)


def run_in(root, *command, user, folder, mounts=(), mode="rw", environment=(), **options):
    """Run a command in a folder of a root, in namespaces of its own, and return it completed.

    It has no environment but the one given (``NAME=value``), and everything it started ends with it.
    """
    bound = [str(path) for pair in mounts for path in pair]
    arguments = [root, mode, user, folder, *bound, "--", "env", "-i", *environment, *command]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return subprocess.run(
        [*namespaces, "sh", "-c", START, "start", *arguments], capture_output=True, text=True, check=False, **options
    )


def certificates():
    """Return the file of certificates that pip has been told of, or None."""
    name = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return Path(name) if name else None


#: Where those certificates lie inside, and what /etc/pip.conf says there.
INSIDE = "/run/certificates.crt"
PIP_CONFIGURATION = f"[global]\ncert = {INSIDE}\n"
