"""Every constant of the pipeline, its released value, and where it comes from.

One frozen dataclass holds them all: a run is described completely by its two clips, its weights and
its :class:`Settings`, and every run records the three.  A field's metadata says what it means, which
row of the differences table (D1..D12, T1..T28, see ``docs/differences.md``) it belongs to, and which
values it may take.  The defaults are what the authors' code does (``released``); whatever differs is
named.
"""

import dataclasses
from typing import Any

from audiostyle.errors import InputError
from audiostyle.settings.fields import check_setting, parse_setting, setting
from audiostyle.settings.nearest import did_you_mean
from audiostyle.settings.together import check_together

__all__ = ["STYLE_LAYERS", "Settings"]

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_LAYERS = tuple(
    f"conv{block}_{index}" for block, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4)) for index in range(1, count + 1)
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a transfer does, from samples to samples.

    Fields are grouped in the order of the pipeline.  Use :func:`dataclasses.replace` or
    :meth:`Settings.with_text` to change some of them; both check the values.
    """

    # audio -> samples
    sample_rate: int = setting(22050, "samples per second of everything", low=8000, high=96000)
    duration: float = setting(10.0, "seconds taken from each clip, or mm:ss", low=0.2, high=3600.0)
    duration_style: float = setting(
        0.0, "seconds taken from the style clip, or mm:ss; 0: as many as from the content", rows="T25", low=0.0,
        high=3600.0,
    )  # fmt: skip
    offset_content: float = setting(0.0, "seconds skipped in the content clip, or mm:ss", low=0.0, high=1e6)
    offset_style: float = setting(0.0, "seconds skipped in the style clip, or mm:ss", low=0.0, high=1e6)
    bandpass_low: float = setting(125.0, "band-pass lower edge in Hz", low=1.0, high=40000.0)
    bandpass_high: float = setting(10000.0, "band-pass upper edge in Hz", low=2.0, high=48000.0)
    bandpass_order: int = setting(1, "order of the Butterworth band-pass", low=1, high=8)

    # samples -> log spectrogram
    n_fft: int = setting(2048, "window length in samples", rows="T20", low=64, high=16384)
    hop_length: int = setting(128, "samples between frames (n_fft / 16)", rows="T20", low=8, high=4096)
    log_floor: float = setting(-4.0, "log10 values below this become this", rows="T14", low=-12.0, high=-0.5)
    frame_padding: str = setting(
        "released",
        "released: always pad, by a whole window at most, and drop the last window; "
        "exact: pad only what the last window lacks, and keep it",
        rows="T8",
        choices=("released", "exact"),
    )

    # log spectrogram -> representation
    representation: str = setting(
        "mel",
        "the picture of the sound: mel (log spectrogram averaged by mel filters), spectrogram, "
        "mfcc (mel, then an orthonormal DCT along the mel axis, as the paper's text says), "
        "cqt (constant-Q, equal steps in pitch), chroma (the twelve pitch classes)",
        rows="D1",
        choices=("mel", "spectrogram", "mfcc", "cqt", "chroma"),
    )
    mel_order: str = setting(
        "log_then_mel",
        "log_then_mel averages logarithms; mel_then_log averages magnitudes, then takes the logarithm",
        rows="D1",
        choices=("log_then_mel", "mel_then_log"),
    )
    n_mels: int = setting(96, "number of mel filters", low=16, high=512)
    mel_fmin: float = setting(125.0, "lowest mel filter edge in Hz", rows="D2", low=0.0, high=40000.0)
    mel_fmax: float = setting(20000.0, "highest mel filter edge in Hz", rows="D2", low=100.0, high=48000.0)
    mel_sample_rate: int = setting(44100, "sample rate the mel filters are built for", rows="D2", low=8000, high=96000)
    time_zoom: int = setting(2, "mel frames are shortened by this factor", rows="T6", low=1, high=16)
    spec_zoom: int = setting(
        2, "the spectrogram image is shrunk by this factor on both axes", rows="D6 T5", low=1, high=16
    )
    spec_zoom_axes: str = setting(
        "both",
        "both: time and frequency are each shrunk by spec_zoom; time: frequency is kept and time is shrunk by "
        "spec_zoom squared, which makes an image of as many pixels",
        rows="D6 T5",
        choices=("both", "time"),
    )
    spec_edges: str = setting(
        "zero",
        "what the shrinking and enlarging of the spectrogram find beyond its edges: zero, which is black in an image "
        "but the loudest value in a spectrogram, or the edge itself",
        rows="T5",
        choices=("zero", "edge"),
    )
    spec_orientation: str = setting(
        "time_rows",
        "which axis of the spectrogram image is time: time_rows makes --rowac work along frequency",
        rows="D7",
        choices=("time_rows", "time_columns"),
    )

    # representation -> image
    quantise_maximum: str = setting(
        "wrap",
        "wrap: the one maximum pixel is 256 and becomes 0; clip: it becomes 255",
        rows="T1",
        choices=("wrap", "clip"),
    )
    quantise_rounding: str = setting(
        "truncate", "how grey levels become whole numbers, both ways", rows="T2", choices=("truncate", "round")
    )
    output_channel: str = setting(
        "red",
        "network channel that becomes the result (the network's order is blue, green, red)",
        rows="T4",
        choices=("red", "green", "blue", "mean"),
    )
    denormalise_range: str = setting(
        "content",
        "whose minimum and maximum the result is stretched to; mean is half way between the two",
        rows="D10",
        choices=("content", "style", "mean"),
    )
    row_levels: str = setting(
        "kept",
        "level of each row of the result: kept, or the style's (mean and deviation in time), so that rows seldom buzz",
        rows="T26",
        choices=("kept", "style"),
    )

    # image -> network
    pooling: str = setting("average", "pooling of the network", rows="D4", choices=("average", "max"))
    content_layer: str = setting("conv4_2", "layer of the content loss", choices=_LAYERS)
    style_layers: tuple[str, ...] = setting(
        STYLE_LAYERS, "layers of the style loss, equally weighted", rows="D8", choices=_LAYERS
    )
    float_type: str = setting("float32", "arithmetic of the network", rows="T18", choices=("float32", "float64"))
    device: str = setting("cpu", "cpu, cuda, cuda0, opencl0:0 or auto (cuda if it answers, else cpu)")
    convolution: str = setting(
        "auto", "convolution on the CPU: auto: onednn where its library works, else Theano's corrmm; onednn_f6: "
        "onednn with larger tiles of Winograd's, faster and rounding four times as much", rows="T28",
        choices=("auto", "onednn", "onednn_f6", "corrmm"),
    )  # fmt: skip
    threads: int = setting(0, "CPU threads; 0 means all cores", low=0, high=1024)
    tile_columns: int = setting(
        0,
        "columns of time that the network sees at once, besides margins: memory does not grow with the clip, and "
        "sums in another order change last bits; 0: all, unless there is too little memory",
        low=0,
        high=10**7,
    )

    # losses
    content_weight: float = setting(1e-3, "weight of the content loss (alpha)", low=0.0, high=1e30)
    style_weight: float = setting(2e5, "weight of each style layer's loss (beta)", rows="D8", low=0.0, high=1e30)
    tv_weight: float = setting(1e-8, "weight of the total variation loss", rows="D3", low=0.0, high=1e30)
    tv_exponent: float = setting(1.25, "exponent of the total variation loss", rows="D3", low=0.5, high=4.0)
    rowac: bool = setting(False, "match the row autocorrelation")
    colac: bool = setting(False, "match the column autocorrelation")
    row_weight: float = setting(1e-9, "weight of the row autocorrelation loss", low=0.0, high=1e30)
    column_weight: float = setting(1e-9, "weight of the column autocorrelation loss", low=0.0, high=1e30)
    row_target: str = setting(
        "style", "clip whose row autocorrelation is matched; none: neither's", choices=("style", "content", "none")
    )
    column_target: str = setting(
        "style", "clip whose column autocorrelation is matched; none: neither's", choices=("style", "content", "none")
    )
    ac_layers: tuple[str, ...] = setting(
        ("input",), "layers of the autocorrelation losses", rows="D12", choices=("input", *_LAYERS)
    )
    ac_layer_weights: tuple[float, ...] = setting(
        (), "factor of each of ac_layers on row_weight and column_weight; empty means 1 for each"
    )
    ac_normaliser: str = setting(
        "channels_height_width",
        "what the autocorrelation losses are divided by: channels * height * width, or the paper's "
        "M_l N_l read as height * width",
        rows="D9",
        choices=("channels_height_width", "height_width"),
    )
    ac_mean: str = setting(
        "kept",
        "kept: rows keep their level, which dominates; removed: each row (column) minus its mean",
        rows="D9 T23",
        choices=("kept", "removed"),
    )

    # optimiser
    iterations: int = setting(
        0, "rounds asked for; 0 means 25 for spectrogram, 40 for all others", rows="D5 D11", low=0, high=100000
    )
    round_count: str = setting(
        "one_less",
        "one_less: iterations - 1 rounds are run; as_asked: all of them",
        rows="D5",
        choices=("one_less", "as_asked"),
    )
    max_evaluations: int = setting(
        40, "maxfun of each L-BFGS round, which ends at the first line search past it", rows="D5", low=1, high=10**6
    )
    restart: str = setting(
        "last_evaluated",
        "where the next round starts: the last point evaluated, or the best that L-BFGS returned, both with an empty "
        "memory; continue: where the last round ended, with L-BFGS's memory of its steps",
        rows="T16",
        choices=("last_evaluated", "best", "continue"),
    )
    optimiser: str = setting(
        "lbfgsb", "L-BFGS: lbfgsb is scipy's; two_loop takes the same steps but for rounding, in less time", rows="T27",
        choices=("lbfgsb", "two_loop"),
    )  # fmt: skip
    seed: int = setting(0, "seed of the start image", rows="T15", low=0, high=2**32 - 1)
    start: str = setting(
        "released",
        "released: the start image is drawn after the numbers the authors' code draws and throws "
        "away; first_draw: it is the seed's first draw; content: it is the content's image",
        rows="T15",
        choices=("released", "first_draw", "content"),
    )
    start_noise: float = setting(
        0.0, "share of noise, the seed's first draw, in a start image that is a picture", rows="T15", low=0.0, high=1.0
    )

    # image -> samples
    inversion: str = setting(
        "released",
        "how the spectrogram becomes samples: the authors' sliding Griffin-Lim, or the textbook's, with momentum",
        rows="T10 T11 T12",
        choices=("released", "griffinlim"),
    )
    inversion_iterations: int = setting(
        20, "phase estimates; the released inversion adds a last synthesis", rows="T12", low=0, high=10000
    )
    inversion_phase: str = setting(
        "random",
        "first phases of inversion=griffinlim: random; pghi: from the magnitudes' slopes (phase gradient heap "
        "integration); content: those of the content clip",
        rows="T12",
        choices=("random", "pghi", "content"),
    )
    inversion_mirror: str = setting(
        "released",
        "negative frequencies of the inverse: off by one bin as released, or exact",
        rows="T9",
        choices=("released", "exact"),
    )
    inversion_reversal: bool = setting(True, "each inverse frame is time-reversed", rows="T11")
    inversion_alignment: bool = setting(True, "each inverse frame is slid by cross-correlation", rows="T11")
    inversion_frame: str = setting(
        "middle",
        "middle: the middle half of each inverse frame is used; whole: all of it",
        rows="T10",
        choices=("middle", "whole"),
    )
    inversion_floor: str = setting(
        "kept",
        "kept: the logarithm's floor stays in as noise; silent: values at the floor become 0",
        rows="T14",
        choices=("kept", "silent"),
    )
    int16_peak: str = setting(
        "wrap",
        "wrap: a positive peak of 32768 becomes -32768; clip: the peak is 32767",
        rows="T13",
        choices=("wrap", "clip"),
    )
    output_level: str = setting(
        "peak",
        "peak: the result is scaled to full scale; content: to the RMS of the content clip; loudness: to its loudness "
        "(LUFS)",
        rows="T14",
        choices=("peak", "content", "loudness"),
    )
    output_channels: str = setting(
        "mono",
        "mono; content: as many as the content clip has, each frequency where it is there",
        choices=("mono", "content"),
    )
    output_rate: str = setting(
        "analysis", "sample rate of the result: sample_rate, or the content file's own", choices=("analysis", "content")
    )
    output_format: str = setting(
        "wav16",
        "the result's file: output.wav of 16 or 24 bits or of 32-bit floats, output.flac of 24 bits, or output.ogg",
        choices=("wav16", "wav24", "wav_float", "flac", "ogg"),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_setting(field, getattr(self, field.name))
        check_together(self)

    @property
    def rounds(self) -> int:
        """Number of L-BFGS rounds that are run (D5: ``range(iterations - 1)``)."""
        asked = self.iterations or (25 if self.representation == "spectrogram" else 40)
        return asked - 1 if self.round_count == "one_less" else asked

    @property
    def time_axis(self) -> int:
        """Axis of the network's image ``(1, 3, height, width)`` that is time (D7)."""
        return 2 if self.representation == "spectrogram" and self.spec_orientation == "time_rows" else 3

    @property
    def of_style(self) -> "Settings":
        """These settings for the style clip: its own duration."""
        return dataclasses.replace(self, duration=self.duration_style or self.duration, duration_style=0.0)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Settings":
        """Return the settings that a run recorded, in which lists stand for tuples.

        Raises
        ------
        InputError
            If the record has a setting that this version does not know, or a value it does not allow.
        """
        unknown = sorted(set(record) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            names = ", ".join(ascii(name[:40])[1:-1] for name in unknown[:5])  # anybody may have written them
            raise InputError(
                f"The recorded settings have {names}, which this version does not know; use the version that made them."
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**values)

    def with_text(self, assignments: dict[str, str]) -> "Settings":
        """Return a copy with fields set from text, as ``--set name=value`` gives them.

        Parameters
        ----------
        assignments : dict of str to str
            Field names and their values as text; tuples are separated by commas.

        Raises
        ------
        InputError
            If a name is unknown or a value is not of its field's kind or range.
        """
        fields = {field.name: field for field in dataclasses.fields(self)}
        values = {}
        for name, text in assignments.items():
            if name not in fields:
                hint = did_you_mean(name, fields) or ";"
                raise InputError(f"There is no setting called {name!r}{hint} --list-settings shows them all.")
            values[name] = parse_setting(fields[name], text)
        return dataclasses.replace(self, **values)
