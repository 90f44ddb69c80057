"""The clock can be set for a block of code, and for nobody else."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ohmycoins.core import clock as system_clock
from ohmycoins.core import outbox

THEN = datetime(2025, 6, 1, tzinfo=UTC)


def test_time_is_the_replayed_one_within_and_goes_on_after() -> None:
    before = system_clock.now()
    with system_clock.at(THEN):
        assert (system_clock.now(), system_clock.is_replayed()) == (THEN, True)
        with system_clock.at(THEN + timedelta(days=1)):
            assert system_clock.now() == THEN + timedelta(days=1)
        assert system_clock.now() == THEN
    assert system_clock.now() >= before
    assert not system_clock.is_replayed()


def test_time_goes_on_after_a_failure() -> None:
    with pytest.raises(KeyError), system_clock.at(THEN):
        raise KeyError
    assert not system_clock.is_replayed()


def test_other_threads_keep_their_time() -> None:
    seen: list[bool] = []
    with system_clock.at(THEN):
        other = threading.Thread(target=lambda: seen.append(system_clock.is_replayed()))
        other.start()
        other.join()
    assert seen == [False]


def test_replayed_history_nudges_nobody(db: None, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as nudges, system_clock.at(THEN):
        outbox.nudge("trading.execute", 1)
    assert nudges == []
    with django_capture_on_commit_callbacks() as nudges:
        outbox.nudge("trading.execute", 1)
    assert len(nudges) == 1
