"""Main's side of the camera: who is admitted looks, for as long as consent holds; nobody looks: there is no process.

Pictures never come here as they are. Viewers get them on their own sockets, which are passed to the camera process;
for everybody else it seals them, and what comes here is ciphertext (L4). An Admission is verified before anything is
started for it, again after its beginning was written to the ledger, when the store is written, and at each tick.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Any

from firmware_agent.admissions import Admission, AdmissionGate
from firmware_agent.camera.account import Account, History, Use
from firmware_agent.camera.keeper import Keeper
from firmware_agent.camera.line import Line
from firmware_agent.camera.messages import KEY
from firmware_agent.camera.port import Port
from firmware_agent.camera.sandbox.report import Locked
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Opener, Starter, check
from firmware_agent.camera.state import CameraState, counted, facts, said
from firmware_agent.camera.using import Live, Sealed, Viewed
from firmware_agent.errors import AgentError, FormatError, SourceError
from firmware_agent.limits import Buckets
from firmware_agent.refusals import Refused, Unsealed

STILLS = ("snapshot", "support_photo")  # purposes under which nobody sees more than single pictures
STILLS_RATE = 1.0  # of them a second, for each viewer: faster ones would be the live view that nobody allowed
IDLE = 3.0  # s for which the camera process outlives the last use
PAGE_EVERY = 66  # ms from picture to picture on the owner's page
PAGE_LARGEST = 1 << 21  # bytes of one such picture
_STILL = 6.0  # s for one picture


class Hub:
    """feed: opens the source, where it is main that does. port: of the camera, if it may be switched off. ticks:
    seconds that only go forward.

    `wake`, if set, is called when something begins here, so that ticks come often enough to see its end.
    """

    def __init__(
        self,
        admissions: AdmissionGate,
        starter: Starter,
        source: SourceSettings,
        history: History,
        ticks: Callable[[], float],
        feed: Opener | None = None,
        port: Port | None = None,
    ) -> None:
        self.admissions = admissions
        self.wake: Callable[[], object] | None = None
        self.swappable = False  # whether the last camera process could not lock its memory
        self._starter = starter
        self._ticks = ticks
        self._account = Account(history, ticks)
        self._keeper = Keeper(starter, feed, port, source, ticks, self)
        self._coming: dict[bytes, Admission] = {}  # wait for the process to begin
        self._live: dict[bytes, Live] = {}
        self._leaving: dict[bytes, Live] = {}  # main is done with them, the camera process has not said so yet
        self._paced = Buckets(STILLS_RATE, 1, ticks)  # for each viewer
        self._idle = 0.0  # since when nobody looks, ticks
        self._said: dict[str, Any] = {}

    # --- for viewers, the page and uplinks

    async def pass_on(self, admission: Admission, sock: socket.socket) -> None:
        """Let the camera process answer on `sock`, whose request was read and judged; from then on it is ours.

        Refused or Unsealed: it may not. SourceError: there is no camera just now. Then nothing was sent, and the socket
        is still the caller's.
        """
        line = await self._enter(admission, None)
        try:
            use = Viewed(admission, sock)  # from here on nothing waits
        except OSError as error:
            self.admissions.close(admission)
            raise SourceError(f"camera: one more viewer cannot be served ({error.strerror})") from None
        self._take(use, "stream" if admission.stream else "picture")
        line.say("view", admission.ident, admission.stream, descriptor=use.descriptor())
        sock.close()  # a duplicate stays, to cut it

    async def watch(self, admission: Admission, key: bytes) -> AsyncGenerator[bytes, None]:
        """Sealed pictures for the owner's page, to the X25519 key of this view, until it is cut. One is under way at a
        time: whoever takes them slowly gets fewer. Refused: it may not begin; SourceError: no camera, or no more.
        """
        use = await self._sealed(admission, True, "page", key, PAGE_EVERY, PAGE_LARGEST)
        try:
            while True:
                piece = await use.next()
                self.admissions.verify(admission)
                yield piece
                use.ask()
                self._say("more", admission.ident)
        except Refused:
            return  # it was cut
        finally:
            self._leave(use)

    async def still(self, admission: Admission, key: bytes, largest: int) -> bytes:
        """One picture of at most `largest` bytes, sealed to `key`; SourceError: there is none; Refused."""
        use = await self._sealed(admission, False, "", key, 0, largest)
        try:
            async with asyncio.timeout(_STILL):
                piece = await use.next()
            self.admissions.verify(admission)
            return piece
        except TimeoutError:
            now = self.state()
            why = "it is covered by its own switch" if now.covered else now.trouble or "it gave no picture in time"
            raise SourceError(f"camera: {why}") from None
        finally:
            self._leave(use)

    def cut(self, purpose: str, recipient: str) -> None:
        """At once: nothing more for this purpose and recipient. Its sockets first; if nobody else looks, the camera
        process is told to end, and killed 50 ms later. What the ledger says of it is written at the next `tick`.
        """
        self._cut(lambda one: (one.purpose, one.recipient) == (purpose, recipient))
        self._account.hide(lambda one: (one.purpose, one.recipient) == (purpose, recipient))

    def cut_all(self) -> None:
        self._cut(lambda one: True)

    def look(self) -> None:
        """Cut what is no longer permitted, now; nothing is written. The store is asked once for each consent, and
        whoever looks under one that does not hold is cut before the next is asked. What cannot be read permits nothing.
        """
        under: dict[tuple[object, ...], list[Admission]] = {}
        for use in self._live.values():
            one = use.admission
            under.setdefault((one.purpose, one.recipient, one.consent, one.generation), []).append(one)
        for together in under.values():
            if not self._good(together[0]):
                self._cut(together.__contains__)

    def dismiss(self, gone: Collection[Admission]) -> None:
        """At once: nothing more for these, whose viewers were removed; what they saw is written at the next `tick`."""
        who = {(one.viewer, one.purpose, one.recipient) for one in gone}
        self._cut(lambda one: one in gone)
        self._account.hide(lambda one: (one.viewer, one.purpose, one.recipient) in who)

    def change(self, source: SourceSettings) -> None:
        """Another source, or another part of its picture: what was begun with the old one ends now."""
        self._keeper.source = source
        self.cut_all()

    # --- for the agent and whoever shows what goes on

    @property
    def source(self) -> SourceSettings:
        return self._keeper.source

    @property
    def busy(self) -> bool:
        """Whether something would be missed if `tick` were not called several times a second."""
        return self._keeper.busy or bool(self._live or self._coming)

    def tick(self, allowed: bool = True) -> None:
        """Cut what is no longer permitted; end the process that nobody needs; write what ended. allowed: whether
        anything of the camera is: if not, its port is switched off, where that was asked for.
        """
        refused = {ident for ident, use in self._live.items() if not self._good(use.admission)}
        if refused:
            self._cut(lambda one: one.ident in refused)
        self._keeper.listen(bool(self._live))
        if self._keeper.line is not None and not self._live and not self._coming and self._ticks() - self._idle >= IDLE:
            self._keeper.stop()
        if not allowed:
            self._keeper.release()
        self._account.settle()

    @property
    def _words(self) -> str:
        """What the camera process said last of its trouble, or ""."""
        return str(self._said.get("trouble", ""))

    def uses(self) -> list[Use]:
        """Who looks, or got a picture within the last minute."""
        return self._account.uses()

    def state(self) -> CameraState:
        line, row = self._keeper.line, self._said
        if line is None:
            return CameraState(self._keeper.on, trouble=self._keeper.trouble)
        return CameraState(
            True,
            row.get("covered", False),
            row.get("trouble", ""),
            str(line.started.locked),
            line.started.level,
            facts(line.started.facts),
            row.get("odd", 0),
        )

    async def check(self) -> Locked:
        """How a camera process locks itself on this machine: in one that touches no camera and ends. SourceError."""
        return await check(self._starter)

    async def close(self) -> None:
        """Cut everything and wait until nothing of it runs; then write what ended."""
        self.cut_all()
        await self._keeper.close()
        self._account.settle(everything=True)

    # --- what the camera process says (keeper.py: Served)

    def heard(self, message: tuple[Any, ...]) -> None:
        kind, *parts = message
        if kind == "sealed":
            use = self._live.get(parts[0])
            if isinstance(use, Sealed):  # else it was cut meanwhile
                use.put(parts[1], parts[2])
                self._account.add(parts[0], 1, len(parts[2]))
                self._keeper.worked()
        elif kind == "ended":
            self._ended(*parts)
        elif kind == "state":
            self._said = said(parts[0])
        else:
            raise FormatError("camera: its process reports twice")

    def lost(self) -> str:
        words = self._words
        served = list(self._live.values())
        for use in served:
            use.cut(SourceError(f"camera: {words or 'its process ended'}"))
        for use in served:
            self._settle(use)
        return words

    def buried(self) -> None:
        for use in list(self._leaving.values()):
            self._settle(use)
        self._said = {}

    # --- one use

    def _good(self, admission: Admission) -> bool:
        try:
            self.admissions.verify(admission)
        except AgentError:  # refused, or the store cannot be read
            return False
        return True

    async def _enter(self, admission: Admission, stream: bool | None) -> Line:
        """The line to a running camera process, for an admission that is good at this moment and was never used."""
        self.admissions.verify(admission)
        ident = admission.ident
        used = ident in self._live or ident in self._coming
        if used or (stream is not None and admission.stream is not stream):
            raise Unsealed("not_an_admission")
        if admission.purpose in STILLS:
            self._single(admission)
        self._coming[ident] = admission
        try:
            if self.wake is not None:
                self.wake()
            line = await self._keeper.begun()
            self.swappable = not line.started.locked.memory
            self.admissions.verify(admission)
            if line is not self._keeper.line:
                raise SourceError(self._keeper.trouble or "camera: it has just ended")
            return line
        except BaseException:
            self.admissions.close(admission)
            raise
        finally:
            self._coming.pop(ident, None)
            self._idle = self._ticks()

    def _single(self, admission: Admission) -> None:
        """Refused: that would be more than single pictures. Those for uplinks have a pace of their own (stills.py)."""
        who = (admission.viewer, admission.purpose, admission.recipient)
        reason = ""
        if admission.stream:
            reason = "stills_only"
        elif admission.viewer and not self._paced.take(who):
            reason = "stills_paced"
        if reason:
            self.admissions.close(admission)
            raise Refused(reason, admission.purpose, admission.recipient)

    async def _sealed(
        self, admission: Admission, stream: bool, detail: str, key: bytes, every: int, largest: int
    ) -> Sealed:
        if len(key) != KEY:
            self.admissions.close(admission)
            raise FormatError(f"a key for pictures has {KEY} bytes")
        line = await self._enter(admission, stream)
        use = Sealed(admission, largest)
        self._take(use, detail)
        line.say("seal", admission.ident, f"{admission.purpose} {admission.recipient}", key, every, largest)
        return use

    def _take(self, use: Live, detail: str) -> None:
        """Record that it begins, then look once more: writing may have waited for another process."""
        self._live[use.admission.ident] = use
        try:
            self._account.begin(use.admission, detail)
            self.admissions.verify(use.admission)
        except BaseException:
            self._settle(use)
            raise

    def _leave(self, use: Live) -> None:
        """Main is done with it; the camera process is told, and says what it was."""
        ident = use.admission.ident
        if self._live.get(ident) is not use:
            return
        if self._keeper.line is None:
            self._settle(use)
            return
        use.close()
        del self._live[ident]
        self.admissions.close(use.admission)
        self._leaving[ident] = use
        self._account.left(ident)
        self._idle = self._ticks()
        self._say("end", ident)

    def _say(self, kind: str, *parts: Any) -> None:
        if self._keeper.line is not None:
            self._keeper.line.say(kind, *parts)

    def _ended(self, ident: bytes, pictures: int, size: int, why: str) -> None:
        counted(pictures, size, why)
        use = self._live.get(ident) or self._leaving.get(ident)
        if use is None:
            return
        if isinstance(use, Viewed):  # what was sealed was counted here
            self._account.add(ident, pictures, size)
            if pictures:
                self._keeper.worked()
        elif ident in self._live:
            use.cut(SourceError(f"camera: {self._words or why or 'it ended the view'}"))
        self._settle(use)

    def _settle(self, use: Live) -> None:
        """Nothing is heard of it any more."""
        ident = use.admission.ident
        self._live.pop(ident, None)
        self._leaving.pop(ident, None)
        self.admissions.close(use.admission)
        use.close()
        self._account.end(ident)
        self._idle = self._ticks()

    def _cut(self, which: Callable[[Admission], bool]) -> None:
        gone = [use for use in self._live.values() if which(use.admission)]
        for use in gone:
            use.cut(Unsealed("consent_changed", *use.pair))
        for admission in [one for one in self._coming.values() if which(one)]:
            self.admissions.close(admission)
            del self._coming[admission.ident]
        for use in gone:
            self._leave(use)
        if not self._live and not self._coming:
            self._keeper.stop()
