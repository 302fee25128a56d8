"""A line to a printer that reports over MQTT 3.1.1 on TLS: it hears one topic, and can ask one thing.

What is ever sent, in this order: CONNECT (a random client id, user name and access code), SUBSCRIBE to
device/SERIAL/report, PUSHALL to device/SERIAL/request whenever `ask` is called, PINGREQ. `_Pipe` lets nothing else
through, whatever anybody calls. Not one byte of it goes to a server whose certificate is not the known one (pinned.py).

paho speaks MQTT here as it does at the door, yet on a connection that asyncio holds: no thread, no socket of its own.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.frames import body, cut
from firmware_agent.telemetry.line import held
from firmware_agent.telemetry.pinned import connected

PUSHALL = b'{"pushing": {"sequence_id": "0", "command": "pushall"}}'
TURN = 10  # packets that are looked at in one go
_KEEPALIVE = 60  # s
_CHUNK = 1 << 16  # bytes that are read at once
_SAID = (b"\x10", b"\x82", b"\xc0")  # CONNECT, SUBSCRIBE, PINGREQ
_CONNECT, _WILL = b"\x10", 0x3C  # where it asks the broker to publish in its name
_DONE = (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_CONN_REFUSED)  # of a packet; the latter is an answer, too
_CODE_REFUSED = (134, 135)  # how paho numbers 4 and 5 of MQTT 3.1.1: wrong password, not authorised
_CODE = "the access code is refused; read it on the printer's screen and put it into `code_file`"
_BUSY = "it refuses to be read; see whether its LAN access is on, and whether too many programs read it"
_UNASKED = "it sends what nobody asked for; see whether the address is right"


@dataclass(frozen=True)
class Place:
    """Where a printer listens. fingerprint: SHA-256 of its certificate (DER), b"" if nobody has told it yet."""

    host: str
    port: int
    fingerprint: bytes
    serial: str

    @property
    def where(self) -> str:
        return "%s:%d" % (self.host, self.port)

    def topic(self, kind: str) -> str:
        return "device/%s/%s" % (self.serial, kind)


@contextlib.asynccontextmanager
async def line(place: Place, code: str, patience: float = 10.0) -> AsyncIterator["Line"]:
    """A line that hears, within the block. code: the access code. patience: s for each step of connecting.

    SourceError: what is wrong and what to do; it holds neither the code nor anything that the other side said, save
    the digest of a certificate that is not the known one.
    """
    reader, writer = await connected(place.host, place.port, place.fingerprint, patience)
    try:
        made = Line(place, code, reader, writer)
        await made.begin(patience)
        yield made
    finally:
        writer.transport.abort()


class _Pipe:
    """What paho gets for a socket: the bytes of whole packets to read, and a way out for those of the closed list."""

    def __init__(self, writer: asyncio.StreamWriter, topic: str) -> None:
        self.inbox = bytearray()
        self.closed = False
        self._writer = writer
        self._ask = len(topic).to_bytes(2, "big") + topic.encode() + PUSHALL

    def recv(self, size: int) -> bytes:
        if not self.inbox:
            raise BlockingIOError
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        return data

    def send(self, data: bytes) -> int:
        said = body(data)
        known = said is not None and (said == self._ask if data[:1] == b"\x30" else data[:1] in _SAID)
        if said is None or not known or (data[:1] == _CONNECT and (len(said) < 10 or said[7] & _WILL)):
            raise PermissionError("nothing but the closed list is sent to a printer")
        self._writer.write(data)
        return len(data)

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def close(self) -> None:
        self.closed = True


class _OnPipe(mqtt.Client):
    """paho on a pipe; this is its one place that would make a socket."""

    pipe: _Pipe

    def _create_socket(self) -> Any:
        return self.pipe


class Line:
    """Made by `line`."""

    def __init__(self, place: Place, code: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._heard: deque[tuple[str, bytes]] = deque()
        self._answers: list[Any] = []  # to CONNECT, then to SUBSCRIBE
        client = _OnPipe(
            CallbackAPIVersion.VERSION2, secrets.token_hex(8), protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        self._pipe = client.pipe = _Pipe(writer, place.topic("request"))
        client.username_pw_set("bblp", code)  # the one user of every printer
        client.on_connect = lambda _client, _data, _flags, reason, _more: self._answers.append(reason)
        client.on_subscribe = lambda _client, _data, _mid, reasons, _more: self._answers.extend(reasons)
        client.on_message = lambda _client, _data, message: self._heard.append((message.topic, bytes(message.payload)))
        self._client = client

    async def begin(self, patience: float) -> None:
        """Log in, and listen; SourceError."""
        self._client.connect_async(self._place.host, self._place.port, _KEEPALIVE)
        self._client.reconnect()
        reason = await self._answer(patience, "compare the access code on its screen with `code_file`")
        if reason.is_failure:
            refused = reason.value in _CODE_REFUSED
            raise self._wrong(_CODE if refused else _BUSY, "key" if refused else "full")
        self._client.subscribe(self._place.topic("report"), 0)
        if (await self._answer(patience, "compare the serial number on it with `serial_file`")).is_failure:
            raise self._wrong("it does not let us listen; compare the serial number on it with `serial_file`", "setup")

    def ask(self) -> None:
        """Ask for a report of everything. There is nothing else to ask."""
        self._client.publish(self._place.topic("request"), PUSHALL)

    async def hear(self, seconds: float) -> list[bytes]:
        """Reports that have come, oldest first, TURN at most; [] after so many seconds without any. SourceError: the
        connection ended, or what came is no MQTT that anybody asked for."""
        if not self._heard and not self._packets() and await self._more(seconds):
            self._packets()
        self._client.loop_misc()  # a sign of life, if it is time for one
        if self._pipe.closed:
            raise self._wrong("the printer does not answer any more; see whether it is on", "silent")
        found = [payload for topic, payload in self._heard if topic == self._place.topic("report")]
        if len(found) < len(self._heard) or self._answers:
            raise self._wrong(_UNASKED, "strange")
        self._heard.clear()
        return found

    async def pause(self, seconds: float) -> None:
        """Take nothing for so long: what comes meanwhile lies in the kernel, and wakes nobody."""
        with held(self._writer.transport):
            await asyncio.sleep(seconds)

    async def _answer(self, patience: float, todo: str) -> Any:
        try:
            async with asyncio.timeout(patience):
                while not self._answers:
                    if not self._packets():
                        await self._more(patience, todo)
                    if len(self._heard) > TURN:
                        raise self._wrong(_UNASKED, "strange")
                    await asyncio.sleep(0)  # whatever comes, others have their turn
        except TimeoutError:
            raise self._wrong("it does not answer; see whether it is on, or hangs", "silent") from None
        return self._answers.pop(0)

    async def _more(self, seconds: float, todo: str = "see whether it is on") -> bool:
        try:
            async with asyncio.timeout(seconds) as limit:
                data = await self._reader.read(_CHUNK)
        except OSError:
            if limit.expired():
                return False
            data = b""
        if not data:
            raise self._wrong("the printer ended the connection; %s" % todo, "ended")
        self._buffer += data
        return True

    def _packets(self) -> int:
        """Hand whole packets to paho, TURN at most; how many."""
        for count in range(TURN):
            try:
                packet = cut(self._buffer)
                if packet is None:
                    return count
                self._pipe.inbox += packet
                done = self._client.loop_read() in _DONE and not self._pipe.inbox
            except Exception:  # Strange, and of paho a good many on packets that lie about their own lengths
                done = False
            if not done:
                raise self._wrong("it does not speak MQTT as it should; see whether the address is right", "strange")
        return TURN

    def _wrong(self, what: str, code: str) -> SourceError:
        return SourceError("cannot read %s: %s" % (self._place.where, what), code)
