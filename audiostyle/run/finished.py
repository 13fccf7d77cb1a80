"""Whether the run that a request asks for is in its folder already, whole or in part."""

import dataclasses
import os
from typing import Any

from audiostyle.files import sha256_of_file
from audiostyle.run.archive import ARCHIVE_NAME, Archive
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.manifest import MANIFEST_NAME, read_manifest
from audiostyle.run.request import Request
from audiostyle.run.resume_check import check_same

__all__ = ["find_finished", "going_on"]


def going_on(request: Request) -> Request:
    """Return the request as one to go on with what is in its folder, where something is."""
    return dataclasses.replace(request, resume=os.path.lexists(os.path.join(request.folder, ARCHIVE_NAME)))


def find_finished(request: Request) -> ArchivedRun | None:
    """Return the archive of the finished run that a request asks for; None where it is not begun, or not ended.

    Parameters
    ----------
    request : Request
        From :func:`going_on`.

    Raises
    ------
    InputError
        If the folder holds a run of other clips, weights or settings, or a damaged one.
    """
    if not request.resume:
        return None
    archived = Archive.read(os.path.join(request.folder, ARCHIVE_NAME))
    check_same(archived, _wanted(request, archived))
    done = len(archived.rounds) >= request.settings.rounds
    if not done or not os.path.lexists(os.path.join(request.folder, MANIFEST_NAME)):
        return None
    return archived if read_manifest(request.folder)["state"] == "finished" else None


def _wanted(request: Request, archived: ArchivedRun) -> dict[str, Any]:
    """Describe the request as far as it can be told without reading the weights' arrays or starting Theano."""
    recorded = archived.description.get("weights", {})
    digest = None if request.weights == "random" else sha256_of_file(request.weights)
    same = recorded.get("file_sha256") == digest and (digest is not None or recorded.get("path") == "random")
    sounds = {"content": request.content, "style": request.style}
    return {
        "settings": dataclasses.asdict(request.settings),
        "inputs": {
            role: {"name": os.path.basename(path), "sha256": sha256_of_file(path)} for role, path in sounds.items()
        },
        "weights": {
            "path": request.weights,
            "name": os.path.basename(request.weights),
            "sha256": recorded.get("sha256") if same else digest,
        },
        "machine": archived.description.get("machine", {}),
    }
