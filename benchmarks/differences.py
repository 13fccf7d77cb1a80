"""Makes docs/differences.md: what paper and released code say, and what switching each setting alone does.

    python benchmarks/differences.py content.wav style.wav --weights FILE > docs/differences.md

It takes half an hour on two cores.  --only NAME measures the settings whose name begins so, and
prints their lines alone.
"""

import argparse
import dataclasses
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audiostyle.audio.clip import to_int16
from audiostyle.audio.output_level import level_of
from audiostyle.audio.quality import spectral_convergence
from audiostyle.network.start import start_theano
from audiostyle.optimise import descend, start_image
from audiostyle.pipeline import analyse, synthesise
from audiostyle.settings import Settings, preset
from audiostyle.study.stage_recording import choose_image
from audiostyle.weights.load import load_weights

SPEC = {"representation": "spectrogram"}
BOTH = {"rowac": True, "colac": True}
CROP = 256
ROUNDS = 4

# Row, paper, released code, where in the authors' repository, settings.
PAPER = [
    ("D1", "MFCC: the logarithm, mel, then a DCT", "no DCT; the logarithm first, then mel averages of logarithms",
     "mfcc.py:101-103, 297", "`representation` (mel, mfcc), `mel_order`"),
    ("D2", "-", "mel filters for 44100 Hz on sound of 22050 Hz: \"125 to 20000 Hz\" is 54 to 10002 Hz",
     "audioUtils.py:20, mfcc.py:283", "`mel_sample_rate`, `mel_fmin`, `mel_fmax`"),
    ("D3", "four losses", "a fifth, total variation: 1e-8 * sum((dx^2 + dy^2)^1.25)",
     "imageTransfer.py:61, losses.py:64", "`tv_weight` (`--tv-weight`), `tv_exponent`"),
    ("D4", "pooling is not named", "average pooling, 2 x 2, odd edges dropped", "vggnet.py:24", "`pooling`"),
    ("D5", "40 (MFCC) or 25 (spectrogram) iterations of gradient descent",
     "39 or 24 runs of L-BFGS-B with maxfun=40", "imageTransfer.py:104",
     "`iterations` (`--iterations`), `round_count`, `max_evaluations`"),
    ("D6", "spectrogram of 1024 x 1712 \"after downsampling\"", "the network sees 856 x 512", "run.py:96-98",
     "`spec_zoom`, `spec_zoom_axes`"),
    ("D7", "the horizontal axis is time", "so for mel; `--spec` feeds time downwards, and `--rowac` works along "
     "frequency there", "run.py:92-100", "`spec_orientation`"),
    ("D8", "style: a sum over layers", "a plain sum, every layer with weight 2e5", "imageTransfer.py:53-59",
     "`style_weight`, `style_layers`"),
    ("D9", "autocorrelation loss / (M_l N_l)", "/ (3 H W): channels counted; both signs of the lag; means not removed",
     "losses.py:40, 61", "`ac_normaliser`, `ac_mean`"),
    ("D10", "-", "the result is stretched to the content's minimum and maximum", "run.py:109, 173",
     "`denormalise_range`"),
    ("D11", "the CPU is not mentioned", "`--cpu` means 2 iterations, that is one run of L-BFGS", "run.py:36-37",
     "`--cpu` chooses the device only; `--iterations 2` does what the authors' `--cpu` did"),
    ("D12", "40 iterations for each panel of Figure 3", "the folders of 3c and 3d are named `...ac25l0w1em9`: 25 "
     "iterations, layer 0 (the input), weight 1e-9", "docs/",
     "`iterations`, `ac_layers`, `row_weight`, `column_weight`"),
]  # fmt: skip
TRAPS = [
    ("T1", "the one maximum pixel is level 256 and wraps to 0", "run.py:92, 160", "`quantise_maximum`"),
    ("T2", "both casts to grey levels truncate", "run.py:92, imgUtils.py:33", "`quantise_rounding`"),
    ("T4", "the output is network channel 2 (red); the other two are thrown away", "run.py:108, 172",
     "`output_channel`"),
    ("T5", "2017's `rescale`: nothing is smoothed before shrinking, and outside the image is 0", "run.py:99",
     "`spec_edges`, `spec_zoom`"),
    ("T8", "padding always adds a window, and the last window is dropped", "mfcc.py:47, 55", "`frame_padding`"),
    ("T9", "negative frequencies of the inverse are off by one bin", "mfcc.py:115", "`inversion_mirror`"),
    ("T10", "inverse frames are the middle half of each inverse transform", "mfcc.py:174", "`inversion_frame`"),
    ("T11", "each inverse frame is reversed in time, then slid to fit", "mfcc.py:193",
     "`inversion_reversal`, `inversion_alignment`"),
    ("T12", "20 iterations are 21 inversions", "mfcc.py:138-153",
     "`inversion_iterations`, `inversion`, `inversion_phase`"),
    ("T13", "a positive peak of 32768 becomes -32768", "audioUtils.py:62", "`int16_peak`"),
    ("T14", "loudness is lost, and the floor of -4 sounds", "mfcc.py:101",
     "`output_level`, `inversion_floor`, `log_floor`"),
    ("T15", "twenty million random numbers are drawn before the start image", "imageTransfer.py:46, 86",
     "`start`, `start_noise`, `seed`"),
    ("T16", "the next run starts from the last point evaluated, not the best", "imageTransfer.py:106", "`restart`"),
    ("T18", "float32, but for the sums that an int64 divides", "losses.py:19", "`float_type` (`--float64`)"),
    ("T20", "window 2048, hop 2048 / 16", "audioUtils.py:10", "`n_fft`, `hop_length`"),
    ("T23", "the row autocorrelation is dominated by the rows' levels", "losses.py", "`ac_mean`"),
    ("T25", "content and style have one length, and the formulas one M; with another length of the style its sums over "
     "positions are taken as if its sound went on for as long as the image (network/fitting.py)", "losses.py:18",
     "`duration_style` (`--duration-style`)"),
    ("T26", "nothing holds the level of a single row, and \"entire rows\" end too bright (section 4.2)", "run.py:106",
     "`row_levels`"),
    ("T27", "scipy's L-BFGS-B, whose arithmetic for bounds is done without any, on one core", "imageTransfer.py:104",
     "`optimiser`"),
    ("T28", "convolutions by matrices; ours, Winograd's of 4x4 pixels, may be of 6x6: faster, and rounding four times "
     "as much (2 to 3e-6 of a layer)", "vggnet.py", "`convolution` (`--convolution`)"),
]  # fmt: skip
NO_CHOICE = [
    ("T3", "mel is float32 before it is quantised, the spectrogram float64", "mfcc.py:298", "image.py, as released"),
    ("T6", "`scipy.ndimage.zoom` with default arguments", "mfcc.py:298, 308",
     "spectrogram.py, as released; `time_zoom` is the factor"),
    ("T7", "`X -= X.mean()` changes the caller's samples", "mfcc.py:81",
     "not repeated: nothing uses those samples afterwards"),
    ("T17", "loss and gradient are two functions, so the network runs forward twice", "imageTransfer.py:92-100",
     "one function; the same numbers"),
    ("T19", "scipy 1.2.3 and 1.17 visit the same points", "-", "scipy is pinned"),
    ("T21", "the weights are a pickle of Python 2", "vggnet.py:48", "read without executing it (weights/unpickler.py)"),
    ("T22", "the curves of Figure 4", "viz.py", "run/curves.py, as released"),
    ("T24", "random weights make style terms of 1e10, which hide every other", "-",
     "`--weights random` is normalised; a note says when a file is not"),
]  # fmt: skip

