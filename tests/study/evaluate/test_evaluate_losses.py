"""The paper's losses of a sound are those of the objective that a descent minimises."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

import audiostyle.study.evaluate
from audiostyle.api import make_objective
from audiostyle.demo.clips import write_clips
from audiostyle.pipeline import analyse
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import LOSSES, evaluate_files
from audiostyle.study.evaluate.paper_losses import PaperLosses
from audiostyle.study.evaluate.tables import as_document
from audiostyle.weights.load import load_weights

SCHEMA = json.loads((Path(audiostyle.study.evaluate.__file__).parent / "schema.json").read_text())
# A shallow network is compiled faster.
SHORT = Settings(
    duration=1.2,
    threads=1,
    inversion_iterations=0,
    rowac=True,
    content_layer="conv2_1",
    style_layers=("conv1_1", "conv2_1"),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    content, style = write_clips(tmp_path_factory.mktemp("clips"), 1.5)
    return str(content), str(style)


@pytest.fixture(scope="module")
def weights():
    return load_weights("random", 1)


def test_the_clips_themselves_have_no_loss_and_the_total_is_the_objectives(clips, weights):
    losses = PaperLosses(*clips, weights, SHORT)
    content, style = losses(losses.clip("content")), losses(losses.clip("style"))
    assert content["loss_content"] == 0 < style["loss_content"]
    for name in ("loss_style", "loss_row_autocorrelation", "loss_column_autocorrelation"):
        assert style[name] < 1e-6 * content[name]
    layers = [value for name, value in content.items() if name.startswith("loss_style_conv")]
    assert len(layers) == 2
    assert content["loss_style"] == pytest.approx(sum(layers))
    # The objective of the run itself, at the style's image: what is not asked for is no part of its total.
    tensors = [analyse(path, SHORT).tensor for path in clips]
    parts, total, _ = make_objective(*tensors, weights, SHORT)(tensors[1])
    assert "column_autocorrelation" not in parts
    assert style["loss_total"] == pytest.approx(total, rel=1e-6)
    assert content["loss_column_autocorrelation"] > 0
    for name, value in parts.items():
        assert style[f"loss_{name}"] == pytest.approx(value, rel=1e-6, abs=1e-9)


def test_a_file_is_measured_as_it_is_at_its_own_length(clips, weights, tmp_path):
    samples = PaperLosses(*clips, weights, SHORT).clip("style")
    soundfile.write(tmp_path / "whole.wav", samples / np.abs(samples).max(), 22050, "FLOAT")
    soundfile.write(tmp_path / "cut.wav", samples[:25000], 22050, "FLOAT")
    files = [str(tmp_path / name) for name in ("whole.wav", "cut.wav")]
    found = evaluate_files(*clips, files, SHORT, inversion=False, weights=weights)
    content, style, whole, cut = (row.scores[LOSSES] for row in found.rows)
    assert content["loss_style"] > 0
    # Louder, and stored in float32: at most a pixel is another.
    assert max(whole["loss_style"], cut["loss_style"]) < 1e-3 * content["loss_style"]
    assert whole["loss_content"] == pytest.approx(style["loss_content"], rel=1e-3)
    document = as_document(found)
    jsonschema.validate(json.loads(json.dumps(document)), SCHEMA)
    assert document["losses"]["weights"]["form"] == "random"
    assert document["losses"]["settings"]["rowac"] is True
    assert list(dataclasses.asdict(SHORT)) == list(document["losses"]["settings"])


def test_a_style_of_its_own_duration_counts_whole(clips, weights):
    settings = dataclasses.replace(SHORT, duration_style=0.8)
    losses = PaperLosses(*clips, weights, settings)
    content, style = losses.clip("content"), losses.clip("style")
    assert (len(content), len(style)) == (26460, 17640)
    tensors = analyse(clips[0], settings).tensor, analyse(clips[1], settings.of_style).tensor
    _, total, _ = make_objective(*tensors, weights, settings)(tensors[0])
    found = losses(content)
    assert found["loss_total"] == pytest.approx(total, rel=1e-6)
    # Of a shorter sound, too: the content is cut to it, and the style is not.
    assert losses(style)["loss_style"] < 1e-6 * found["loss_style"]
