"""``ro-crate-metadata.json``: what is in a bundle and how it came about, for programs.

References
----------
RO-Crate Metadata Specification 1.1, https://w3id.org/ro/crate/1.1.

Process Run Crate 0.5, https://w3id.org/ro/wfrun/process/0.5: every experiment is an action with its program, its
inputs and its results.
"""

import json
import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["crate_metadata"]

_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_PAPER = "https://padster.github.io/AudioStyle/"
_KINDS = {
    ".h5": "application/x-hdf5",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".md": "text/markdown",
}
_UNIVERSITY = "https://www.ubc.ca/"
_LICENCE = "#licence"
_SOFTWARE = "#audiostyle"

Entity = dict[str, Any]


def crate_metadata(
    document: Mapping[str, Any],
    files: Mapping[str, tuple[int, str]],
    descriptions: Mapping[str, str],
    title: str,
) -> str:
    """Return the metadata as JSON text.

    Parameters
    ----------
    document : mapping
        ``results.json``.
    files : mapping of str to tuple
        Path in the bundle to size in bytes and SHA-256; the metadata itself is not among them.
    descriptions : mapping of str to str
        Of some of the files.
    title : str
    """
    ended = max(one["ended"] for one in document["experiments"].values())
    clips = {role: _clip(role, document["inputs"][role]) for role in ("content", "style")}
    weights = {
        "@id": "#weights",
        "@type": "CreativeWork",
        "name": f"VGG-19 weights ({document['weights']['form']})",
        "identifier": f"sha256:{document['weights']['file_sha256'] or document['weights']['sha256']}",
    }
    graph: list[Entity] = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _SPECIFICATION},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": title,
            "description": "The experiments of Artistic Style Transfer for Music Data (Coleman, Penco and Porisky, "
            "2017), run by AudioStyle: results, sounds, every intermediate, the paper's claims judged, and checksums.",
            "datePublished": ended[:10],
            "license": {"@id": _LICENCE},
            "conformsTo": {"@id": _PROFILE},
            "citation": {"@id": _PAPER},
            "hasPart": [{"@id": path} for path in files],
            "mentions": [{"@id": f"#{name}"} for name in document["experiments"]],
        },
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": _LICENCE,
            "@type": "CreativeWork",
            "name": "Terms of use",
            "description": "The clips, and sounds and stage files as far as they hold them, belong to their owners. "
            "README.md has more.",
        },
        {
            "@id": _PAPER,
            "@type": "ScholarlyArticle",
            "name": "Artistic Style Transfer for Music Data",
            "author": [{"@id": f"#{name.lower()}"} for name in ("Coleman", "Penco", "Porisky")],
            "datePublished": "2017",
        },
        *(
            {
                "@id": f"#{last.lower()}",
                "@type": "Person",
                "name": f"{first} {last}",
                "affiliation": {"@id": _UNIVERSITY},
            }
            for first, last in (("Patrick", "Coleman"), ("David", "Penco"), ("Adam", "Porisky"))
        ),
        {"@id": _UNIVERSITY, "@type": "Organization", "name": "University of British Columbia"},
        {
            "@id": _SOFTWARE,
            "@type": "SoftwareApplication",
            "name": "AudioStyle",
            "softwareVersion": document["audiostyle"],
            "softwareRequirements": {"@id": "requirements.txt"},
        },
        *clips.values(),
        weights,
    ]
    for name, experiment in document["experiments"].items():
        results = [path for path in files if path.startswith(f"{name}/")]
        graph.append(_action(name, experiment, [*clips.values(), weights], results))
    graph += [_file(path, size, digest, descriptions.get(path)) for path, (size, digest) in files.items()]
    return json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=1) + "\n"


def _clip(role: str, entry: Mapping[str, Any]) -> Entity:
    return {
        "@id": f"#{role}",
        "@type": "CreativeWork",
        "name": entry["name"],
        "description": f"the {role} clip, which is not in this folder as a file",
        "identifier": f"sha256:{entry['sha256']}",
    }


def _action(name: str, experiment: Mapping[str, Any], objects: Sequence[Entity], results: Sequence[str]) -> Entity:
    loss = (experiment["last_loss"] or {}).get("total")
    return {
        "@id": f"#{name}",
        "@type": "CreateAction",
        "name": f"Experiment {name}: {experiment['title']}",
        "description": f"{len(experiment['rounds'])} rounds, {experiment['evaluations']} evaluations, last loss {loss};"
        f" {name}/run.json has all settings, versions and the machine",
        "instrument": {"@id": _SOFTWARE},
        "object": [{"@id": entity["@id"]} for entity in objects],
        "result": [{"@id": path} for path in results],
        "startTime": experiment["started"],
        "endTime": experiment["ended"],
        # Only finished experiments are bundled.
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _file(path: str, size: int, digest: str, description: str | None) -> Entity:
    ending = path[path.rfind(".") :]
    kind = _KINDS.get(ending) or mimetypes.guess_type(path)[0] or "text/plain"
    entity = {
        "@id": path,
        "@type": "File",
        "name": path,
        "encodingFormat": kind,
        "contentSize": str(size),
        "sha256": digest,
    }
    return entity | ({"description": description} if description else {})
