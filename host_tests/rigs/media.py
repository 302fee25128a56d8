"""The far end of sealed pictures: a recipient's key, and what it opens."""

import cbor2

from firmware_agent.camera.sealed import open_sealed, public_key

PRIVATE = bytes(range(7, 39))
CAMERA = '[source.camera]\nkind = "pattern"'


KEYED = f'media_key = "{public_key(PRIVATE).hex()}"'


def keyed(endpoint):
    """The lines of an uplink, with a key that pictures to it are sealed to."""
    return f"{endpoint}\n{KEYED}"


def opened(payload, recipient="lightmake"):
    """The JPEG in a message that arrived."""
    _, _, purpose, (((_, sealed),),) = cbor2.loads(payload)
    return open_sealed(PRIVATE, f"{purpose} {recipient}", sealed)
