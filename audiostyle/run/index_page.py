"""``index.html`` of a run's folder: content, style and result to be heard, and the pictures.

The page lies beside the result and the pictures and shows them by name.  The clips, which may lie anywhere and
be of any length and form, are in the page itself: the stretch that was used, as MP3, which every browser plays.
"""

import base64
import html
import io
from collections.abc import Mapping

import numpy as np

from audiostyle.audio.sound_writer import sound_name
from audiostyle.pipeline import Analysis
from audiostyle.run.folder import RunFolder
from audiostyle.settings import Settings

__all__ = ["INDEX_NAME", "write_index"]

INDEX_NAME = "index.html"
_STYLE = """\
body { margin: 0 auto; max-width: 70rem; padding: 0 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a;
       overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
.sounds { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
audio { width: 100%; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dd { margin: 0; }
.warning { background: #fff3cd; border-left: .3rem solid #b58900; padding: .4rem .8rem; }
"""
# In the order of the page; what a run has not made is left out.
_PICTURES = {
    "mel.png": "Mel images",
    "mfcc.png": "MFCC images",
    "cqt.png": "Constant-Q images",
    "chroma.png": "Chroma images",
    "spectrogram.png": "Spectrograms; the result's is the one before inversion",
    "losses.png": "Weighted losses, evaluation by evaluation",
    "row_autocorrelation.png": "Row autocorrelation of the image and of deeper layers",
    "column_autocorrelation.png": "Column autocorrelation of the image and of deeper layers",
}
_QUALITY_RATE = 22050  # Hz; MP3 knows this rate, and not every one that a setting may ask for


def write_index(
    folder: RunFolder,
    names: tuple[str, str],
    clips: tuple[Analysis, Analysis],
    settings: Settings,
    facts: Mapping[str, str],
    warning: str = "",
) -> None:
    """Write the page.

    Parameters
    ----------
    folder : RunFolder
        Holds the result and the pictures.
    names : tuple of str
        Of the content's and the style's file.
    clips : tuple of Analysis
        Content and style.
    settings : Settings
    facts : mapping of str to str
        What is told of the run, line by line.
    warning : str
        What the user should know of the result, if anything.

    Raises
    ------
    RunError
        If the page cannot be written.
    """
    present = folder.run_files()
    title = f"{names[0]} in the style of {names[1]}"
    result = sound_name(settings)
    sounds = [
        _player(f"{role}: {name}", _as_mp3(clip.samples, settings.sample_rate))
        for role, name, clip in zip(("Content", "Style"), names, clips, strict=True)
    ]
    if result in present:
        sounds.append(_player("Result", result))
    body = [
        f"<h1>{_text(title)}</h1>",
        f'<p class="warning">{_text(warning)}</p>' if warning else "",
        f'<div class="sounds">{"".join(sounds)}</div>',
        "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts.items()) + "</dl>",
        *(
            f'<figure><a href="{name}"><img src="{name}" alt="{_text(words)}" loading="lazy"></a>'
            f"<figcaption>{_text(words)}.</figcaption></figure>"
            for name, words in _PICTURES.items()
            if name in present
        ),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )
    folder.write_bytes(INDEX_NAME, page.encode("utf-8"))


def _player(label: str, source: str) -> str:
    return (
        f"<figure><figcaption>{_text(label)}</figcaption>"
        f'<audio controls preload="metadata" aria-label="{_text(label)}" src="{source}"></audio></figure>'
    )


def _as_mp3(samples: np.ndarray, rate: int) -> str:
    """Return samples ``(n_samples,)`` of any scale as the address of an MP3 that is part of the page."""
    import librosa
    import soundfile

    if rate != _QUALITY_RATE:
        samples = librosa.resample(samples, orig_sr=rate, target_sr=_QUALITY_RATE, res_type="soxr_hq")
    data = io.BytesIO()
    soundfile.write(data, samples / max(float(np.abs(samples).max()), 1e-9) * 0.9, _QUALITY_RATE, format="MP3")
    return f"data:audio/mpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def _text(text: str) -> str:
    # A file's name may hold bytes that are not text.
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))
