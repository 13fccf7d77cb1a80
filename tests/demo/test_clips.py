import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.demo import instruments
from audiostyle.demo.clips import TEMPI, make_clip, write_clips
from audiostyle.errors import InputError

RATE = 22050


@pytest.fixture(scope="module", params=["rock", "reggae"])
def clip(request):
    return request.param, make_clip(request.param, 10.0)


def beat_strength(kind, samples):
    """Mean onset strength (flux of the log mel spectrogram) on the beats and half way between them."""
    librosa = pytest.importorskip("librosa")
    strength = librosa.onset.onset_strength(y=samples, sr=RATE, hop_length=128)
    beat = 60 / TEMPI[kind]
    means = []
    for shift in (0.0, 0.5):
        # The first beat is left out: there is no rise to measure at the start of a file.
        times = np.arange(1 + shift, 9.0 / beat, 1.0) * beat
        frames = np.round(times * RATE / 128).astype(int)
        means.append(np.mean([strength[frame - 4 : frame + 9].max() for frame in frames]))
    return tuple(means)


def centroid(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(np.sum(np.fft.rfftfreq(len(samples), 1 / RATE) * power) / power.sum())


def test_tempo_is_found_by_a_beat_tracker(clip):
    librosa = pytest.importorskip("librosa")
    kind, samples = clip
    found = float(np.atleast_1d(librosa.beat.beat_track(y=samples, sr=RATE)[0])[0])
    octaves = np.log2(found / TEMPI[kind])
    assert abs(octaves - round(octaves)) < np.log2(1.04), f"{kind}: {found} per minute"


def test_rock_is_on_the_beat_and_reggae_off_it():
    on, off = beat_strength("rock", make_clip("rock", 10.0))
    assert on > 1.2 * off
    on, off = beat_strength("reggae", make_clip("reggae", 10.0))
    assert off > 1.2 * on


def test_rock_is_brighter():
    assert centroid(make_clip("rock", 10.0)) > 1.3 * centroid(make_clip("reggae", 10.0))


def test_reggae_has_holes_where_rock_is_a_wall():
    def above_1khz(samples):
        """Loudness of the part above 1 kHz in windows of 50 ms, the quietest tenth against the median, in dB."""
        high = instruments.shaped(samples, RATE, 1000, 10000)
        windows = high[: len(high) // 1102 * 1102].reshape(-1, 1102)
        levels = 10 * np.log10(np.mean(windows**2, axis=1) + 1e-12)
        return np.median(levels) - np.percentile(levels, 10)

    assert above_1khz(make_clip("reggae", 10.0)) > above_1khz(make_clip("rock", 10.0)) + 3


def test_level(clip):
    _, samples = clip
    assert samples.dtype == np.float64
    assert samples.shape == (220500,)
    assert np.abs(samples).max() == pytest.approx(0.9, abs=1e-9)
    assert np.mean(np.abs(samples) > 0.89) < 1e-3, "peaks are flat: it clips"
    loudness = np.sqrt(np.mean(samples.reshape(10, RATE) ** 2, axis=1))
    assert loudness.min() > 0.05, "a second is silent"
    assert abs(samples.mean()) < 1e-2


def test_same_arguments_same_samples(clip):
    kind, samples = clip
    np.testing.assert_array_equal(samples, make_clip(kind, 10.0))


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(["rock", "reggae"]), seconds=st.floats(0.2, 3.0), rate=st.integers(8000, 48000))
def test_any_length_and_rate(kind, seconds, rate):
    samples = make_clip(kind, seconds, rate)
    assert samples.shape == (round(seconds * rate),)
    assert np.all(np.isfinite(samples))
    assert np.abs(samples).max() == pytest.approx(0.9)


@pytest.mark.parametrize(("kind", "seconds"), [("polka", 1.0), ("rock", 0.1), ("rock", float("nan")), ("rock", 1e9)])
def test_bad_arguments(kind, seconds):
    with pytest.raises(InputError):
        make_clip(kind, seconds)


@pytest.mark.parametrize(
    "play",
    [
        instruments.kick,
        instruments.snare,
        instruments.rim_shot,
        instruments.hi_hat,
        instruments.crash,
        lambda rate, rng: instruments.melodica(72, 0.5, rate, rng),
        lambda rate, rng: instruments.power_chord(40, 0.5, rate),
        lambda rate, rng: instruments.power_chord(40, 0.5, rate, muted=True),
        lambda rate, rng: instruments.bass_guitar(28, 0.5, rate),
        lambda rate, rng: instruments.round_bass(33, 0.5, rate),
        lambda rate, rng: instruments.clean_chord((69, 72, 76), rate),
        lambda rate, rng: instruments.organ_chord((57, 60, 64), 0.2, rate),
    ],
)
def test_notes_end_in_silence_and_peak_near_one(play):
    note = play(RATE, np.random.default_rng(0))
    assert 0.2 < np.abs(note).max() < 2.0
    assert abs(note[-1]) < 1e-6


@pytest.mark.parametrize("note", [28, 40, 57, 69])
def test_notes_are_in_tune(note):
    for samples in (
        instruments.bass_guitar(note, 1.0, RATE),
        instruments.round_bass(note, 1.0, RATE),
        instruments.melodica(note, 1.0, RATE, np.random.default_rng(0)),
    ):
        # The autocorrelation's first high peak is the period.
        correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 4 * RATE)) ** 2)[:2000]
        period = RATE / (440 * 2 ** ((note - 69) / 12))
        low, high = int(0.7 * period), int(1.3 * period) + 2
        assert low + np.argmax(correlation[low:high]) == pytest.approx(period, abs=1.0)


def test_written_clips_are_the_samples(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    content, style = write_clips(tmp_path / "new" / "folder", 1.0)
    for path, kind in ((content, "rock"), (style, "reggae")):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
        samples, _ = soundfile.read(path)
        np.testing.assert_allclose(samples, make_clip(kind, 1.0), atol=1.5 / 32768)
    assert sorted(path.name for path in content.parent.iterdir()) == ["reggae.wav", "rock.wav"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_clips(tmp_path / "file" / "clips", 1.0)
