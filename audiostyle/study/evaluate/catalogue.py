"""What people read of a metric: its name in words, its unit, and which way is nearer.

``docs/metrics.md`` has the same, with each metric's definition and source; files keep the short names.
"""

import re
from typing import NamedTuple

__all__ = ["Metric", "metric"]

_HIGHER, _LOWER = "higher is nearer", "lower is nearer"
_STYLES, _ONE, _NOUGHT = "best near the style's", "best near 1", "best near 0"

# Pattern and words (* is style or content), unit, which way; no way where it depends.
_TABLE = (
    ("row_ac_r_*", "row curve, r with *", "", _HIGHER),
    ("row_ac_nrmse_*", "row curve, error to *", "SD", _LOWER),
    ("row_ac_amplitude_ratio", "row curve, size", "of the style's", ""),
    ("row_ac_swing_ratio", "row curve, swing", "of the style's", _ONE),
    ("row_ac_lag_columns", "strongest period", "columns", _STYLES),
    ("row_ac_lag_seconds", "strongest period", "s", _STYLES),
    ("row_ac_lag_strength", "strength of that period", "", _ONE),
    ("column_ac_r_*", "column curve, r with *", "", _HIGHER),
    ("column_ac_nrmse_*", "column curve, error to *", "SD", _LOWER),
    ("column_ac_amplitude_ratio", "column curve, size", "of the style's", ""),
    ("column_ac_swing_ratio", "column curve, swing", "of the style's", _ONE),
    ("beat_spectrum_cosine_*", "beat spectrum, likeness to *", "", _HIGHER),
    ("beat_spectrum_contrast", "beat spectrum, contrast", "", _STYLES),
    ("tempogram_cosine_*", "tempogram, likeness to *", "", _HIGHER),
    ("tempo_bpm", "tempo", "BPM", _STYLES),
    ("tempo_matches_*", "tempo is that of *", "0 or 1", _HIGHER),
    ("tempo_p_score_*", "tempo, MIREX's score with *", "", _HIGHER),
    ("pulse_clarity", "pulse clarity", "", _STYLES),
    ("onset_f_*", "onsets, F-measure with *", "", _HIGHER),
    ("onset_f_*_chance", "onsets, the same by chance, *", "", ""),
    ("beat_f_*", "beats, F-measure with *", "", _HIGHER),
    ("beat_f_*_chance", "beats, the same by chance, *", "", ""),
    ("inter_onset_divergence_*", "onset spacing, KL from *", "nat", _LOWER),
    ("mfcc_frechet_*", "timbre (MFCC), distance to *", "", _LOWER),
    ("chroma_cosine_*", "harmony (chroma), likeness to *", "", _HIGHER),
    ("chroma_change_cosine_*", "harmony's changes, likeness to *", "", _HIGHER),
    ("chroma_dtw_*", "harmony, any pace, likeness to *", "", _HIGHER),
    ("key_distance_*", "key, distance to *", "fifths", _LOWER),
    ("mel_correlation_*", "picture, r with *", "", _HIGHER),
    ("mel_lag_columns_*", "picture, best lag to *", "columns", ""),
    ("mel_change_correlation_*", "picture's changes, r with *", "", _HIGHER),
    ("bright_overlap_*", "bright areas, overlap with *", "", _HIGHER),
    ("bright_overlap_*_chance", "bright areas, by chance, *", "", ""),
    ("bright_overlap_*_rank", "bright areas, rank, *", "", _HIGHER),
    ("spectral_convergence_*", "spectrum, error to *", "", _LOWER),
    ("log_spectral_distance_*_db", "log spectrum, distance to *", "dB", _LOWER),
    ("ss_vq_vae_lsd_*_db", "SS-VQ-VAE's LSD to *", "dB", _LOWER),
    ("copy_waveform_*", "samples copied from *", "", _NOUGHT),
    ("copy_picture_*", "picture copied from *", "", _NOUGHT),
    ("copy_patches_*", "pieces of 1 s copied from *", "", ""),
    ("stuck_row_index_db", "worst row's excess", "dB", "lower is better, below 0 normal"),
    ("stuck_row_count", "stuck rows", "rows", "lower is better"),
    ("stuck_row_variation_ratio", "worst row's variation", "of others'", ""),
    ("line_energy", "energy in lines", "", _STYLES),
    ("loudness_lufs", "loudness", "LUFS", ""),
)
_LOSSES = re.compile(
    r"loss_(total_variation|total|content|style|row_autocorrelation|column_autocorrelation)(_conv\w+)?"
)


class Metric(NamedTuple):
    """How a metric is shown.

    Attributes
    ----------
    title : str
        Its name in words, with the clip it compares with.
    unit : str
        Empty for a bare number.
    direction : str
        Such as ``lower is nearer`` (to the clip in the title); empty where it depends.
    anchor : str
        Of its row in ``docs/metrics.md``, and on pages that define it themselves.
    """

    title: str
    unit: str
    direction: str
    anchor: str

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    @property
    def link(self) -> str:
        """For a table in ``docs/``: the label as a link to the definition, and which way is nearer."""
        label = self.label.replace("[", "(").replace("]", ")")
        return f"[{label}](metrics.md#{self.anchor})" + f", {self.sign}" * bool(self.direction)

    @property
    def sign(self) -> str:
        """The direction in a word for a narrow column."""
        words = {_STYLES: "style's", _ONE: "near 1", _NOUGHT: "near 0"}
        return words.get(self.direction, self.direction.split(" ")[0])


def metric(name: str) -> Metric:
    """Return how a metric is shown; of one that is not ours (read from a file), its name as it is.

    Examples
    --------
    >>> metric("mfcc_frechet_style")
    Metric(title='timbre (MFCC), distance to style', unit='', direction='lower is nearer', anchor='mfcc_frechet')
    >>> metric("loss_style_conv1_1").label
    'style, conv1_1 [loss]'
    """
    if found := _LOSSES.fullmatch(name):
        words = found[1].replace("_", " ") + (found[2] or "").replace("_", ", ", 1)
        return Metric(words, "loss", "" if found[1] == "total_variation" else _LOWER, "loss")
    for pattern, title, unit, direction in _TABLE:
        if found := re.fullmatch(re.escape(pattern).replace(r"\*", "(style|content)"), name):
            title = title.replace("*", found[1]) if "*" in pattern else title
            return Metric(title, unit, direction, pattern.replace("_*", ""))
    return Metric(name, "", "", "")
