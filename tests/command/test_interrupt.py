"""Signals end a program with an exception that nothing can drop, or let a run end by itself."""

import contextlib
import os
import signal
import sys
import time
import weakref

import pytest

from audiostyle.command.interrupt import graceful_signals
from audiostyle.errors import Interrupted


@pytest.fixture(autouse=True)
def heeded():
    """Whoever runs the tests may ignore these signals, as a shell does for a job in the background."""
    numbers = signal.SIGHUP, signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


def wait():
    time.sleep(10)
    raise AssertionError("nothing came")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program(number, status):
    before = [signal.getsignal(one) for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with pytest.raises(Interrupted) as error, graceful_signals():  # noqa: PT012
        send(number)
        wait()
    assert error.value.exit_status == status
    assert before == [signal.getsignal(one) for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


class Thing:
    """Something that a weak reference can be made to."""


def in_a_weak_reference_s_callback():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: send(signal.SIGTERM))
    del thing
    assert reference() is None


def in_a_finaliser():
    class Last:
        def __del__(self):
            send(signal.SIGTERM)

    Last()


def where_everything_is_caught():
    with contextlib.suppress(BaseException):
        send(signal.SIGTERM)
        wait()


@pytest.mark.parametrize(
    "place", [in_a_weak_reference_s_callback, in_a_finaliser, where_everything_is_caught], ids=lambda one: one.__name__
)
def test_what_is_dropped_is_raised_again(place, capfd):
    with pytest.raises(Interrupted) as error, graceful_signals():  # noqa: PT012
        place()
        wait()
    assert error.value.exit_status == 143
    assert capfd.readouterr().err == ""


def test_tidying_up_is_not_disturbed():
    tidied = False
    with pytest.raises(Interrupted), graceful_signals():  # noqa: PT012
        try:
            send(signal.SIGTERM)
            wait()
        finally:
            time.sleep(0.7)  # longer than the timer waits
            tidied = True
    assert tidied


def test_other_dropped_exceptions_are_still_reported(monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: heard.append(unraisable.exc_type))

    class Bad:
        def __del__(self):
            raise ValueError("bad")

    with graceful_signals():
        Bad()
    assert heard == [ValueError]


def test_what_is_to_be_ignored_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with graceful_signals():
            send(signal.SIGHUP)
            time.sleep(0.1)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_patient_run_is_asked_first(capfd):
    with pytest.raises(Interrupted) as error, graceful_signals() as interruption:  # noqa: PT012
        interruption.patient = True
        send(signal.SIGTERM)
        time.sleep(0.5)
        assert interruption.signal == signal.SIGTERM
        said = capfd.readouterr().err
        send(signal.SIGINT)
        wait()
    assert error.value.exit_status == 130
    assert said.strip().startswith("audiostyle: The run stops after this evaluation")
    assert said.endswith("Ctrl-C once more ends the program at once.\n")
