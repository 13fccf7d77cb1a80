"""Fetching, from a server of our own that breaks off, lies or keeps silent."""

import contextlib
import hashlib
import http.server
import signal
import threading

import pytest
from golden_weights import imagenet_raw, imagenet_weights

from audiostyle.command.obtain import fetch_weights
from audiostyle.errors import RunError
from audiostyle.weights.fetch import KERAS_MD5, KERAS_NAME, KERAS_URLS, download
from audiostyle.weights.load import inspect_weights

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server():
    """A server whose answer depends on the address, and which counts its visitors."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content = CONTENT
        visits = []  # noqa: RUF012
        silence = threading.Event()

        def do_GET(self):
            self.visits.append(self.path)
            if self.path == "/missing":
                self.send_error(404)
                return
            body = b"<html>Please log in</html>" if self.path == "/page" else self.content
            if self.path == "/interrupted":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # wakes a read that waits
                self.silence.wait(20)
                return
            if self.path in ("/slow", "/slow-header"):
                start = b"HTTP/1.0 200 OK\r\nX-Patience: " + (b"" if "header" in self.path else b"\r\n\r\n")
                with contextlib.suppress(OSError):
                    for byte in start + b"x" * 1000:
                        self.wfile.write(bytes([byte]))
                        self.silence.wait(0.05)
                return
            if self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(self.content)
                return
            if self.path == "/silent":
                self.silence.wait(20)
                return
            broken = self.path == "/broken" or (self.path == "/broken-once" and len(self.visits) == 1)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if broken else body)

        def log_message(self, *arguments):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    running.handler = Handler
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    yield running
    Handler.silence.set()
    running.shutdown()
    running.server_close()
    thread.join()


def test_the_file_is_fetched_once(server, tmp_path, capsys):
    for _ in range(2):
        path = download(tmp_path, [f"{server.url}/file"], MD5)
        assert path == tmp_path / KERAS_NAME
        assert path.read_bytes() == CONTENT
    assert server.handler.visits == ["/file"]
    assert capsys.readouterr().err == ""


def test_a_damaged_file_is_fetched_anew(server, tmp_path):
    (tmp_path / KERAS_NAME).write_bytes(CONTENT[:-1])
    assert download(tmp_path, [f"{server.url}/file"], MD5).read_bytes() == CONTENT


def test_the_folder_is_made(server, tmp_path):
    assert download(tmp_path / "new", [f"{server.url}/file"], MD5).exists()


def test_the_second_address_helps(server, tmp_path):
    addresses = [f"{server.url}/missing", f"{server.url}/page", f"{server.url}/file"]
    assert download(tmp_path, addresses, MD5).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("missing", "answers 404"),
        ("page", "gave another file, perhaps the page of a proxy"),
        ("broken", "broke off"),
        ("silent", "does not answer"),
    ],
)
def test_failure_is_one_sentence_and_leaves_nothing(place, expected, server, tmp_path):
    with pytest.raises(RunError, match=expected) as caught:
        download(tmp_path, [f"{server.url}/{place}"], MD5, silence=0.5)
    text = str(caught.value)
    # Three ways to get weights by hand.
    assert server.url in text
    assert "weights convert" in text
    assert "MatConvNet" in text
    assert "--weights random" in text
    assert text.count(". ") == 0
    assert list(tmp_path.iterdir()) == []


def test_after_an_interruption_it_begins_anew(server, tmp_path):
    with pytest.raises(RunError):
        download(tmp_path, [f"{server.url}/broken-once"], MD5)
    assert download(tmp_path, [f"{server.url}/broken-once"], MD5).read_bytes() == CONTENT


def test_ctrl_c_leaves_nothing(server, tmp_path):
    # A shell's background jobs ignore SIGINT, and so would this one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            download(tmp_path, [f"{server.url}/interrupted"], MD5, silence=5)
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []


def test_offline_is_said(tmp_path):
    # A port that nobody listens on, and a name that does not exist.
    with pytest.raises(RunError, match="cannot be reached"):
        download(tmp_path, ["http://127.0.0.1:9/x", "http://nowhere.invalid/x"], MD5)


def test_a_full_disk_is_said(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="could not be written"):
        download(tmp_path / "file", [f"{server.url}/file"], MD5)


def test_the_real_addresses_are_the_published_ones():
    assert KERAS_MD5 == "253f8cb515780f3b799900260a226db6"
    assert all(url.startswith("https://") and url.endswith(KERAS_NAME) for url in KERAS_URLS)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("endless", "sends far more than the file"),
        ("slow", r"takes longer than 1\.5 s"),
        ("slow-header", r"takes longer than 1\.5 s"),
    ],
)
def test_a_server_without_end_is_left(place, expected, server, tmp_path):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(RunError, match=expected):
        download(tmp_path, [f"{server.url}/{place}"], MD5, seconds=1.5, most=2**20)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_is_fetched_is_normalised(server, tmp_path, writers, shared, capsys):
    writers["keras"](tmp_path / "keras", imagenet_raw(shared))
    server.handler.content = (tmp_path / "keras").read_bytes()
    md5 = hashlib.md5(server.handler.content).hexdigest()
    output = tmp_path / "vgg19_normalized.pkl"
    fetch_weights(output, get=lambda folder: download(folder, [f"{server.url}/file"], md5))
    weights = inspect_weights(output)
    assert weights.normalised
    expected = imagenet_weights(shared)
    assert all((left == right).all() for left, right in zip(weights.arrays, expected, strict=True))
    assert "Fetching" in capsys.readouterr().err
