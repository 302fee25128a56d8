"""The crash loop: the agent is killed, or its power cut, at any moment; nothing that was committed is lost.

Three ways to die. A kill (SIGKILL) takes the process, the kernel keeps what it was given. A cut is a copy of the block
device, made while the device writes. A modelled cut (rigs.power) takes any subset of the sectors that were not synced.
After each of them: what was committed has arrived, waits, or made room for newer; no event arrives under two idents;
what waits opens; the ledger verifies and knew of every message before it left; of a withdrawn consent nothing arrives.
"""

import contextlib
import heapq
import multiprocessing
import random
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent import cbor
from firmware_agent.device.linux import LinuxStorage
from host_tests.proofs.crash_book import Book
from host_tests.proofs.crash_child import PACKET, serve
from host_tests.proofs.crash_model import power_cuts
from host_tests.proofs.crash_restart import RUN, ledger_faults, restart
from host_tests.rigs.disk import Disk

_LIFE = 40  # crashes of one device; then a new one, for its ledger grows
_LONGEST = 0.25  # s until a kill

Progress = Callable[[str], None]


def prove(
    kills: int = 1000,
    cuts: int = 200,
    modelled: int = 2000,
    seed: int = 1,
    progress: Progress = lambda line: None,
    controls: int = 8,
) -> dict[str, Any]:
    """The counts of all three, each with its control: storage or a medium that does not sync loses events."""
    begun, counts, failures = time.monotonic(), Counter[str](), []
    for found in (
        killed(kills, cuts, seed, progress),
        power_cuts(modelled, seed, progress=progress),
        _control("storage that does not sync", killed(controls, controls, seed, progress, lazy=True)),
        _control("a medium that lies", power_cuts(controls, seed, honest=False, progress=progress)),
    ):
        counts.update(found["counts"])
        failures += found["failures"]
    return {"counts": dict(counts), "failures": failures, "seconds": round(time.monotonic() - begun)}


def killed(
    kills: int, cuts: int, seed: int = 1, progress: Progress = lambda line: None, lazy: bool = False
) -> dict[str, Any]:
    """`kills` deaths of the process; before `cuts` of them the device is copied, and the copy started."""
    dice = random.Random(f"kills {seed}")
    chosen = set(dice.sample(range(kills), cuts))
    total, failures = Counter[str](), []
    with Disk(32) as disk, tempfile.TemporaryDirectory(dir=disk.mount.parent.parent) as copies:
        for life in range(0, kills, _LIFE):
            directory, book = disk.mount / str(life), Book()
            for run in range(life, min(kills, life + _LIFE)):
                progress(
                    f"kill {run + 1} of {kills}, {book.counts['events committed']} events of this device committed"
                )
                copy = Path(copies, "copy") if run in chosen else None
                at_cut = _run(book, directory, seed, run * RUN, dice, lazy, disk, copy)
                book.crash()
                total["kills"] += 1
                book.failures += ledger_faults(LinuxStorage(directory), book)
                if at_cut is not None and copy is not None:
                    total["cuts"] += 1
                    with Disk.open_snapshot(copy) as mount:
                        restart(at_cut, LinuxStorage(mount / directory.name), seed, run * RUN + RUN // 2)
                    copy.unlink()
                    total["events recovered after cuts"] += at_cut.counts["events found waiting"]
                    total["committed events lost"] += at_cut.counts["committed events lost"]
                    failures += [f"cut in run {run}: {what}" for what in at_cut.failures]
                failures += [f"run {run}: {what}" for what in book.failures]
                book.failures = []
            restart(book, LinuxStorage(directory), seed, (run + 1) * RUN)  # all that still waits arrives
            failures += [f"last start of device {life}: {what}" for what in book.failures]
            total.update(book.counts)
            shutil.rmtree(directory)
    return {"counts": dict(total), "failures": failures}


def _control(name: str, found: dict[str, Any]) -> dict[str, Any]:
    lost = found["counts"].get("committed events lost", 0)
    failures = [] if lost else [f"control: {name} lost nothing; the check would not notice a loss"]
    return {"counts": {f"control, {name}: committed events lost": lost}, "failures": failures}


def _run(
    book: Book, directory: Path, seed: int, first: int, dice: random.Random, lazy: bool, disk: Disk, copy: "Path | None"
) -> "Book | None":
    """One run of the device until it is killed; the books at the moment of the copy, if there was to be one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = multiprocessing.get_context("fork").Process(
        target=_child, args=(ours, theirs, directory, seed, first, lazy)
    )
    with ours:
        child.start()
        theirs.close()
        receiver = _Receiver(ours, book, dice)
        now = time.monotonic()
        end = now + dice.uniform(0.0, _LONGEST)
        at_cut = None
        try:
            if copy is not None:
                end = now + dice.uniform(0.02, _LONGEST)
                receiver.serve(until=end)
                at_cut = book.copy()
                disk.snapshot(copy)
                receiver.drain(at_cut.perhaps)
                end = time.monotonic() + dice.uniform(0.0, _LONGEST / 4)
            receiver.serve(until=end)
        finally:
            child.kill()
            child.join()
        receiver.drain()
        child.close()
    return at_cut


def _child(ours: socket.socket, theirs: socket.socket, *arguments: Any) -> None:
    ours.close()
    serve(theirs, *arguments)


class _Receiver:
    """The far end: takes most messages, acknowledges some late and some never, and lets some be lost on the way."""

    def __init__(self, line: socket.socket, book: Book, dice: random.Random) -> None:
        self._line = line
        self._book = book
        self._dice = dice
        self._late: list[tuple[float, int]] = []

    def serve(self, until: float) -> None:
        """Listen and answer."""
        while (left := until - time.monotonic()) > 0:
            self._line.settimeout(min([left] + [max(0.0001, due - time.monotonic()) for due, _ in self._late[:1]]))
            with contextlib.suppress(TimeoutError):
                data = self._receive()
                if not data:
                    return
                self._hear(cbor.decode(data), answers=True)
            while self._late and self._late[0][0] <= time.monotonic():
                self._answer(heapq.heappop(self._late)[1])

    def drain(self, also: "Callable[[list[Any]], None]" = lambda what: None) -> None:
        """Hear what was said and not heard yet, without an answer."""
        self._line.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while data := self._receive():
                what = cbor.decode(data)
                self._hear(what, answers=False)
                also(what)

    def _receive(self) -> bytes:
        try:
            return self._line.recv(PACKET)
        except ConnectionResetError:  # it died with answers unread; what it said before is still to be had
            return self._line.recv(PACKET)

    def _hear(self, what: list[Any], answers: bool) -> None:
        self._book.hear(what)
        if what[0] != "publish":
            return
        _, number, purpose, payload = what
        chance = self._dice.random()
        if chance < 0.1:  # lost on the way
            return
        self._book.took(purpose, payload)
        if answers and chance < 0.8:
            self._answer(number)
        elif answers and chance < 0.9:
            heapq.heappush(self._late, (time.monotonic() + self._dice.uniform(0.0, 0.02), number))

    def _answer(self, number: int) -> None:
        with contextlib.suppress(OSError):  # it may be dead by now
            self._line.send(number.to_bytes(8, "big"))
