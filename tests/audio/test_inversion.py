"""The sliding inversion against the authors' numbers and against a slow, literal version of it."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.audio.inversion import _Matcher, _overlap_add, _weight, invert
from audiostyle.audio.quality import spectral_convergence
from audiostyle.audio.spectrogram import hamming, log_spectrogram, stft
from audiostyle.image import tensor_to_values
from audiostyle.settings import Settings

Golden = Callable[[str], Mapping[str, np.ndarray]]
SMALL = Settings(n_fft=256, hop_length=16, sample_rate=22050, duration=0.5)
TEXTBOOK = dataclasses.replace(
    SMALL, inversion_reversal=False, inversion_alignment=False, inversion_frame="whole", inversion_mirror="exact"
)


def literal_slide(done, frame):
    """One slide, straight from its definition: every lag, summed in float32, the outer ones struck out."""
    done = (done - done.mean()).astype("float32")
    frame = (frame - frame.mean()).astype("float32")
    lags = np.convolve(done, frame[::-1])
    half = len(frame) // 2
    lags[:half] = lags[-half:] = -1e30
    return int(lags.argmax()) - len(done)


def literal_invert(log_spec, hop, n_iter):
    """The released inversion written out with two-sided spectra and one frame at a time."""
    magnitudes = np.concatenate([10**log_spec, 10 ** log_spec[:, ::-1]], axis=1)
    count, size = len(log_spec), log_spec.shape[1]
    overlap = size - hop
    spectra, waves, slides = magnitudes + 0j, [], np.zeros((n_iter + 1, count - 1), dtype=int)
    for iteration in range(n_iter + 1):
        wave, weight = np.zeros(count * hop + size), np.zeros(count * hop + size)
        for i in range(count):
            frame = np.fft.ifft(spectra[i]).real[::-1]
            first = size // 2 - 1
            if i:
                slide = literal_slide(wave[i * hop : i * hop + overlap], frame[first : first + overlap])
                slides[iteration, i - 1] = slide
                first -= slide
            wave[i * hop : i * hop + size] += hamming(size) * frame[first : first + size]
            weight[i * hop : i * hop + size] += hamming(size)
        wave /= weight + 1e-6
        waves.append(wave)
        centred = np.concatenate([wave - wave.mean(), np.zeros(2 * size)])
        estimate = np.array([np.fft.fft(centred[i * hop :][: 2 * size] * hamming(2 * size)) for i in range(count)])
        spectra = magnitudes * estimate / np.maximum(magnitudes.max() / 1e8, abs(estimate))
    return waves, slides


def recorded(log_spec, settings):
    waves = []
    slides = []

    def keep(index, wave, offsets):
        assert index == len(waves)
        waves.append(wave.copy())
        slides.append(offsets)

    return invert(log_spec, settings, trace=keep), waves, np.array(slides)


def sounds(sample_rate, seconds):
    time = np.arange(round(sample_rate * seconds)) / sample_rate
    rs = np.random.RandomState(3)
    beats = np.exp(-30 * (time % 0.25)) * rs.standard_normal(len(time))
    chord = sum(np.sin(2 * np.pi * f * time + f) for f in (220, 277.18, 329.63, 880))
    return {
        "noise": rs.standard_normal(len(time)),
        "tone": np.sin(2 * np.pi * 440 * time),
        "low tone": np.sin(2 * np.pi * 130.81 * time),
        "chirp": np.sin(2 * np.pi * (200 + 1500 * time / seconds) * time),
        "music": 0.3 * chord * (1 + np.sin(2 * np.pi * 2 * time)) + beats,
        "clicks": (np.arange(len(time)) % 2756 == 0).astype(float),
        "half silent": np.where(time < seconds / 2, 0, chord),
    }


@pytest.mark.parametrize("mode", ["mel", "spec"])
def test_golden_inversion(golden, mode):
    expected = golden(f"inversion_{mode}.npz")
    settings = Settings(representation="mel" if mode == "mel" else "spectrogram")
    log_spec = expected["specOut"]
    if mode == "spec":  # recorded in float32 only; the float64 one is made from the recorded tensor
        tensor = golden("images.npz")["content_tensor_spec"]
        log_spec = tensor_to_values(tensor, {"content": (-4.0, 0.0)}, settings)
        np.testing.assert_allclose(log_spec, expected["specOut"], atol=1e-5)
    done = []
    samples = invert(log_spec, settings, progress=lambda i, n: done.append((i, n)))
    assert done == [(i, 21) for i in range(1, 22)]
    result, waves, slides = recorded(log_spec, dataclasses.replace(settings, inversion_iterations=4))
    assert len(samples) == len(expected["samples"]) == {"mel": 219648, "spec": 220160}[mode]
    np.testing.assert_array_equal(slides[:4], expected["offsets"][:4])
    for index in (0, 1):
        scale = np.abs(expected[f"wave_iter{index}"]).max()
        np.testing.assert_allclose(waves[index], expected[f"wave_iter{index}"], rtol=0, atol=1e-6 * scale)
    norms = [np.linalg.norm(wave) for wave in waves[:4]]
    np.testing.assert_allclose(norms, expected["wave_norms"][:4], rtol=1e-6)
    assert np.array_equal(result, waves[-1])

    def error(wave):
        made = log_spectrogram(wave, settings)
        common = min(len(made), len(log_spec))
        return float(np.abs(made[:common] - log_spec[:common]).mean())

    assert error(samples) == pytest.approx(error(expected["samples"]), rel=0.01)


@pytest.mark.parametrize("name", sounds(22050, 0.1))
@pytest.mark.parametrize("floor", [-4.0, -2.0])
def test_agrees_with_the_literal_inversion(name, floor):
    settings = dataclasses.replace(SMALL, inversion_iterations=3, log_floor=floor)
    log_spec = log_spectrogram(sounds(22050, 0.5)[name], settings)
    waves, slides = literal_invert(log_spec, settings.hop_length, 3)
    result, fast_waves, fast_slides = recorded(log_spec, settings)
    np.testing.assert_array_equal(fast_slides, slides)
    for wave, fast_wave in zip(waves, fast_waves, strict=True):
        np.testing.assert_allclose(fast_wave, wave, rtol=0, atol=1e-6 * np.abs(wave).max())
    assert np.array_equal(result, fast_waves[-1])


def test_agrees_with_the_literal_inversion_at_the_released_size():
    settings = Settings(inversion_iterations=3)
    log_spec = log_spectrogram(sounds(22050, 1.2)["music"], settings).astype(np.float32)
    _, slides = literal_invert(log_spec, settings.hop_length, 3)
    np.testing.assert_array_equal(recorded(log_spec, settings)[2], slides)


@given(
    length=st.sampled_from([1, 2, 3, 7, 16, 57, 120]),
    seed=st.integers(0, 2**31),
    period=st.sampled_from([0, 1, 2, 5, 8]),
    levels=st.sampled_from([2, 5, 1000000]),
)
@example(length=7, seed=25088, period=0, levels=5)  # numpy adds up to eleven products in another order
def test_every_slide_is_the_literal_one(length, seed, period, levels):
    # Few levels and short periods make many lags exactly equal, so the order of summing decides.
    rs = np.random.RandomState(seed)
    rows = rs.randint(0, levels, (6, length)) / 7.0
    if period:
        rows = np.ascontiguousarray(rows[:, np.arange(length) % min(period, length)])
    matcher = _Matcher(rows, SMALL)
    for index, row in enumerate(rows):
        done = rows[index - 1] if seed % 2 else rs.randint(0, levels, length) / 3.0
        assert matcher.offset(done, index) == literal_slide(done, row)


def synthesise(spectra, settings):
    return _overlap_add(lambda rows: np.fft.irfft(spectra[rows]), _weight(len(spectra), settings), settings)


def test_true_phases_need_no_reversal_and_no_sliding():
    """T11: with the true spectrum the released synthesis ruins the sound, and without its two faults it does not."""
    settings = dataclasses.replace(Settings(), inversion_mirror="exact")
    sound = sounds(22050, 1.5)["music"]
    spectra = stft(sound, settings, 200)

    def correlation(changes):
        wave, _ = synthesise(spectra, dataclasses.replace(settings, **changes))
        # The middle of frame i, samples i * hop + 511 onwards, is put at i * hop.
        made, wanted = wave[1000:20000], sound[1511:20511]
        return float(np.corrcoef(made, wanted)[0, 1])

    assert correlation({"inversion_reversal": False, "inversion_alignment": False}) > 0.9999999
    assert abs(correlation({})) < 0.4
    assert abs(correlation({"inversion_alignment": False})) < 0.4


def test_whole_frames_need_no_shift():
    sound = sounds(22050, 0.5)["music"]
    wave, slides = synthesise(stft(sound, TEXTBOOK, 500), TEXTBOOK)
    assert not slides.any()
    assert np.corrcoef(wave[300:7000], sound[300:7000])[0, 1] > 0.9999999


def test_textbook_settings_come_nearer_than_the_released_ones():
    sound = sounds(22050, 0.5)["music"]
    log_spec = log_spectrogram(sound, SMALL)
    released = spectral_convergence(log_spec, invert(log_spec, SMALL), SMALL)
    textbook = spectral_convergence(log_spec, invert(log_spec, TEXTBOOK), SMALL)
    assert 20 * np.log10(released / textbook) > 6


def test_exact_mirror_is_the_two_sided_inverse_with_conjugate_bins():
    rs = np.random.RandomState(0)
    settings = dataclasses.replace(TEXTBOOK, inversion_iterations=0)
    log_spec = rs.uniform(-3, 0, (3, 128))
    two_sided = np.zeros((3, 256))
    two_sided[:, :128] = 10**log_spec
    two_sided[:, 129:] = 10 ** log_spec[:, :0:-1]
    frames = np.fft.ifft(two_sided).real
    wave, weight = np.zeros(3 * 16 + 256), np.full(3 * 16 + 256, 1e-6)
    for index, frame in enumerate(frames):
        wave[index * 16 : index * 16 + 256] += hamming(256) * frame
        weight[index * 16 : index * 16 + 256] += hamming(256)
    np.testing.assert_allclose(invert(log_spec, settings), wave / weight, atol=1e-12)


def test_sliding_of_whole_frames_goes_round():
    """A frame that is a turned-round copy of the sum so far is turned back."""
    settings = dataclasses.replace(TEXTBOOK, inversion_alignment=True, hop_length=64)
    row = np.random.RandomState(5).standard_normal(256)
    later = np.roll(row, -64)
    spectra = np.fft.rfft(np.stack([row, np.roll(later, 20)]))
    _, slides = synthesise(spectra, settings)
    # The authors subtract the length, where a lag counts from the length less one.
    assert slides[0] == -21


def test_silent_floor_gives_silence_where_the_spectrogram_is_at_its_floor():
    log_spec = np.full((40, 128), -4.0)
    log_spec[:8, 20] = 0.0
    kept = invert(log_spec, TEXTBOOK)
    silent = invert(log_spec, dataclasses.replace(TEXTBOOK, inversion_floor="silent"))
    assert np.abs(kept[400:]).max() > 0
    assert np.abs(silent[400:]).max() == 0
    assert np.abs(silent[:300]).max() > 0


@pytest.mark.parametrize("inversion", ["released", "griffinlim"])
def test_all_silent_spectrogram_gives_finite_silence(inversion):
    settings = dataclasses.replace(SMALL, inversion_floor="silent", inversion=inversion, inversion_iterations=2)
    assert not invert(np.full((20, 128), -4.0), settings).any()


def test_number_of_threads_changes_nothing():
    log_spec = log_spectrogram(sounds(22050, 0.5)["music"], SMALL)
    one, many = (invert(log_spec, dataclasses.replace(SMALL, threads=threads)) for threads in (1, 8))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("hop", [16, 31, 127, 128])
def test_any_hop_gives_the_promised_length(hop):
    settings = dataclasses.replace(SMALL, hop_length=hop, inversion_iterations=2)
    log_spec = np.random.RandomState(1).uniform(-4, 0, (17, 128))
    wave, waves, slides = recorded(log_spec, settings)
    assert wave.shape == (17 * hop + 128,)
    assert slides.shape == (3, 16)
    assert np.isfinite(waves).all()


@given(frames=st.integers(1, 40), seed=st.integers(0, 1000))
@hypothesis_settings(deadline=None, max_examples=20)
def test_any_number_of_frames_can_be_inverted(frames, seed):
    log_spec = np.random.RandomState(seed).uniform(-4, 0, (frames, 128))
    before = log_spec.copy()
    wave = invert(log_spec, dataclasses.replace(SMALL, inversion_iterations=1))
    assert wave.shape == (frames * 16 + 128,)
    assert np.isfinite(wave).all()
    np.testing.assert_array_equal(log_spec, before)
