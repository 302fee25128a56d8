"""What main hears of a camera: news at once, and every few seconds that its process still runs."""

import random

from firmware_agent import jpeg
from firmware_agent.camera import markers
from firmware_agent.camera.feed import Feed
from firmware_agent.camera.keeper import HUNG


class Quiet:
    """Implements Source: covered, and never a picture."""

    fd = -1
    camera = None

    def covered(self):
        return True


class Told:
    def __init__(self):
        self.at = []
        self.now = 0.0

    def put(self, *_):
        self.at.append(self.now)


def test_ok__both_ways_to_look_for_a_marker_find_the_same():
    dice = random.Random(7)
    found = 0
    for _ in range(3000):
        data = bytes(dice.choice((0xFF, 0xFF, 0, 0, 0xD0, 7)) for _ in range(dice.randrange(9)))
        for at in range(len(data) + 1):
            assert jpeg.next_marker(data, at) == markers.next_marker(data, at)
            found += markers.next_marker(data, at) >= 0
    assert found > 1000


def test_ok__a_camera_that_gives_nothing_is_told_of_more_often_than_main_waits():
    told = Told()
    feed = Feed(Quiet(), told, None, 30, False)
    for half in range(80):
        told.now = 100.0 + half / 2
        feed.sweep(told.now)
    pauses = [later - before for before, later in zip(told.at, told.at[1:], strict=False)]
    assert told.at[0] == 100.0 and told.at[-1] >= 135.0
    assert pauses == [5.0] * len(pauses) and max(pauses) < HUNG / 2
