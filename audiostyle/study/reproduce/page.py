"""``report.html``: one page that needs nothing but itself, to hear, see and compare a reproduction.

Sounds and pictures are in the page as base64, so that it can be mailed, published or kept.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from audiostyle.isolation import isolated
from audiostyle.study.evaluate.measured_files import Measurements, Row
from audiostyle.study.html_parts import definitions, escaped, metric_table, number, player, table, whole_page
from audiostyle.study.reproduce.document import PAPERS_ROUNDS, PAPERS_SECONDS, is_quick
from audiostyle.study.reproduce.figures import CAPTIONS
from audiostyle.study.reproduce.scale import SCALE

__all__ = ["render_report"]

_PICTURES = {
    "mel.png": "mel image: content, style, result",
    "mfcc.png": "MFCC image: content, style, result",
    "cqt.png": "constant-Q image: content, style, result",
    "chroma.png": "chroma image: content, style, result",
    "spectrogram.png": "spectrogram: content, style, result",
    "row_autocorrelation.png": "row autocorrelation of the image and of deeper layers",
    "column_autocorrelation.png": "column autocorrelation of the image and of deeper layers",
}
_HEARD = {
    "content.wav": "content: the stretch that is used",
    "style.wav": "style: the stretch that is used",
    "content_inverted_spectrogram.wav": "content through the spectrogram image and back, with no transfer: what the "
    "inversion alone does to 3a",
    "content_inverted_mel.wav": "content through the mel image and back, with no transfer: what the inversion alone "
    "does to 3b, 3c and 3d",
}
_SHORT = {
    "content": "content",
    "style": "style",
    SCALE["content_inverted_spectrogram.wav"]: "inv. spec",
    SCALE["content_inverted_mel.wav"]: "inv. mel",
}


def render_report(
    document: Mapping[str, Any],
    evaluation: Measurements,
    files: Mapping[str, bytes],
    claims: Mapping[str, Any],
    title: str = "Reproduction",
) -> str:
    """Return the page.

    Parameters
    ----------
    document : mapping
        From :func:`audiostyle.study.reproduce.document.as_document`.
    evaluation : Measurements
        The same numbers under their headings.
    files : mapping of str to bytes
        Sounds and pictures by their path in the reproduction's folder; what is missing is left out.
    claims : mapping
        From :func:`audiostyle.study.reproduce.claims.claims_document`.
    title : str
    """
    experiments = document["experiments"]
    results = [row for row in evaluation.rows if row.role == "output"]
    body = [
        f"<h1>{escaped(title)}</h1>",
        _introduction(document),
        *_warning(document),
        "<h2>The clips, and what the inversion alone does to them</h2>",
        '<div class="grid">',
        *(player(files[name], label) for name, label in _HEARD.items() if name in files),
        "</div>",
        "<h2>The four experiments</h2>",
        '<div class="grid">',
        *(player(files[str(row.path)], f"{row.name}: {experiments[row.name]['title']}") for row in results),
        "</div>",
        _facts(experiments),
        '<div class="grid wide">',
        *(
            _picture(f"{name}/losses.png", f"{name}, weighted losses, evaluation by evaluation", files)
            for name in experiments
            if f"{name}/losses.png" in files
        ),
        "</div>",
        "<h2>The paper's sentences</h2>",
        *_claims(claims),
        "<h2>The paper's figures</h2>",
        *(_picture(name, caption, files) for name, caption in CAPTIONS.items() if name in files),
        "<h2>Metrics</h2>",
        "<p>Each number is also given for the content, the style and the content after inversion alone: these are the "
        "scale. Beside a name stands which way is nearer, where that does not depend; the name leads to the "
        "definition. A dash means that a number is not defined.</p>",
        *_tables(evaluation),
        "<h2>Each experiment in pictures</h2>",
    ]
    for name, one in experiments.items():
        body.append(f"<h3>{name}: {escaped(one['title'])}</h3>")
        body += [
            _picture(f"{name}/{file}", f"{name}, {label}", files)
            for file, label in _PICTURES.items()
            if f"{name}/{file}" in files
        ]
    body.append(definitions(list(evaluation.rows[0].metrics())))
    return whole_page(title, body)


def _introduction(document: Mapping[str, Any]) -> str:
    inputs, weights, analysis = document["inputs"], document["weights"], document["analysis"]
    kind = "random" if weights["file_sha256"] is None else weights["form"]
    return (
        "<p>The experiments of <cite>Artistic Style Transfer for Music Data</cite> (Coleman, Penco, Porisky, 2017), "
        f"made by AudioStyle {escaped(document['audiostyle'])} from {analysis['duration']:g} s of "
        f"<b>{escaped(inputs['content']['name'])}</b> (content) and <b>{escaped(inputs['style']['name'])}</b> (style) "
        f"with {escaped(kind)} VGG-19 weights (SHA-256 {escaped(weights['sha256'][:12])}). The same numbers, with all "
        "settings and hashes, are in results.json.</p>"
    )


def _warning(document: Mapping[str, Any]) -> list[str]:
    """Say on top that the experiments were smaller than the paper's, if they were."""
    seconds = document["analysis"]["duration"]
    rounds = {name: len(one["rounds"]) for name, one in document["experiments"].items()}
    if not is_quick(document):
        return []
    counts = "-".join(str(count) for count in sorted({min(rounds.values()), max(rounds.values())})) if rounds else "0"
    return [
        f'<p class="warning"><b>A quick run, not the paper\'s numbers:</b> {seconds:g} s of each clip and {counts} '
        f"round{'s' * (counts != '1')} of descent, where the paper has {PAPERS_SECONDS:g} s, "
        f"{PAPERS_ROUNDS[True]} rounds for 3a and {PAPERS_ROUNDS[False]} for the others.</p>"
    ]


