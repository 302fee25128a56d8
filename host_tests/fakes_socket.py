"""The makers' socket with the fake desk of the owner's page behind it, and a peer that speaks raw lines."""

import asyncio
import json
import os
from pathlib import Path

from firmware_agent.cli.logs import Redacted
from firmware_agent.owner.socket.peers import Peers
from firmware_agent.owner.socket.screens import Screens
from firmware_agent.owner.socket.server import ControlSocket
from host_tests.fakes_panel import SHOWN, FakeDesk, World

FAST = 1e9  # requests a second: tests need not wait


class ShowingDesk(FakeDesk):
    """Shows its code on the screens of the socket, and takes it away once it was used."""

    screens = None

    async def do(self, session, action, arguments, proof):
        if action == "show_code":
            self.screens.show(SHOWN, "Allow what was asked?", 120)
        before = self.shown
        answer = await super().do(session, action, arguments, proof)
        if before is not None and self.shown is None:
            self.screens.hide()
        return answer


class Rig:
    """A listening socket in `directory`; this process connects as the user `user` with `role`. Use with `async with`.

    roles: the whole table instead. desk: the class of the desk. Further options go to ControlSocket.
    """

    def __init__(self, directory, role="owner", roles=None, screens=(), desk=ShowingDesk, user="kiosk", **options):
        self.world = World()
        self.gate = self.world.gate
        self.desk = desk(self.gate, self.world.phones)
        self.screens = self.desk.screens = Screens()
        self.path = Path(directory) / "control.sock"
        users = Path(directory) / "passwd"
        users.write_text(f"root:x:4242:0:::\n{user}:x:{os.getuid()}:0:a program:/:/bin/false\nother:x:4243:0:::\n")
        self.peers = Peers({user: role} if roles is None else roles, screens, users)
        options = {"rate": FAST, **options}
        self.server = ControlSocket(self.path, self.desk, self.gate, self.peers, self.screens, **options)

    async def __aenter__(self):
        await self.server.start()
        return self

    async def __aexit__(self, *error):
        await self.server.stop()

    async def connect(self):
        client = Client()
        client.reader, client.writer = await asyncio.open_unix_connection(self.path, limit=1 << 26)
        return client

    def sessions(self):
        """The sessions that are open at the gate."""
        return list(self.gate._open.values())


class Client:
    """One connection. Events that come between are kept in `events`."""

    def __init__(self):
        self.events = []
        self._ident = 0

    def send(self, line):
        self.writer.write(line + b"\n")

    async def read(self):
        """The next line, or None when the agent has hung up."""
        try:
            line = await self.reader.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    async def answer(self):
        """The next line that is no event."""
        while (found := await self.read()) is not None and "event" in found:
            self.events.append(found)
        return found

    async def ask(self, do, proof=None, **arguments):
        """The answer to a request; None when the agent has hung up."""
        self._ident += 1
        asked = {"v": 1, "id": self._ident, "do": do, "arguments": arguments}
        self.send(json.dumps(asked if proof is None else {**asked, "proof": proof}).encode())
        found = await self.answer()
        assert found is None or found["id"] in (self._ident, None)
        return found

    async def event(self):
        """The next event."""
        if not self.events:
            found = await self.read()
            assert found is not None and "event" in found, found
            return found
        return self.events.pop(0)

    async def close(self):
        self.writer.close()


def logged(caplog):
    """What the agent's own handlers would write of it; none of our messages may be withheld as somebody else's."""
    form = Redacted("%(message)s")
    lines = [form.format(record) for record in caplog.records if record.name.startswith("firmware_agent")]
    assert not [line for line in lines if "a message of level" in line]
    return "\n".join(lines)


async def settled(condition):
    """Returns when `condition()` holds; a test that waits for ever fails by its own limit."""
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)