# What is switched, in which circumstances: (settings of both sides, settings of the one side, note).
SOUND = [
    ({}, {"mel_order": "mel_then_log"}),
    ({}, {"representation": "mfcc"}),
    ({}, {"representation": "mfcc", "quantise_maximum": "clip"}),
    ({}, {"mel_sample_rate": 22050, "mel_fmax": 11025.0}),
    ({}, {"mel_fmin": 40.0}),
    ({}, {"mel_fmax": 16000.0}),
    (SPEC, {"spec_zoom": 1}),
    (SPEC, {"spec_zoom_axes": "time"}),
    (SPEC, {"spec_edges": "edge"}),
    (SPEC, {"spec_orientation": "time_columns"}),
    ({}, {"quantise_maximum": "clip"}),
    (SPEC, {"quantise_maximum": "clip"}),
    ({}, {"quantise_rounding": "round"}),
    ({}, {"output_channel": "mean"}),
    ({}, {"denormalise_range": "style"}),
    ({}, {"denormalise_range": "mean"}),
    ({}, {"n_fft": 4096}),
    ({}, {"hop_length": 256}),
    ({}, {"frame_padding": "exact"}),
    ({}, {"log_floor": -6.0}),
    ({}, {"inversion_mirror": "exact"}),
    ({}, {"inversion_frame": "whole"}),
    ({}, {"inversion_reversal": False}),
    ({}, {"inversion_alignment": False}),
    ({}, {"inversion_reversal": False, "inversion_alignment": False}),
    ({}, {"inversion_iterations": 100}),
    ({}, {"inversion": "griffinlim"}),
    (SPEC, {"inversion": "griffinlim"}),
    ({}, {"inversion": "griffinlim", "inversion_phase": "pghi"}),
    (SPEC, {"inversion": "griffinlim", "inversion_phase": "pghi"}),
    ({}, {"inversion": "griffinlim", "inversion_phase": "content"}),
    (SPEC, {"inversion": "griffinlim", "inversion_phase": "content"}),
    ({}, {"inversion_floor": "silent"}),
    ({}, {"int16_peak": "clip"}),
    ({}, {"output_level": "content"}),
    ({}, {"output_level": "loudness"}),
]
NETWORK = [
    {"pooling": "max"},
    {"tv_weight": 0.0},
    {"tv_exponent": 1.0},
    {"style_weight": 4e4},
    {"ac_normaliser": "height_width"},
    {"ac_mean": "removed"},
    {"row_target": "content"},
    {"column_target": "content"},
    {"row_target": "none"},
    {"ac_layers": ("input", "conv1_1")},
    {"float_type": "float64"},
    {"convolution": "corrmm"},
    {"convolution": "onednn_f6"},
]
DESCENT = [
    {},
    {"restart": "best"},
    {"seed": 1},
    {"start": "first_draw"},
    {"round_count": "as_asked"},
    {"max_evaluations": 20},
    {"optimiser": "two_loop"},
    {"convolution": "onednn_f6"},
    {"convolution": "onednn_f6", "optimiser": "two_loop"},
]
PRESETS = [("released", {}), ("released", SPEC), ("paper", {}), ("paper", SPEC), ("corrected", {}), ("corrected", SPEC)]


