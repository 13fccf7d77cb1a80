"""What the pictures show; how they look was looked at."""

import csv
import warnings

import numpy as np
import pytest

from audiostyle.errors import RunError
from audiostyle.optimise import Evaluation
from audiostyle.run import figure, loss_history, plots
from audiostyle.run.curves import autocorrelation_curve
from audiostyle.run.folder import RunFolder
from audiostyle.run.loss_history import draw_losses, write_losses_csv
from audiostyle.run.plots import draw_autocorrelations, draw_representation, mel_centres
from audiostyle.settings import Settings, preset

MEL = Settings()
SPECTROGRAM = Settings(representation="spectrogram")
TIME_SHRUNK = Settings(representation="spectrogram", spec_zoom_axes="time", spec_orientation="time_columns")
LAYERS = ("input", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.fixture
def folder(tmp_path):
    with RunFolder(tmp_path / "run") as opened, warnings.catch_warnings():
        warnings.simplefilter("error")
        yield opened


@pytest.fixture
def drawn(monkeypatch):
    """The figures, which are drawn and saved all the same."""
    figures = {}

    def keep(drawing, folder, name, caption=""):
        figures[name] = drawing
        figure.save(drawing, folder, name, caption)

    for module in (plots, loss_history):
        monkeypatch.setattr(module, "save", keep)
    return figures


def evaluations(rounds, each, **parts):
    found = []
    for index in range(1, rounds + 1):
        for number in range(1, each + 1):
            values = {name: part(len(found)) for name, part in parts.items()}
            found.append(Evaluation(index, number, values, sum(values.values()), 0.5))
    return found


def size_of(path):
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


class TestRepresentation:
    @pytest.fixture
    def mels(self, golden):
        stored = golden("spectrograms.npz")
        result = golden("published_mels.npz")["raccac25l0w1em9__melOut__mel_pre10s"]
        return [stored["content_mel"], stored["style_mel"], result]

    def test_mel(self, folder, drawn, mels):
        draw_representation(folder, "mel.png", *mels, MEL)
        assert size_of(folder.file("mel.png")) == (1320, 990)
        axes = drawn["mel.png"].axes[:3]
        images = [ax.images[0] for ax in axes]
        for image, mel in zip(images, mels, strict=True):
            np.testing.assert_array_equal(image.get_array(), mel)
            assert image.origin == "lower"
            assert image.get_cmap().name == "afmhot"
            assert image.get_clim() == pytest.approx((min(map(np.min, mels)), max(map(np.max, mels))))
        assert [ax.get_title("left") for ax in axes] == ["Content", "Style", "Result"]
        # 854 columns of 256 samples each.
        left, right, bottom, top = images[0].get_extent()
        assert right - left == pytest.approx(854 * 256 / 22050)
        assert 0 < left < 0.1
        assert (bottom, top) == (-0.5, 95.5)
        labels = [label.get_text() for label in axes[0].get_yticklabels()]
        assert labels == ["100", "200", "500", "1k", "2k", "5k"]
        # A tick is between the two filters that its frequency is between.
        at, centres = axes[0].get_yticks()[3], mel_centres(MEL)
        assert centres[int(at)] <= 1000 <= centres[int(at) + 1]
        assert "Hz" in axes[0].get_ylabel()
        assert "seconds" in axes[-1].get_xlabel()

    def test_a_range_without_round_frequencies_has_its_ends_marked(self, folder, drawn):
        settings = Settings(mel_fmin=5200.0, mel_fmax=9000.0, mel_sample_rate=22050)
        draw_representation(folder, "mel.png", *[np.random.RandomState(0).uniform(-4, 0, (96, 20))] * 3, settings)
        labels = [label.get_text() for label in drawn["mel.png"].axes[0].get_yticklabels()]
        assert labels == [f"{centre:.0f}" for centre in mel_centres(settings)[[0, -1]]]

    def test_spectrogram(self, folder, drawn):
        spectrogram = np.random.RandomState(0).uniform(-4, 0, (172, 1024))
        draw_representation(folder, "spectrogram.png", spectrogram, spectrogram, spectrogram[:-2], SPECTROGRAM)
        size_of(folder.file("spectrogram.png"))
        first, _, third = (ax.images[0] for ax in drawn["spectrogram.png"].axes[:3])
        np.testing.assert_array_equal(first.get_array(), spectrogram.T.astype(np.float32))
        left, right, bottom, top = first.get_extent()
        assert right - left == pytest.approx(172 * 128 / 22050)
        assert (bottom, top) == pytest.approx((-0.5 * 22050 / 2048, 1023.5 * 22050 / 2048))
        assert third.get_extent()[1] < right

    def test_the_first_cepstral_coefficients_do_not_hide_the_rest(self, folder, drawn):
        mfcc = np.random.RandomState(0).uniform(-1, 1, (96, 50))
        mfcc[0] = -30
        draw_representation(folder, "mfcc.png", mfcc, mfcc, mfcc, Settings(representation="mfcc"))
        low, high = drawn["mfcc.png"].axes[0].images[0].get_clim()
        assert -1 <= low < high <= 1

    @pytest.mark.parametrize("value", [0.0, np.nan, -np.inf])
    def test_pictures_of_nothing(self, folder, value):
        flat = np.full((96, 3), value)
        draw_representation(folder, "mel.png", flat, flat, flat, MEL)
        size_of(folder.file("mel.png"))

    def test_rows_are_labelled_with_their_filters(self, golden):
        filters = golden("spectrograms.npz")["mel_filter_inverse"]
        peaks = filters.argmax(axis=1) * MEL.sample_rate / MEL.n_fft
        # A filter's peak is the bin below its frequency.
        assert np.all(np.abs(mel_centres(MEL) - peaks) < MEL.sample_rate / MEL.n_fft)


class TestAutocorrelations:
    @staticmethod
    def curves(settings, direction, shape, image):
        random = np.random.RandomState(0)
        found = {}
        for layer in LAYERS:
            halvings = 0 if layer == "input" else int(layer[4]) - 1
            rows, columns = shape if layer == "input" else (size // 2**halvings for size in image)
            found[layer] = tuple(
                autocorrelation_curve(random.standard_normal((2, rows, columns)), direction, settings) for _ in range(3)
            )
        return found

    @pytest.mark.parametrize("direction", ["row", "column"])
    def test_red_blue_green_in_six_panels(self, folder, drawn, direction):
        from matplotlib.colors import to_rgb

        curves = self.curves(MEL, direction, (96, 854), (96, 854))
        name = f"{direction}_autocorrelation.png"
        draw_autocorrelations(folder, name, curves, MEL, direction)
        size_of(folder.file(name))
        axes = drawn[name].axes
        assert [ax.get_title("left") for ax in axes] == list(LAYERS)
        for ax, (layer, three) in zip(axes, curves.items(), strict=True):
            lines = ax.lines[:3]
            for line, curve in zip(lines, three, strict=True):
                np.testing.assert_array_equal(line.get_ydata(), curve)
            strongest = [int(np.argmax(to_rgb(line.get_color()))) for line in lines]
            assert strongest == [0, 2, 1], f"{layer}: red, blue, green"
            skip = len(three[0]) // 40 + 1
            seen = np.concatenate([curve[skip:] for curve in three])
            assert ax.get_ylim() == (seen.min(), seen.max())
        legend = [text.get_text() for text in drawn[name].legends[0].get_texts()]
        assert legend == ["Content", "Style", "Result"]

    @pytest.mark.parametrize(
        ("settings", "direction", "shape", "image", "span", "unit"),
        [
            (MEL, "row", (96, 854), (96, 854), 854 * 256 / 22050, "seconds"),
            (MEL, "column", (96, 854), (96, 854), 96, "mel bands"),
            (SPECTROGRAM, "row", (1712, 1024), (856, 512), 1712 * 128 / 22050, "seconds"),
            (SPECTROGRAM, "column", (1712, 1024), (856, 512), 11025, "Hz"),
            (TIME_SHRUNK, "row", (1024, 1712), (1024, 428), 1712 * 128 / 22050, "seconds"),
            (TIME_SHRUNK, "column", (1024, 1712), (1024, 428), 11025, "Hz"),
            (Settings(representation="mfcc"), "column", (96, 854), (96, 854), 96, "cepstral"),
        ],
    )
    def test_all_layers_share_one_lag_axis(self, folder, drawn, settings, direction, shape, image, span, unit):
        draw_autocorrelations(folder, "x.png", self.curves(settings, direction, shape, image), settings, direction)
        axes = drawn["x.png"].axes
        assert unit in axes[-1].get_xlabel()
        for ax, halvings in zip(axes, (0, 0, 1, 2, 3, 4), strict=True):
            assert ax.get_xlim() == pytest.approx((0, span))
            # Of each layer, half a lag is missing at both ends, and what pooling dropped.
            lags = ax.lines[0].get_xdata()
            assert lags[-1] == pytest.approx(span, rel=0.02 + 3 * 2**halvings / min(image))

    @pytest.mark.parametrize("length", [0, 1, 2])
    def test_layers_of_hardly_any_size(self, folder, length):
        draw_autocorrelations(folder, "x.png", {"conv5_1": (np.zeros(length),) * 3}, MEL, "column")
        draw_autocorrelations(folder, "y.png", {"input": (np.full(length, np.nan),) * 3}, MEL, "row")
        draw_autocorrelations(folder, "z.png", {}, MEL, "row")
        for name in ("x.png", "y.png", "z.png"):
            size_of(folder.file(name))


class TestLosses:
    def test_every_part_and_the_total(self, folder, drawn):
        history = evaluations(
            3,
            41,
            content=lambda n: 100 / (n + 1),
            style_conv1_1=lambda n: 1e10 / (n + 1),
            style_conv2_1=lambda n: 1e9,
            row_autocorrelation=lambda n: 1e-3,
            row_autocorrelation_conv1_1=lambda n: 2e-3,
            something_new=lambda n: 7.0,
        )
        draw_losses(folder, history)
        size_of(folder.file("losses.png"))
        figure = drawn["losses.png"]
        ax = figure.axes[0]
        assert ax.get_yscale() == "log"
        lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
        assert list(lines) == [
            "content",
            "style conv1_1",
            "style conv2_1",
            "row autocorrelation",
            "row autocorrelation conv1_1",
            "something_new",
            "total",
        ]
        np.testing.assert_array_equal(lines["total"].get_xdata(), np.arange(1, 124))
        np.testing.assert_array_equal(lines["total"].get_ydata(), [one.total for one in history])
        looks = [(line.get_color(), str(line.get_linestyle()), line._dash_pattern) for line in lines.values()]
        assert len(set(map(str, looks))) == len(looks)
        boundaries = [line.get_xdata()[0] for line in ax.lines if line.get_label().startswith("_")]
        assert boundaries == [41.5, 82.5]

    def test_what_a_logarithm_cannot_show(self, folder, drawn):
        values = [1.0, 0.0, -1.0, np.nan, np.inf, 2.0]
        history = evaluations(1, 6, content=lambda n: values[n], total_variation=lambda n: 0.0)
        draw_losses(folder, history)
        size_of(folder.file("losses.png"))
        np.testing.assert_array_equal(
            drawn["losses.png"].axes[0].lines[0].get_ydata(), [1, np.nan, np.nan, np.nan, np.inf, 2]
        )

    @pytest.mark.parametrize(("rounds", "each"), [(0, 0), (1, 1), (1, 2), (500, 2)])
    def test_short_and_long_runs(self, folder, drawn, rounds, each):
        draw_losses(folder, evaluations(rounds, each, content=lambda n: 1.0 + n))
        size_of(folder.file("losses.png"))
        # 500 lines would be a wall.
        assert len(drawn["losses.png"].axes[0].lines) < 210

    def test_csv(self, folder):
        history = evaluations(2, 2, content=lambda n: 1 / 3 + n, style_conv1_1=lambda n: float("nan"))
        history.append(Evaluation(3, 1, {"content": 5e-324, "late": 1e300}, float("inf"), 0.25))
        write_losses_csv(folder, history)
        with open(folder.file("losses.csv"), newline="", encoding="ascii") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == ["evaluation", "round", "index", "seconds", "total", "content", "style_conv1_1", "late"]
        assert [row["evaluation"] for row in rows] == ["1", "2", "3", "4", "5"]
        assert [(row["round"], row["index"]) for row in rows[1:4]] == [("1", "2"), ("2", "1"), ("2", "2")]
        assert [float(row["content"]) for row in rows] == [one.parts["content"] for one in history]
        assert (rows[0]["style_conv1_1"], rows[0]["late"], rows[4]["total"]) == ("nan", "", "inf")

    def test_csv_of_nothing(self, folder):
        write_losses_csv(folder, [])
        assert folder.file("losses.csv").read_text() == "evaluation,round,index,seconds,total\n"


def test_a_users_matplotlibrc_changes_nothing(folder):
    import matplotlib as mpl

    history = evaluations(1, 9, content=lambda n: 1.0 + n)
    draw_losses(folder, history, "one.png")
    with mpl.rc_context({"text.usetex": True, "font.family": "No Such Font", "figure.dpi": 7, "savefig.dpi": 9}):
        draw_losses(folder, history, "two.png")
        assert mpl.rcParams["text.usetex"]
    assert folder.file("one.png").read_bytes() == folder.file("two.png").read_bytes()


def test_no_figure_is_left_in_pyplot(folder):
    draw_losses(folder, evaluations(1, 9, content=lambda n: 1.0 + n))
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_a_full_disk_is_one_sentence(folder, monkeypatch):
    import errno
    import os

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RunError, match=r"^The file could not be written to .*losses.png.* disk is full"):
        draw_losses(folder, evaluations(1, 3, content=lambda n: 1.0))


def test_every_picture_says_of_what_it_is(folder, drawn):
    panel = np.random.RandomState(0).uniform(-4, 0, (96, 30))
    draw_representation(folder, "mel.png", panel, panel, panel, MEL, "a caption")
    draw_autocorrelations(folder, "row.png", {"input": (np.arange(9.0),) * 3}, MEL, "row", "a caption")
    draw_losses(folder, evaluations(1, 3, content=lambda n: 1.0 + n), caption="a caption")
    assert [one.get_supxlabel() for one in drawn.values()] == ["a caption"] * 3


def test_the_spectrogram_says_that_it_is_not_the_sound(folder, drawn):
    panel = np.random.RandomState(0).uniform(-4, 0, (30, 1024))
    draw_representation(folder, "spectrogram.png", panel, panel, panel, MEL)
    titles = [ax.get_title("left") for ax in drawn["spectrogram.png"].axes[:3]]
    assert titles == ["Content", "Style", "Result, before it is made into sound"]


def test_a_caption_names_clips_preset_and_seed():
    assert figure.caption_of("a.wav", "b.mp3", Settings(rowac=True, seed=3, representation="spectrogram")) == (
        "a.wav in the style of b.mp3; preset released, seed 3"
    )
    assert "preset corrected" in figure.caption_of("a", "b", preset("corrected"))
    assert "settings of no preset" in figure.caption_of("a", "b", Settings(inversion="griffinlim"))
    assert len(figure.caption_of("x" * 200, "y" * 200, MEL)) < 160


@pytest.mark.parametrize("name", ["$x^{.wav", "\udcff\x1b.wav", "\u97f3\u697d.wav"])
def test_any_name_can_be_a_caption(name, folder):
    draw_losses(folder, evaluations(1, 3, content=lambda n: 1.0 + n), caption=figure.caption_of(name, name, MEL))
    size_of(folder.file("losses.png"))
