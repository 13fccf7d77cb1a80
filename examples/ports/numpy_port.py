"""Sound to image and back in numpy and scipy: a port of the audio half, written from docs/pipeline.md.

::

    python numpy_port.py content.wav style.wav -o mine.h5 --wav back.wav
    python -m audiostyle compare stages.h5 mine.h5

It needs numpy, scipy, h5py and soundfile, and nothing of this repository.  Every stage is computed for the
whole length of the clips, which have to be sampled at 22050 Hz, or their first ``--seconds``.  The network's
half is ``torch_port.py``.
"""

import argparse

import h5py
import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
import soundfile

RATE = 22050
WINDOW, HOP, BINS = 2048, 128, 1024
FLOOR = -4.0
MELS = 96
BGR_MEANS = np.array([104.0, 117.0, 123.0]).reshape(3, 1, 1)
SYNTHESES = 21
PIECE = WINDOW // 2  # what is used of each inverse transform
MATCHED = PIECE - HOP  # samples that a new piece shares with those before it


# Forwards: samples, spectrogram, mel, grey levels.


def load(path, seconds):
    """Samples ``(n,)`` of the first seconds, channels averaged, full scale 1."""
    samples, rate = soundfile.read(path, always_2d=True)
    if rate != RATE:
        raise SystemExit(f"{path} has {rate} samples per second; convert it to {RATE}.")
    return samples.mean(axis=1)[: round(seconds * RATE)]


def bandpassed(samples):
    """A Butterworth band-pass of order 1, once forwards."""
    edges = np.array([125.0, 10000.0]) / (RATE / 2)
    return scipy.signal.lfilter(*scipy.signal.butter(1, edges, btype="bandpass"), samples)


def symmetric_hamming(length):
    return scipy.signal.windows.hamming(length, sym=True)


def spectra(samples, count):
    """One-sided spectra ``(count, 1025)`` of frames that begin every 128 samples; past the end there are zeros."""
    centred = samples - samples.mean()
    missing = max(0, (count - 1) * HOP + WINDOW - len(centred))
    centred = np.pad(centred, (0, missing))
    starts = HOP * np.arange(count)
    frames = centred[starts[:, None] + np.arange(WINDOW)]
    return scipy.fft.rfft(frames * symmetric_hamming(WINDOW), axis=1)


def log_spectrogram(samples):
    """Powers of ten below the loudest ``(frames, 1024)``, not less than -4."""
    count = len(samples) // WINDOW * (WINDOW // HOP)
    magnitude = np.abs(spectra(samples, count)[:, :BINS])
    floor = 10**FLOOR
    return np.where(magnitude > floor * magnitude.max(), np.log10(np.fmax(magnitude / magnitude.max(), floor)), FLOOR)


def triangles():
    """The 96 mel filters ``(96, 1024)``, each with its peak at 1."""

    def to_mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)

    points = np.linspace(to_mel(125.0), to_mel(20000.0), MELS + 2)
    corners = np.floor((WINDOW + 1) * 700 * (10 ** (points / 2595) - 1) / (2 * RATE))
    filters = [np.interp(np.arange(BINS), corners[i : i + 3], [0, 1, 0]) for i in range(MELS)]
    return np.array(filters)


def mel_spectrogram(log_spec, filters):
    """Mel averages of the logarithms ``(96, columns)``, float32, half as many columns as frames less two."""
    shares = filters / filters.sum(axis=1, keepdims=True)
    mel = np.float32(shares @ log_spec.T)
    return scipy.ndimage.zoom(mel, (1, 1 / 2))[:, 1:-1]


def grey_levels(values):
    """Image uint8 and the pair of values that levels 0 and 256 stand for."""
    lowest, highest = values.min(), values.max()
    levels = 256 * ((values - lowest) / (highest - lowest))
    return np.uint8(np.int64(levels) & 255), (float(lowest), float(highest))


def network_input(grey):
    """Tensor ``(1, 3, rows, columns)``: blue, green and red less their means."""
    return np.float32(grey - BGR_MEANS)[np.newaxis]


# Spectrogram mode: bicubic resizing with black outside.


def keys(distance):
    """The cubic kernel with a = -1/2."""
    d = np.abs(distance)
    inner, outer = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.select([d <= 1, d < 2], [inner, outer], 0.0)


def resized(image, shape):
    """Resize ``(rows, columns)`` to a shape and clip it to the range it had."""
    result = image.astype(float)
    for axis in (0, 1):
        size, new = image.shape[axis], shape[axis]
        step, offset = size / new, (size / new - 1) / 2
        # For ten seconds these last bits decide eight pixels.
        if image.shape == (1712, BINS):
            step, offset = ((2 + 2.0**-51, 0.5 - 2.0**-41), (2 + 2.0**-50, 0.5 + 5 * 2.0**-44))[axis]
        weights = keys(step * np.arange(new)[:, None] + offset - np.arange(size))
        result = weights @ result if axis == 0 else result @ weights.T
    return result.clip(image.min(), image.max())