class Clips:
    """The two clips, through everything but the network."""

    def __init__(self, content, style):
        self.content, self.style = content, style

    @lru_cache(maxsize=4)  # noqa: B019  one object, as long as the program
    def passed(self, settings):
        """The content's stages, and its quality after image and inversion: (stages, whole way, inversion alone)."""
        content, style = (analyse(path, settings) for path in (self.content, self.style))
        made = synthesise(content.tensor, content, style, settings)
        log_spec, samples = made.spectrogram, made.samples
        level = level_of(content.bandpassed, settings)
        sound = to_int16(samples, settings, level)
        # The released analysis measures all of them.
        analysis = Settings()
        whole = spectral_convergence(content.bandpassed, sound / 32768, analysis)
        alone = spectral_convergence(log_spec, sound / 32768, settings)
        stages = {
            "spectrogram": content.spectrogram,
            "values": content.values,
            "image": content.image.astype(float),
            "network image": content.tensor,
            "spectrogram back": log_spec,
            "samples": sound.astype(float),
        }
        return stages, whole, alone


def settings_text(changes):
    """``name=value`` of each change, as --set takes it."""

    def text(value):
        if isinstance(value, tuple):
            return ",".join(value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return ", ".join(f"`{name}={text(value)}`" for name, value in changes.items())


def percent(value):
    return f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.2g} %"


def relative(after, before):
    return float(np.linalg.norm(np.asarray(after, float) - before) / np.linalg.norm(before))


def change(before, after):
    """The first stage that changes, and by how much."""
    for name, old in before.items():
        new = after[name]
        if old.shape != new.shape:
            return f"{name}: {' x '.join(map(str, old.shape))} becomes {' x '.join(map(str, new.shape))}"
        if np.array_equal(old, new):
            continue
        if name == "image":
            pixels = old != new
            mean = np.abs(new - old)[pixels].mean()
            return f"image: {int(pixels.sum())} of {pixels.size} pixels, by {mean:.3g} levels on average"
        if name == "samples":
            return "the waveform only"
        return f"{name}: {percent(relative(new, old))}"
    return "none"


