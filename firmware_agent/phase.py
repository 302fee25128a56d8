"""When a device tells its first event of an epoch.

All pseudonyms change at the same moment. A device that went on in its rhythm would tell by the beat of its messages
which number was its own before: so it begins at a moment that has nothing to do with the ones before (L11).
"""


def pause(since: float, every: float, chance: float) -> float:
    """Seconds from now to the first event of an epoch that began `since` seconds ago; 0 if that is over.

    every: seconds between two events at least. chance: 0 to 1, random. The event comes between one and two times
    `every` after the epoch began, wherever in its rhythm the device was then.
    """
    return max(0.0, every * (1 + chance) - since)
