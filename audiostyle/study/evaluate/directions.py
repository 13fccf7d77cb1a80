"""Which way a metric should go, as docs/metrics.md has it: what the paper wants of a transfer."""

__all__ = ["direction"]

_HIGHER, _LOWER, _STYLES, _ONE = "higher is better", "lower is better", "best near the style's", "best near 1"
_DIRECTIONS = {
    _HIGHER: (
        "row_ac_r_style", "column_ac_r_style", "beat_spectrum_cosine_style", "tempogram_cosine_style",
        "tempo_matches_style", "tempo_p_score_style", "chroma_cosine_content", "chroma_change_cosine_content",
        "chroma_dtw_content", "mel_correlation_content", "mel_change_correlation_content", "bright_overlap_content",
        "bright_overlap_content_rank",
    ),
    _LOWER: (
        "row_ac_nrmse_style", "column_ac_nrmse_style", "inter_onset_divergence_style", "mfcc_frechet_style",
        "key_distance_content", "copy_picture_style", "stuck_row_index_db", "stuck_row_count",
    ),
    _STYLES: (
        "row_ac_lag_columns", "row_ac_lag_seconds", "beat_spectrum_contrast", "tempo_bpm", "pulse_clarity",
        "line_energy",
    ),
    _ONE: ("row_ac_swing_ratio", "column_ac_swing_ratio", "row_ac_lag_strength"),
    "best near 0": ("copy_waveform_style", "copy_waveform_content"),
    "best near that of content and style": ("copy_patches_style",),
}  # fmt: skip


def direction(metric: str) -> str:
    """Return such words as ``lower is better``, or nothing where it depends.

    Examples
    --------
    >>> direction("mfcc_frechet_style"), direction("mfcc_frechet_content")
    ('lower is better', '')
    """
    return next((words for words, names in _DIRECTIONS.items() if metric in names), "")