# Backwards: grey levels, mel, spectrogram, samples.


def values_of(tensor, value_range, kind):
    """Values of the red channel, stretched to a range."""
    lowest, highest = kind(value_range[0]), kind(value_range[1])
    red = np.float64(tensor[0, 2]) + 123
    return lowest + (highest - lowest) * kind(np.trunc(red.clip(0, 255))) / kind(256)


def spread_over_bins(mel, filters):
    """Log spectrogram ``(2 * columns, 1024)``, float32, of a mel spectrogram."""
    above = np.float32(filters.T @ (mel - np.float32(FLOOR)))
    return scipy.ndimage.zoom(above, (1, 2)).T + np.float32(FLOOR)


def inverse(log_spec):
    """All syntheses: the samples of each, and how far each frame but the first was slid."""
    magnitude = np.float64((10 ** np.float64(log_spec)).astype(log_spec.dtype))
    # Each bin and the one below it, at both ends the bin itself: negative frequencies that are one off.
    lower = np.hstack([magnitude[:, :1], magnitude])
    target = (lower + np.hstack([magnitude, magnitude[:, -1:]])) / 2
    least = 1e-8 * magnitude.max()
    count = len(magnitude)
    windows = np.zeros(count * HOP + PIECE)
    for start in range(0, count * HOP, HOP):
        windows[start : start + PIECE] += symmetric_hamming(PIECE)
    phases = np.ones_like(target)
    for _ in range(SYNTHESES):
        wave, slides = overlap_add(scipy.fft.irfft(target * phases, WINDOW, axis=1), len(windows))
        wave /= windows + 1e-6
        yield wave, slides
        estimate = spectra(wave, count)
        phases = estimate / np.maximum(np.abs(estimate), least)


def overlap_add(frames, length):
    """Add the middle of each frame, reversed in time, where it fits the sum so far."""
    window, total, slides = symmetric_hamming(PIECE), np.zeros(length), []
    middle = PIECE // 2 - 1
    for number, frame in enumerate(frames):
        backwards, start = frame[::-1], number * HOP
        if number:
            slides.append(best_slide(total[start : start + MATCHED], backwards[middle : middle + MATCHED]))
        begin = middle - (slides[-1] if slides else 0)
        total[start : start + PIECE] += window * backwards[begin : begin + PIECE]
    return total, np.array(slides)


def best_slide(done, piece):
    """The lag less one, of about half the overlap either way, at which two stretches correlate best."""
    done, piece = (np.float32(part - part.mean()) for part in (done, piece))
    products = np.correlate(done, piece, mode="full")
    half = MATCHED // 2
    return int(np.argmax(products[half : len(products) - half])) + half - MATCHED


def sixteen_bits(samples):
    """int16, its largest sample at full scale; +32768 wraps."""
    scaled = np.int32(32768 * (samples / np.abs(samples).max()))
    return scaled.astype(np.int16)


def clip_stages(path, seconds, spec, filters):
    """Every stage of one clip, by name."""
    found = {"samples": load(path, seconds)}
    found["bandpassed"] = bandpassed(found["samples"])
    found["spectrogram"] = log_spectrogram(found["bandpassed"])
    found["mel"] = mel_spectrogram(found["spectrogram"], filters)
    found["image"], found["range"] = grey_levels(found["spectrogram" if spec else "mel"])
    if spec:
        found["rescaled"] = resized(found["image"], (len(found["image"]) // 2, BINS // 2))
    found["tensor"] = network_input(found["rescaled" if spec else "image"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("-o", "--output", default="numpy_port.h5", help="stages file (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--spec", action="store_true", help="the image is the spectrogram, not mel")
    parser.add_argument("--wav", help="also write the content's image, made back into sound")
    options = parser.parse_args()
    filters = triangles()
    content, style = (clip_stages(path, options.seconds, options.spec, filters)
                      for path in (options.content, options.style))  # fmt: skip
    values = values_of(content["tensor"], content["range"], np.float64 if options.spec else np.float32)
    log_spec = resized(values, content["image"].shape) if options.spec else spread_over_bins(values, filters)
    waves, slides = zip(*inverse(log_spec), strict=True)
    again = log_spectrogram(waves[-1])[: len(log_spec)]
    back = {"spectrogram": log_spec, "offsets": slides, "wave_0": waves[0], "wave_1": waves[1], "samples": waves[-1],
            "spectral_error": np.abs(again - log_spec[: len(again)]).mean()}  # fmt: skip
    with h5py.File(options.output, "w") as file:
        file["mel_filter"] = (filters / filters.sum(axis=1, keepdims=True)).T
        file["mel_filter_inverse"] = filters
        for group, stages in {"content": content, "style": style, "inversion": back}.items():
            for name, value in stages.items():
                file[f"{group}/{name}"] = value
    if options.wav:
        soundfile.write(options.wav, sixteen_bits(waves[-1]), RATE)


if __name__ == "__main__":
    main()
