"""What the agent says of the device itself, beside what a source says of it.

`printer` is a constant, and no serial number: all that tells one printer from another is the secret from which the gate
makes its pseudonym (L11). What a source calls so counts for nothing.
"""

from collections.abc import Collection

from firmware_agent.model import Record

OFFERS = ("printer",)


def marked(record: Record, declared: Collection[str]) -> Record:
    """`record` with what is declared of this; a record in which nothing else is declared is never worth it."""
    own = {name: name for name in OFFERS if name in declared}
    return Record({**record.fields, **own}, record.at) if own else record
