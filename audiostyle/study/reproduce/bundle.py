"""A reproduction as one folder to be published: results, stage files, sounds, claims, checksums and a description."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiostyle.files import new_folder, read_bytes, sha256_of_file
from audiostyle.run.folder import RUN_FILES
from audiostyle.run.manifest import read_manifest
from audiostyle.study.reproduce.crate import crate_metadata
from audiostyle.study.reproduce.document import is_quick

__all__ = ["write_bundle"]

_DESCRIPTIONS = {
    "results.json": "all numbers: hashes, settings, losses round by round, metrics",
    "claims.json": "the paper's sentences with numbers, thresholds and whether they hold",
    "report.html": "a page with sounds, pictures, losses and metrics, which needs no network",
    "requirements.txt": "the packages that the experiments ran with",
    "SHA256SUMS": "checksums; sha256sum -c SHA256SUMS checks them",
    "README.md": "what this is",
}
# Of a run's folder; its archive run.h5 is left out, as it is large and names folders of the machine.
_OF_A_RUN = (*(name for name in RUN_FILES if name not in ("run.json", "run.h5")), "stages.h5")
_README = """# {title}

The experiments of *Artistic Style Transfer for Music Data* (Coleman, Penco, Porisky; UBC, 2017), run by AudioStyle
{version}: {experiments}.

{warning}| file | what it is |
|---|---|
{table}
| `3a/` ... `3d/` | each experiment: the sound, pictures, losses, `run.json`, and `stages.h5`, every intermediate |
| `ro-crate-metadata.json` | all of this for programs: a Process Run Crate (https://w3id.org/ro/wfrun/process/0.5) |

Clips: content `{content}` (SHA-256 {content_sha256}), style `{style}` (SHA-256 {style_sha256}), {seconds:g} s of each.
Weights: {weights}.

Check the files with `sha256sum -c SHA256SUMS`. Compare a port with a stage file by `audiostyle compare`, its sound by
`audiostyle evaluate`.

Who publishes this adds an author, a publisher and a licence of the numbers to `ro-crate-metadata.json`.

**Rights.** `content.wav`, `style.wav`, the pages and the stage files hold {seconds:g} s of both clips: publish them
only if you may. The numbers are facts.
"""


def write_bundle(path: str, reproduction: str, names: Sequence[str]) -> None:
    """Make the folder, whole or not at all.

    Parameters
    ----------
    path : str
        The folder; it must not be there, or be empty.
    reproduction : str
        Folder of a reproduction that is written up.
    names : sequence of str
        Its finished experiments.

    Raises
    ------
    InputError
        If a file is missing, or the folder is there.
    RunError
        If something cannot be written.
    """
    with new_folder(path, "The bundle") as part:
        _fill(part, Path(reproduction), names)


def _fill(part: Path, reproduction: Path, names: Sequence[str]) -> None:
    document = json.loads(read_bytes(reproduction / "results.json"))
    runs = {name: _published(read_manifest(str(reproduction / name)), document, name) for name in names}
    kinds = (".json", ".html", ".png", ".wav")
    sources = {one.name: one for one in sorted(reproduction.iterdir()) if one.suffix in kinds}
    for name in names:
        (part / name).mkdir()
        found = ((file, reproduction / name / file) for file in _OF_A_RUN)
        sources |= {f"{name}/{file}": source for file, source in found if source.is_file()}
    files: dict[str, tuple[int, str]] = {}
    for relative, source in sources.items():
        shutil.copyfile(source, part / relative)
        files[relative] = (source.stat().st_size, sha256_of_file(part / relative))

    def write(relative: str, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        (part / relative).write_bytes(data)
        files[relative] = (len(data), hashlib.sha256(data).hexdigest())

    quick = is_quick(document)
    title = "A quick try of the paper's experiments" if quick else "The paper's experiments, reproduced"
    for name, run in runs.items():
        write(f"{name}/run.json", json.dumps(run, indent=1) + "\n")
    write("requirements.txt", _requirements(next(iter(runs.values()))["versions"]))
    write("README.md", _readme(title, document, quick))
    # The sums cover all but themselves and the crate's description, which has them too.
    write("SHA256SUMS", "".join(f"{digest}  {relative}\n" for relative, (_, digest) in sorted(files.items())))
    crate = crate_metadata(document, dict(sorted(files.items())), _DESCRIPTIONS, title)
    (part / "ro-crate-metadata.json").write_text(crate, encoding="ascii")


def _published(record: Mapping[str, Any], document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return ``run.json`` without the folders of the machine it was made on, as ``results.json`` has it already."""
    inputs = {role: {**entry, "path": entry["name"]} for role, entry in record["inputs"].items()}
    weights = {**record["weights"], "path": os.path.basename(record["weights"]["path"])}
    words = [os.path.basename(word) if os.sep in word else word for word in record["command_line"]]
    machine = document["experiments"][name]["machine"]
    return {**record, "inputs": inputs, "weights": weights, "command_line": words, "machine": machine}


def _requirements(versions: Mapping[str, str]) -> str:
    """The packages that a run records, as pip reads them."""
    ours = {name: versions.get(name, "unknown") for name in ("python", "audiostyle")}
    head = f"# Python {ours['python']}, AudioStyle {ours['audiostyle']}; its requirements.txt has the whole closure."
    found = {name: version for name, version in versions.items() if name not in ours and version != "not installed"}
    return "\n".join([head, *(f"{name}=={version}" for name, version in found.items())]) + "\n"


def _readme(title: str, document: Mapping[str, Any], quick: bool) -> str:
    experiments, weights = document["experiments"], document["weights"]
    warning = "**A quick run, not the paper's numbers:** shorter clips or fewer rounds than the paper has.\n\n" * quick
    inputs = document["inputs"]
    return _README.format(
        title=title,
        version=document["audiostyle"],
        experiments="; ".join(f"{name} ({one['title']})" for name, one in experiments.items()),
        warning=warning,
        table="\n".join(f"| `{name}` | {words} |" for name, words in _DESCRIPTIONS.items()),
        content=inputs["content"]["name"],
        content_sha256=inputs["content"]["sha256"],
        style=inputs["style"]["name"],
        style_sha256=inputs["style"]["sha256"],
        seconds=document["analysis"]["duration"],
        weights=f"{weights['form']}, SHA-256 of the arrays {weights['sha256']}",
    )
