"""Plays the maker's end: prints every message that arrives, strictly decoded."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import words


def listen(port: int, profile: Path, announce: int) -> None:
    """Until the broker goes away; writes a byte to the descriptor `announce` when it hears."""
    catalogue = Catalogue(profile.read_bytes())
    client = mqtt.Client(CallbackAPIVersion.VERSION2)

    def ready(*_: Any) -> None:
        with contextlib.suppress(OSError):  # said once, then closed
            os.write(announce, b"1")
            os.close(announce)

    def subscribe(*_: Any) -> None:
        for name, row in catalogue.recipients.items():
            if not catalogue.local(name):
                client.subscribe(row["topic"], qos=1)

    def arrived(_: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        data = bytes(message.payload)
        for event in words.payload(data, catalogue):
            print(f"          at the maker   {cbor.decode(data)[2]}: {', '.join(event)}", flush=True)

    client.on_connect = subscribe
    client.on_message = arrived
    client.on_subscribe = ready
    client.connect("127.0.0.1", port)
    client.loop_forever(retry_first_connection=False)


if __name__ == "__main__":
    listen(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