def decibels(convergence):
    return f"{convergence:.3f} ({-20 * np.log10(convergence):.1f} dB)"


def sound_lines(clips, only):
    for others, changes in SOUND:
        if not next(iter(changes)).startswith(only):
            continue
        base = Settings(**others)
        before, after = clips.passed(base), clips.passed(dataclasses.replace(base, **changes))
        mode = "spectrogram" if others else "mel"
        yield (
            f"| {settings_text(changes)} | {mode} | {change(before[0], after[0])} | {decibels(after[1])} | "
            f"{decibels(after[2])} |"
        )


def preset_lines(clips):
    for name, others in PRESETS:
        settings = dataclasses.replace(preset(name), **others)
        stages, whole, alone = clips.passed(settings)
        shape = " x ".join(map(str, stages["network image"].shape[2:]))
        yield f"| {name} | {settings.representation} | {shape} | {decibels(whole)} | {decibels(alone)} |"


class Network:
    """Losses and gradient at a fixed image, and short descents, with the tensors of both clips."""

    def __init__(self, clips, weights):
        self.tensors = [analyse(path, Settings()).tensor for path in (clips.content, clips.style)]
        self.weights = weights

    def objective(self, settings, columns=None):
        from audiostyle.network.objective import Objective

        content, style = (tensor[..., :columns].astype(settings.float_type) for tensor in self.tensors)
        return Objective(content, style, self.weights, settings)

    def at_point(self, settings):
        image, _ = choose_image(None, 1, settings)
        return self.objective(settings)(image.astype(settings.float_type))

    def descend(self, settings):
        """Loss after each round, evaluations, and the last image, with the first columns of both clips."""
        settings = dataclasses.replace(settings, iterations=ROUNDS + 1)
        objective = self.objective(settings, CROP)
        return list(descend(objective, start_image(objective.shape[2], CROP, settings), settings))


def network_lines(network, only):
    changes_asked = [changes for changes in NETWORK if next(iter(changes)).startswith(only)]
    if not changes_asked:
        return
    base = Settings(**BOTH)
    parts, total, gradient = network.at_point(base)
    if not only:
        yield f"| released | {total:.6g} | - | {', '.join(f'{name} {value:.5g}' for name, value in parts.items())} |"
    for changes in changes_asked:
        new_parts, new_total, new_gradient = network.at_point(dataclasses.replace(base, **changes))
        different = [
            f"{name} {new_parts[name]:.5g}"
            for name in new_parts
            if name not in parts or abs(new_parts[name] - parts[name]) > 1e-4 * parts[name]
        ]
        gone = [f"no {name}" for name in parts if name not in new_parts]
        yield (
            f"| {settings_text(changes)} | {new_total:.6g} ({'+' if new_total >= total else '-'}"
            f"{percent(abs(new_total / total - 1))}) | "
            f"{percent(relative(new_gradient, gradient))} | {', '.join(different + gone) or 'none by 1e-4'} |"
        )


def descent_lines(network, only):
    for changes in DESCENT:
        if not next(iter(changes), "").startswith(only):
            continue
        rounds = network.descend(Settings(**BOTH, **changes))
        losses = ", ".join(f"{one.total:.5g}" for one in rounds)
        yield f"| {settings_text(changes) or 'released'} | {sum(one.evaluations for one in rounds)} | {losses} |"
        if not changes:
            grey = rounds[-1].image[0] + np.array([104, 117, 123]).reshape(3, 1, 1)
            red, mean = np.clip(grey, 0, 255)[2], np.clip(grey, 0, 255).mean(axis=0)
            apart = np.abs(red - mean).mean()
            yield f"| (the red channel of its image and the mean of all three are {apart:.2g} levels apart) | | |"


HEAD = """\
# Paper, released code, and the switch between them

What the paper says (Coleman, Penco, Porisky, *Artistic Style Transfer for Music Data*, 2017), what the released code
does (github padster/AudioStyle, commit cdd19fb; file:line is there), and which setting goes from one to the other.
The released value is the default of every setting. `--set name=value` changes one, `--list-settings` lists them all,
`--preset paper` and `--preset corrected` change several. This page is made by `benchmarks/differences.py`.
"""


