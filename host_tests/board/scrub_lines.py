"""Prints, for each line of the file `lines`, what the scrubber's rules find in it."""

import gc

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.lines import Lines

gc.threshold(4096)  # as a board's main.py does: collect often, or the small heap is shredded
lines = Lines()
with open("lines") as file:
    for text in file:
        line = text[:-1]
        print([tuple(one) for one in lines.spans(line, fold(line), True)])
