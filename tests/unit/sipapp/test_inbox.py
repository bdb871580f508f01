"""What other threads ask of the event loop's: done in order, and one that fails stops none."""

import logging

import pytest

from voice_sipapp.inbox import Inbox


def test_all_is_done_in_order_and_one_that_fails_stops_none(caplog: pytest.LogCaptureFixture):
    inbox, done = Inbox(), []

    def fails() -> None:
        raise RuntimeError("broken")

    inbox.submit(lambda: done.append(1))
    inbox.submit(fails)
    inbox.submit(lambda: inbox.submit(lambda: done.append(3)))
    inbox.submit(lambda: done.append(2))
    with caplog.at_level(logging.ERROR):
        inbox.work()
    assert done == [1, 2, 3]
    assert "could not be done" in caplog.text
