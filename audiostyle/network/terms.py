"""The loss as a table: one row for each addend, in the order in which they are added.

The paper's section 3: L = alpha L_content + beta L_style + gamma L_row + delta L_column, to which the
released code adds the total variation (D3).  Objective, targets, tables and plots read this table, so a
term's name is made here and nowhere taken apart.
"""

import dataclasses

from audiostyle.settings import Settings
from audiostyle.weights.layers import CONV_LAYERS

__all__ = ["AXES", "NAMES", "Term", "loss_terms", "term_name"]

#: The directions of the lag: along a row (over the width) or a column (over the height).
AXES = ("row", "column")


@dataclasses.dataclass(frozen=True)
class Term:
    """One addend of the loss.

    Attributes
    ----------
    loss : {'content', 'style', 'total_variation', 'row_autocorrelation', 'column_autocorrelation'}
        Which formula of :mod:`audiostyle.network.losses`.
    layer : str
        Layer whose activation it looks at; ``input`` is the image.
    clip : {'content', 'style', 'none'}
        Clip whose activation the image's is compared with; total variation has none.
    weight : float
        Its factor in the total; 0 if it is measured only.
    """

    loss: str
    layer: str
    clip: str
    weight: float

    @property
    def name(self) -> str:
        """What records, tables and files call it, such as ``style_conv1_1``."""
        return term_name(self.loss, self.layer)

    @property
    def axis(self) -> str:
        """The direction of an autocorrelation's lag; empty for other losses."""
        return next((axis for axis in AXES if self.loss == f"{axis}_autocorrelation"), "")


def term_name(loss: str, layer: str) -> str:
    """Return the name of a loss at a layer.

    Examples
    --------
    >>> term_name("style", "conv1_1")
    'style_conv1_1'
    >>> term_name("row_autocorrelation", "input"), term_name("content", "conv4_2")
    ('row_autocorrelation', 'content')
    """
    # There is one content loss, and autocorrelations are of the image unless said otherwise.
    return loss if layer == "input" or loss == "content" else f"{loss}_{layer}"


_CONVOLUTIONS = tuple(layer.name for layer in CONV_LAYERS)
#: Every name that a term may have, in order, and the loss and the layer it stands for.
NAMES = {
    term_name(loss, layer): (loss, layer)
    for loss, layers in {
        "content": ("conv4_2",),
        "style": _CONVOLUTIONS,
        "total_variation": ("input",),
        **{f"{axis}_autocorrelation": ("input", *_CONVOLUTIONS) for axis in AXES},
    }.items()
    for layer in layers
}


def loss_terms(settings: Settings, every_term: bool = False) -> list[Term]:
    """Return the terms that settings ask for.

    Parameters
    ----------
    settings : Settings
    every_term : bool
        Return those of weight 0 too, which are not computed otherwise; an autocorrelation that is not
        asked for has the weight 0, and one without a target is never there.

    Examples
    --------
    >>> [term.name for term in loss_terms(Settings(style_layers=("conv1_1",), rowac=True))]
    ['content', 'style_conv1_1', 'total_variation', 'row_autocorrelation']
    """
    terms = [Term("content", settings.content_layer, "content", settings.content_weight)]
    terms += [Term("style", layer, "style", settings.style_weight) for layer in settings.style_layers]
    terms += [Term("total_variation", "input", "none", settings.tv_weight)]
    factors = settings.ac_layer_weights or (1.0,) * len(settings.ac_layers)
    for axis, wanted, weight, clip in (
        ("row", settings.rowac, settings.row_weight, settings.row_target),
        ("column", settings.colac, settings.column_weight, settings.column_target),
    ):
        for layer, factor in zip(settings.ac_layers, factors, strict=True) if clip != "none" else ():
            terms += [Term(f"{axis}_autocorrelation", layer, clip, weight * factor if wanted else 0.0)]
    return [term for term in terms if term.weight or every_term]