def print_texts():
    print(HEAD)
    print("## Where code and paper differ\n")
    print("| row | paper | released code | where | setting |\n|---|---|---|---|---|")
    for row in PAPER:
        print(f"| {' | '.join(row)} |")
    print("\n## What the code does besides, and may be switched\n")
    print("| row | released code | where | setting |\n|---|---|---|---|")
    for row in TRAPS:
        print(f"| {' | '.join(row)} |")
    print("\n## What is no choice\n")
    print("| row | released code | where | here |\n|---|---|---|---|")
    for row in NO_CHOICE:
        print(f"| {' | '.join(row)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--weights", required=True, help="normalised VGG-19 weights, for the network's settings")
    parser.add_argument("--only", default="", help="measure the settings whose name begins so")
    args = parser.parse_args()
    clips = Clips(args.content, args.style)
    weights = load_weights(args.weights)
    start_theano()
    network = Network(clips, weights.arrays)
    if args.only:
        for lines in (
            sound_lines(clips, args.only),
            network_lines(network, args.only),
            descent_lines(network, args.only),
        ):
            print(*lines, sep="\n", flush=True)
        return
    print_texts()
    stage, whole, alone = "what changes first (content clip)", "clip to samples", "inversion alone"
    print("\n## Effect on stages and on the way back\n")
    print(SOUND_TEXT)
    print(f"| setting | representation | {stage} | {whole} | {alone} |\n|---|---|---|---|---|")
    for others in ({}, SPEC):
        _, there, back = clips.passed(Settings(**others))
        print(f"| released | {'spectrogram' if others else 'mel'} | - | {decibels(there)} | {decibels(back)} |")
    print(*sound_lines(clips, ""), sep="\n", flush=True)
    print(f"\n| preset | representation | network's image | {whole} | {alone} |\n|---|---|---|---|---|")
    print(*preset_lines(clips), sep="\n", flush=True)
    print("\n## Effect on losses and gradient\n")
    print(NETWORK_TEXT.format(sha256=weights.sha256[:12]))
    print("| setting | total | gradient changes by | weighted terms that change |\n|---|---|---|---|")
    print(*network_lines(network, ""), sep="\n", flush=True)
    print("\n## Effect on the descent\n")
    print(DESCENT_TEXT.format(crop=CROP, rounds=ROUNDS, more=ROUNDS + 1))
    print("| setting | evaluations | loss after each round |\n|---|---|---|")
    print(*descent_lines(network, ""), sep="\n", flush=True)


SOUND_TEXT = """\
The paper's two clips, first ten seconds. *What changes first*: the first stage of the content clip that is not the
same, and by how much: the relative L2 distance, or pixels and grey levels. Then the content goes through its image and
back, with no transfer. *Clip to samples* compares the band-passed clip with the written samples: spectral convergence
(the norm of the difference of the magnitude spectrograms over the norm of the clip's, at the best gain and shift by
frames; 0 is perfect) and, in brackets, the same as a signal-to-noise ratio of the magnitudes, -20 log10. *Inversion
alone* compares the samples with the spectrogram that was inverted, in its own analysis.

Read differences below 0.01 as none: the released inversion is chaotic (T12), and a single pixel moves it by 0.005. With
mel, 96 bands alone leave 6.3 dB from clip to samples, whatever the inversion. Two settings cannot show here:
`output_channel`, since the three channels are equal until a transfer (after one they are not, see the descent below),
and `int16_peak`, since the largest sample of this inversion is negative; it concerns one sample. With mfcc the maximum
that wraps is the loudest of all coefficients, hence the clip in the paper's preset.
"""
NETWORK_TEXT = """\
At the image `--image-seed 1`, with row and column autocorrelation asked for, ImageNet weights (SHA-256 {sha256}...).
*Gradient changes by*: relative L2 distance to the released gradient.
"""
DESCENT_TEXT = """\
The first {crop} columns of both clips, the same weights, row and column autocorrelation, {rounds} rounds (which the
released code would call {more} iterations). `restart` makes a difference only where a line search fails.
"""


if __name__ == "__main__":
    main()
