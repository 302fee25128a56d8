"""A clock that never goes back."""

import pytest

from firmware_agent.clock import SETTLE, Clock
from firmware_agent.consent.slots import SlotPair
from host_tests.fakes import KEY, NOW, MemoryStorage

DAY = 86400


class Times:
    """A wall clock and ticks that the test moves."""

    def __init__(self, wall=NOW, storage=None):
        self.wall = wall
        self.passed = 0.0
        self.storage = storage or MemoryStorage()
        self.start()

    def start(self):
        self.passed = 0.0
        self.clock = Clock(SlotPair(self.storage, "time", KEY), lambda: self.wall, lambda: self.passed)

    def wait(self, seconds):
        self.passed += seconds
        if self.wall is not None:
            self.wall += seconds
        self.clock.keep()


def test_ok__it_follows_the_wall():
    times = Times()
    times.wait(3600)
    assert times.clock.now() == times.clock.latest() == NOW + 3600


@pytest.mark.attack(3)
def test_fail__set_back_it_is_not_believed_even_after_a_restart():
    times = Times()
    times.wait(3600)
    for wall in (0, NOW - DAY, NOW + 3000):
        times.wall = wall
        times.start()
        assert times.clock.now() is None
        assert times.clock.latest() >= NOW + 3600
    times.wall = NOW + 7200
    assert times.clock.now() == NOW + 7200


def test_ok__a_small_correction_is_believed():
    times = Times()
    times.wait(3600)
    times.wall -= 60
    assert times.clock.now() == NOW + 3540 and times.clock.latest() == NOW + 3600


@pytest.mark.attack(4)
def test_ok__without_a_clock_time_still_passes():
    times = Times()
    times.wait(3600)
    times.wall = None
    times.start()
    assert times.clock.now() is None and times.clock.latest() == NOW + 3600
    times.wait(DAY)
    assert times.clock.latest() == NOW + 3600 + DAY
    times.start()
    assert times.clock.latest() == NOW + 3600 + DAY
    assert Times(None).clock.latest() == 0


def test_ok__a_leap_forward_counts_for_deletion_only_when_it_lasts():
    times = Times()
    times.wait(10)
    times.wall += 1000 * DAY
    assert times.clock.now() == NOW + 10 + 1000 * DAY  # a consent with an end is over at once
    times.wait(SETTLE - 1)
    assert times.clock.latest() < NOW + DAY
    times.wall -= 1000 * DAY  # a spike
    times.wait(SETTLE)
    assert times.clock.latest() < NOW + DAY and times.clock.now() is not None
    times.wall += 1000 * DAY
    times.wait(1)
    times.wait(SETTLE)
    assert times.clock.latest() > NOW + 1000 * DAY


def test_ok__it_writes_seldom():
    times = Times()
    times.storage.history = []
    for _ in range(3600):
        times.wait(1)
    assert len(times.storage.history) in (6, 7)


def test_ok__a_leap_must_last_as_one_leap():
    times = Times()
    times.wait(10)
    for shift in (2000, -9 * DAY, 300 * DAY, None, 500 * DAY, 2000, 700 * DAY):
        times.wall = None if shift is None else NOW + 10 + shift
        for _ in range(int(SETTLE) // 20):
            times.wait(10)
        assert times.clock.latest() < NOW + DAY, shift
    times.wait(SETTLE)
    assert times.clock.latest() > NOW + 700 * DAY


@pytest.mark.attack(3)
def test_fail__set_back_again_and_again_by_little():
    times = Times()
    times.wait(3600)
    for _ in range(100):
        times.passed += 1800
        times.wall += 1800 - 290  # each time by less than what is believed
        times.clock.now()
    assert times.clock.now() is None


def test_fail__a_clock_beyond_the_century_was_never_set():
    times = Times()
    times.wait(10)
    before = times.clock.latest()
    times.wall = 2**32 + 5
    for _ in range(9):
        times.wait(60)
    assert times.clock.now() is None and times.clock.latest() < before + 600
