"""The stages of the pipeline by name: what a stages file may hold, in order, and how near two must be.

This is the one list that writing, comparing and ``docs/stages.md`` share.  Tolerances are those at
which a port still counts as the authors' numbers; they stand in the table of ``docs/stages.md``.
"""

import dataclasses

from audiostyle.network.terms import NAMES
from audiostyle.weights.layers import CONV_LAYERS, POOL_AFTER

__all__ = ["FLOAT32", "IMAGES", "LAYERS", "ROLES", "SCHEMA", "SOUND", "STAGES", "STATISTICS", "Stage"]

#: Attribute ``schema`` of a stages file; a change that an older reader would misread raises the number.
SCHEMA = "audiostyle-stages/1"

ROLES = ("content", "style")
#: What a features stage holds unless it is the whole activation.
STATISTICS = ("mean", "std", "L2")
#: Whole grey levels.
IMAGES = tuple(f"{role}/image" for role in ROLES)
#: What a clip's later stages are made of: in float32 here, they are judged by ``tolerance_float32``.
SOUND = ("samples", "bandpassed", "spectrogram")
#: What is float32 in the released code, and so says nothing of how its sound was computed.
FLOAT32 = ("/mel", "/mfcc", "/cqt", "/chroma")

#: All sixteen convolutions (after their ReLU) and five poolings, in the network's order.
LAYERS = tuple(name for layer in CONV_LAYERS for name in (layer.name, POOL_AFTER.get(layer.name)) if name is not None)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage: what is stored under a name, and how near two of them must be.

    Attributes
    ----------
    name : str
        Path in the HDF5 file, without the leading slash.
    axes : str
        Names of the axes in order, separated by commas; empty for a single number.
    units : str
        What the numbers mean.
    measure : {'largest', 'relative', 'none'}
        Which difference is judged: the largest absolute one, or the relative L2 one (of statistics
        the largest relative one); 'none' is shown but not judged.
    tolerance : float
        Largest difference that still agrees.
    tolerance_float64 : float or None
        The same where both networks were computed in float64, if it is less.
    tolerance_float32 : float or None
        The same where a file's sound was computed in float32, if it is more.
    """

    name: str
    axes: str
    units: str
    measure: str
    tolerance: float
    tolerance_float64: float | None = None
    tolerance_float32: float | None = None

    @property
    def n_axes(self) -> int:
        """Number of axes, 0 for a single number."""
        return len(self.axes.split(", ")) if self.axes else 0

    @property
    def is_float64(self) -> bool:
        """Whether the released code has it in float64, so that a port's float32 has to be allowed for (T3)."""
        return self.tolerance_float32 is not None and not self.name.endswith(FLOAT32)

    @property
    def is_image(self) -> bool:
        """Whether it holds the whole grey levels of a clip, of which a last bit before them can change a few."""
        return self.name in IMAGES

    def allowed(self, float64: bool = False, float32: bool = False) -> float:
        """Return the tolerance for networks in float64, or for sound in float32."""
        if float32 and self.tolerance_float32 is not None:
            return self.tolerance_float32
        return self.tolerance_float64 if float64 and self.tolerance_float64 is not None else self.tolerance


def _clip_stages() -> list[Stage]:
    """Stages of each clip up to the network's input; stage by stage, content before style."""
    level = "log10 of the magnitude over its maximum"
    per_clip = (
        Stage("samples", "sample", "full scale is 1", "largest", 1e-12, None, 1e-7),
        Stage("bandpassed", "sample", "full scale is 1", "largest", 1e-12, None, 1e-6),
        # In float32 a magnitude at the floor, 1e-4 of the loudest, keeps only three digits.
        Stage("spectrogram", "frame, bin", level, "largest", 1e-9, None, 1e-3),
        Stage("mel", "mel, column", "log10, averaged by the mel filters", "largest", 1e-6, None, 5e-5),
        Stage("mfcc", "coefficient, column", "orthonormal DCT of log10", "largest", 1e-5, None, 5e-4),
        Stage("cqt", "bin, column", level, "largest", 1e-5, None, 1e-3),
        Stage("chroma", "pitch class, column", level, "largest", 1e-5, None, 1e-3),
        Stage("range", "bound", "lowest and highest value, which grey levels 0 and 256 stand for", "largest",
              1e-6, None, 5e-5),
        Stage("image", "row, column", "grey level, 0 to 255", "largest", 0.0),
        Stage("rescaled", "row, column", "grey level, shrunk by spec_zoom", "largest", 1e-9, None, 1e-4),
        # One unit in the last place of a float32 grey level.
        Stage("tensor", "batch, channel, row, column", "grey level less the channel's mean", "largest", 2e-5),
    )  # fmt: skip
    stages = [dataclasses.replace(stage, name=f"{role}/{stage.name}") for stage in per_clip for role in ROLES]
    first_mel = next(i for i, stage in enumerate(stages) if stage.name.endswith("/mel"))
    stages[first_mel:first_mel] = [
        Stage("mel_filter", "bin, mel", "share, each filter's sum is 1", "largest", 1e-12, None, 1e-6),
        Stage("mel_filter_inverse", "mel, bin", "share, each filter's peak is 1", "largest", 1e-12, None, 1e-6),
    ]
    return stages


def _network_stages() -> list[Stage]:
    """Stages at an image: activations, losses, gradient."""
    stages = [Stage("image", "batch, channel, row, column", "grey level less the channel's mean", "largest", 2e-5)]
    for source in (*ROLES, "image"):
        for layer in LAYERS:
            axes, units = "batch, channel, row, column", "activation"
            stages.append(Stage(f"features/{source}/{layer}", axes, units, "relative", 1e-5, 1e-9))
    stages += [Stage(f"losses/{name}", "", "unweighted", "relative", 1e-6, 1e-9) for name in NAMES]
    stages.append(Stage("losses/total", "", "sum of weight times unweighted loss", "relative", 1e-6, 1e-9))
    axes, units = "batch, channel, row, column", "slope of losses/total per grey level"
    stages.append(Stage("gradient", axes, units, "relative", 5e-5, 1e-7))
    return stages


def _inversion_stages() -> list[Stage]:
    """Stages of the content image put straight back into sound."""
    return [
        Stage("inversion/spectrogram", "frame, bin", "log10 of the magnitude", "largest", 1e-5),
        Stage("inversion/offsets", "inversion, frame", "samples", "largest", 0.0),
        Stage("inversion/wave_0", "sample", "any scale", "relative", 1e-6, None, 1e-5),
        Stage("inversion/wave_1", "sample", "any scale", "relative", 1e-6, None, 1e-3),
        Stage("inversion/samples", "sample", "any scale", "none", 0.0),
        # Changes of 2e-7 in the spectrogram alone, within its tolerance, make up to 3.6 %: chaos (T12).
        Stage("inversion/spectral_error", "", "mean absolute difference of log10 spectrograms", "relative", 0.05),
    ]


#: Every stage there may be, in the order of the pipeline.
STAGES: tuple[Stage, ...] = (*_clip_stages(), *_network_stages(), *_inversion_stages())
