"""What the paper says, sentence by sentence, as numbers with thresholds; :mod:`claims` judges them."""

import dataclasses
import re

__all__ = ["CLAIMS", "Claim", "Number"]


@dataclasses.dataclass(frozen=True)
class Number:
    """A number made of metrics; an operand is a column (``3d``, ``content``, ``inverted``) and a metric.

    Attributes
    ----------
    of : str
    minus, over : str
        What is taken from it, and what it is divided by.
    when : str
        An operand that must be above 0, or there is nothing to say.
    """

    of: str
    minus: str = ""
    over: str = ""
    when: str = ""

    @property
    def experiments(self) -> tuple[str, ...]:
        """The experiments it needs."""
        return tuple(sorted(set(re.findall(r"\b3[a-d]\b", " ".join(dataclasses.astuple(self))))))


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of the paper and the number that it stands or falls by.

    Attributes
    ----------
    id, sentence, section : str
    number : str
        The measure in words.
    measure : Number
    comparison : str
        ``<``, ``<=``, ``>`` or ``>=``.
    threshold : float
    why : str
        Why this threshold.
    remark : str
        What else has to be known.
    """

    id: str
    sentence: str
    section: str
    number: str
    measure: Number
    comparison: str
    threshold: float
    why: str
    remark: str = ""


#: In the paper's order.
CLAIMS = (
    Claim(
        "no-structure",
        "3a: “has none of the structure one would expect”",
        "4.2",
        "correlation of the picture with the content, less that of the style with it",
        Number("3a mel_correlation_content", minus="style mel_correlation_content"),
        "<",
        0.0,
        "less like the content than an unrelated clip is",
        "The content's beat is in it all the same: its beat spectrum is nearer to the content's than that of any other "
        "experiment.",
    ),
    Claim(
        "least-musical",
        "3a: “sounds the least musical of all four”",
        "4.2",
        "MFCC distance to the style over the greatest of 3b, 3c, 3d",
        Number("3a mfcc_frechet_style", over="highest 3b,3c,3d mfcc_frechet_style"),
        ">",
        1.0,
        "further from the style's timbre than the others",
        "A number of timbre, not of what is musical.",
    ),
    Claim(
        "no-beat",
        "3b: “there is no solid beat”",
        "4.2",
        "contrast of the beat spectrum over the style's",
        Number("3b beat_spectrum_contrast", over="style beat_spectrum_contrast"),
        "<",
        0.5,
        "less than half of the style's",
    ),
    Claim(
        "more-periodic",
        "3c: “appears to be more periodic along the horizontal axis”",
        "4.2",
        "strength of the repeating lag, 3c less 3b",
        Number("3c row_ac_lag_strength", minus="3b row_ac_lag_strength"),
        ">",
        0.0,
        "more than without the row term",
    ),
    Claim(
        "distinct-beat",
        "3c: “a distinct beat pattern can be seen”",
        "4.2",
        "likeness of the beat spectrum to the style's",
        Number("3c beat_spectrum_cosine_style"),
        ">=",
        0.75,
        "three quarters of a perfect likeness",
    ),
    Claim(
        "beat-is-heard",
        "3c: the same, heard rather than seen",
        "4.2",
        "pulse clarity of the onsets, 3c over 3b",
        Number("3c pulse_clarity", over="3b pulse_clarity"),
        ">=",
        1.2,
        "a fifth clearer than without the row term",
        "The inversion is not to blame: after it the content still has 0.48.",
    ),
    Claim(
        "buzz",
        "3c: “entire rows … are erroneously optimized to higher values … a consistent, painful buzzing sound”",
        "4.2",
        "stuck rows",
        Number("3c stuck_row_count"),
        ">=",
        1.0,
        "a row that stands 3 dB above its neighbours nine tenths of the time",
        "An unlucky start, see below.",
    ),
    Claim(
        "buzz-is-fixed",
        "3d: “this is fixed by introducing the column autocorrelation loss”",
        "4.2",
        "stuck rows of 3d, where 3c has some",
        Number("3d stuck_row_count", when="3c stuck_row_count"),
        "<=",
        0.0,
        "none left",
        "Theirs were not seeded: their 3d had another start than their 3c. In the runs of eight rounds below, rows "
        "that were stuck without the term were stuck with it.",
    ),
    Claim(
        "style-of-reggae",
        "3d: “quite similar in style to that of the reggae song”",
        "4.2",
        "MFCC distance to the style over the content's",
        Number("3d mfcc_frechet_style", over="content mfcc_frechet_style"),
        "<=",
        0.75,
        "a quarter of the way and more, as the two lines of evaluate have it",
    ),
    Claim(
        "bright-areas",
        "3d: “maintaining some of the same bright areas of the content”",
        "4.2",
        "share of turns in time that overlap less with the content's bright areas",
        Number("3d bright_overlap_content_rank"),
        ">=",
        0.95,
        "a test at 5 %",
        "Barely: the overlap is a tenth above chance, and image and inversion alone leave three times as much.",
    ),
    Claim(
        "best-of-style",
        "3d: “the best representation of both style and content of the four”: style",
        "4.2",
        "MFCC distance to the style over the least of 3a, 3b, 3c",
        Number("3d mfcc_frechet_style", over="lowest 3a,3b,3c mfcc_frechet_style"),
        "<",
        1.0,
        "nearer than the others",
    ),
    Claim(
        "best-of-content",
        "3d: the same: content",
        "4.2",
        "correlation of the picture's changes with the content's, less the greatest of 3a, 3b, 3c",
        Number("3d mel_change_correlation_content", minus="highest 3a,3b,3c mel_change_correlation_content"),
        ">",
        0.0,
        "more of the content than the others",
    ),
    Claim(
        "periodicity-of-style",
        "4c: “the periodicity in the output audio … is close to that of the style input”",
        "4.3",
        "correlation of the row curve with the style's",
        Number("3d row_ac_r_style"),
        ">=",
        0.5,
        "half of a perfect correlation; without the term it is about 0",
    ),
    Claim(
        "smaller-amplitude",
        "4c: “but with smaller amplitude”",
        "4.3",
        "swing of the row curve over the style's",
        Number("3d row_ac_swing_ratio"),
        "<",
        1.0,
        "less than the style's",
    ),
    Claim(
        "very-closely",
        "4d: “the generated image matches the style image very closely”",
        "4.3",
        "error of the column curve to the style's, in its standard deviations",
        Number("3d column_ac_nrmse_style"),
        "<=",
        0.25,
        "a quarter of a standard deviation",
        "Of the WAV; in the picture before inversion theirs has 0.47 and ours (seed 0) 0.23, as its 3c has.",
    ),
    Claim(
        "closely-by-the-term",
        "4d: “once the column autocorrelation loss is included”",
        "4.3",
        "the same error, 3d over 3c",
        Number("3d column_ac_nrmse_style", over="3c column_ac_nrmse_style"),
        "<",
        1.0,
        "less than without the column term",
    ),
    Claim(
        "content-preserved",
        "“the content seems to be somewhat preserved”",
        "5",
        "correlation of the harmony's changes with the content's, less the style's",
        Number("3d chroma_change_cosine_content", minus="style chroma_change_cosine_content"),
        ">",
        0.0,
        "more of the content's harmony than an unrelated clip has",
    ),
    Claim(
        "still-unpleasant",
        "the processes “and their respective inverses all contribute to audio quality losses”",
        "5",
        "log-spectral distance to the content in dB, 3d less image and inversion alone",
        Number("3d log_spectral_distance_content_db", minus="inverted log_spectral_distance_content_db"),
        ">",
        0.0,
        "the transfer adds to what image and inversion alone cost (4 dB)",
    ),
    Claim(
        "no-copy",
        "(not in the paper) no piece of the style is copied",
        "",
        "likeness of pieces of 1 s to the style, less that of the content",
        Number("3d copy_patches_style", minus="content copy_patches_style"),
        "<",
        0.25,
        "a quarter of a perfect copy more than unrelated clips",
    ),
)