def _claims(claims: Mapping[str, Any]) -> list[str]:
    """A table of what the paper says, and whether it is so here."""
    cells = {
        claim["id"]: [_answer(claim["theirs"]), *(_answer(one) for one in claim["ours"])]
        for claim in claims["claims"]
        if claim["ours"]
    }
    by_id = {claim["id"]: claim for claim in claims["claims"]}

    def head(name: str) -> str:
        claim = by_id[name]
        sign = claim["comparison"].replace("<=", "≤").replace(">=", "≥")
        wanted = f"{claim['number']}; true if {sign} {claim['threshold']:g} ({claim['why']})"
        return f"{escaped(claim['sentence'])} <small>{escaped(wanted)}</small>"

    said = (
        "Each sentence is a number with a threshold, which is ours. One run says whether it holds here; docs/"
        "reproduction.md has the verdicts over several seeds, and claims.json beside this page all details."
    )
    if not any(claim["theirs"] for claim in claims["claims"]):
        said += " The authors' numbers are of other clips and not shown."
    if not cells:
        return [f"<p>{escaped(said)} No sentence can be judged by these experiments alone.</p>"]
    return [f"<p>{escaped(said)}</p>", table("the paper says", ["theirs", "here"], cells, head)]


def _answer(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return "–"
    return f"{number(measured['value'])}\N{NO-BREAK SPACE}{'yes' if measured['holds'] else 'no'}"


def _picture(name: str, caption: str, files: Mapping[str, bytes]) -> str:
    kind, data = ("png", files[name]) if _is_drawing(name) else ("jpeg", isolated(_as_jpeg, files[name], files=[name]))
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    # A click shows the picture in its own size, by the style sheet alone; the caption's link goes back.
    anchor = html.escape(name.replace("/", "-"))
    return (
        f'<figure id="{anchor}"><a href="#{anchor}"><img src="{source}" alt="{escaped(caption)}" loading="lazy"></a>'
        f'<figcaption>{escaped(caption)} <a class="back" href="#">smaller</a></figcaption></figure>'
    )


def _is_drawing(name: str) -> bool:
    """Say whether a picture is of lines, which JPEG would blur and PNG keeps small."""
    return name.endswith(("losses.png", "autocorrelation.png", "figure4.png"))


def _as_jpeg(png: bytes) -> bytes:
    """Make a spectrogram four times smaller; the whole picture lies beside the page."""
    import matplotlib.image

    data = io.BytesIO()
    pixels = matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]
    matplotlib.image.imsave(data, pixels, format="jpeg", pil_kwargs={"quality": 80})
    return data.getvalue()


def _facts(experiments: Mapping[str, Any]) -> str:
    """How each experiment went: a table of the things that run.json knows."""
    rows = {
        "image, height × width": [
            f"{one['image']['height']} × {one['image']['width']}" for one in experiments.values()
        ],
        "rounds": [str(len(one["rounds"])) for one in experiments.values()],
        "evaluations": [str(one["evaluations"]) for one in experiments.values()],
        "seconds an evaluation": [number(one["seconds_per_evaluation"]) for one in experiments.values()],
        "loss at the start": [_loss(one["first_loss"], "total") for one in experiments.values()],
        "loss at the end": [_loss(one["last_loss"], "total") for one in experiments.values()],
    }
    parts = dict.fromkeys(part for one in experiments.values() for part in one["last_loss"] or {} if part != "total")
    rows |= {
        f"{_words(part)} at the end": [_loss(one["last_loss"], part) for one in experiments.values()] for part in parts
    }
    return table("how they went", list(experiments), rows)


def _words(part: str) -> str:
    """Return a loss's name in words, with its layer as it is: ``style conv1_1``."""
    loss, mark, layer = part.partition("_conv")
    return loss.replace("_", " ") + (f" conv{layer}" if mark else "")


def _tables(evaluation: Measurements) -> list[str]:
    rows = evaluation.rows
    heads = [_SHORT.get(row.name, row.name) for row in rows]
    return [
        metric_table(heading, heads, {name: _column(rows, heading, name) for name in names})
        for heading, names in rows[0].scores.items()
    ]


def _column(rows: Sequence[Row], heading: str, name: str) -> list[str]:
    return [number(row.scores[heading][name]) for row in rows]


def _loss(loss: Mapping[str, Any] | None, part: str) -> str:
    value = (loss or {}).get(part)
    return f"{value:.3g}" if isinstance(value, (int, float)) else "–"
