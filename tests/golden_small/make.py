"""Makes the files beside it: two clips of 0.3 seconds and the stages of both, as `stages` writes them.

    python tests/golden_small/make.py

They keep the checks of fidelity alive where the authors' own numbers are not at hand.  Make them
again only from code that passes the tests against those numbers, and say why in the commit.
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from scipy.io import wavfile

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))

from audiostyle.settings import Settings  # noqa: E402
from audiostyle.study.stage_recording import Point, choose_image, write_stages  # noqa: E402
from audiostyle.weights.load import Weights  # noqa: E402
from audiostyle.weights.parameters import arrays_sha256  # noqa: E402
from audiostyle.weights.random_network import he_network  # noqa: E402

RATE = 22050
SECONDS = 0.3
# With this weight of style every term counts here, and the gradient tells of each (T24).
MEL = Settings(duration=SECONDS, rowac=True, colac=True, style_weight=20.0)
SPECTROGRAM = Settings(duration=SECONDS, representation="spectrogram", spec_zoom=3, rowac=True, style_weight=20.0)
# What is left out makes the file smaller: it is compared by what comes of it.
LEFT_OUT = (
    "content/samples", "style/samples", "style/bandpassed", "style/spectrogram", "mel_filter", "inversion/samples",
)  # fmt: skip
FROM_SPECTROGRAM = (
    "content/image", "content/rescaled", "style/tensor", "losses/", "gradient", "inversion/offsets",
)  # fmt: skip
# Left of a float64's 52 bits of mantissa: an error of 4e-12 at most in a number of 1 to 8.
KEPT_BITS = 40
PACKED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


def small_point(settings):
    """A random network of VGG-19's shape, its first filters divided as in the authors' recorded runs, at seed 1."""
    arrays = he_network(0)
    arrays[0] = arrays[0] / np.float32(32)
    weights = Weights(arrays, "random", arrays_sha256(arrays), None, False, ())
    return Point(weights, *choose_image(None, 1, settings))


def write_clip(path, seed, beat):
    """Notes and beats, with noise: something in every stage."""
    random = np.random.RandomState(seed)
    time = np.arange(round(RATE * SECONDS)) / RATE
    notes = random.choice([110, 147, 165, 220, 294, 440, 880], 4)
    tone = sum(np.sin(2 * np.pi * note * time + random.uniform(0, 6)) for note in notes)
    drum = random.standard_normal(len(time)) * np.exp(-40 * (time % beat))
    sound = tone * np.exp(-5 * (time % (2 * beat))) + drum + 1e-3 * random.standard_normal(len(time))
    wavfile.write(path, RATE, (sound / np.abs(sound).max() * 30000).astype(np.int16))


def rounded(values):
    """Float64 numbers with fewer bits, which gzip packs better."""
    if values.dtype != np.float64 or not values.ndim:
        return values
    bits = values.view(np.int64)
    half = 1 << (51 - KEPT_BITS)
    return ((bits + half) >> (52 - KEPT_BITS) << (52 - KEPT_BITS)).view(np.float64)


def main():
    clips = [FOLDER / "content.wav", FOLDER / "style.wav"]
    write_clip(clips[0], 1, 0.12)
    write_clip(clips[1], 2, 0.09)
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in (("mel", MEL), ("spectrogram", SPECTROGRAM)):
            whole = Path(folder) / f"{name}.h5"
            write_stages(str(whole), *map(str, clips), settings, small_point(settings))
            with h5py.File(whole) as source, h5py.File(FOLDER / f"{name}.h5", "w") as target:
                target.attrs.update(source.attrs)
                names = []
                source.visititems(lambda key, item, names=names: names.append(key) if hasattr(item, "shape") else None)
                for key in names:
                    if key in LEFT_OUT or (name == "spectrogram" and not key.startswith(FROM_SPECTROGRAM)):
                        continue
                    packed = PACKED if source[key].size > 64 else {}
                    dataset = target.create_dataset(key, data=rounded(source[key][()]), **packed)
                    dataset.attrs.update(source[key].attrs)
    for path in sorted(FOLDER.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
