"""One event, consented and denied, beside the Glean SDK and the OpenTelemetry SDK in the same run.

Ours counts everything from the raw record on: gate, catalogue, CBOR, seal, ring, and an fdatasync for each message of
64 events. The peers write plain text or protobuf, and sync nothing.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches import peers
from benches.rows import Row, row

BATCH = 64  # events saved together


def event() -> Iterator[Row]:
    """CPU and bytes of one consented and one denied event, beside Glean and OpenTelemetry in one run."""
    peers.one_core()
    ours = _recorded()
    denied = _denied()
    theirs = {name: peers.run(name) for name in ("glean", "opentelemetry")}
    for name, label in (("glean", "Glean"), ("opentelemetry", "OpenTelemetry")):
        recorded, off = theirs[name]["recorded"], theirs[name]["denied"]
        yield row("consented", ours["us"], "us CPU", (f"{label}: {recorded['way']}", recorded["us"]))
        yield row("consented, on flash", ours["bytes"], "bytes", (f"{label}: {recorded['way']}", recorded["bytes"]))
        yield row("denied", denied["us"], "us CPU", (f"{label}: {off['way']}", off["us"]))
        for other in theirs[name]["others"]:
            mine, what = (denied, "denied") if "denied" in other["way"] else (ours, "consented")
            yield row(what, mine["us"], "us CPU", (f"{label}: {other['way']}", other["us"]))
    yield row("denied, in the ledger", denied["bytes"], "bytes")


def _recorded() -> dict:
    from firmware_agent import cbor
    from firmware_agent.model import Record

    with tempfile.TemporaryDirectory() as directory:
        uplink, gate = _uplink(Path(directory), granted=True)
        outbox = uplink.outboxes["improvement_program"]
        taken = 0

        def record() -> None:
            nonlocal taken
            uplink.offer(Record(dict(peers.EVENT)), "improvement_program")
            taken += 1
            if taken % BATCH == 0:
                outbox.save(None)

        def settle() -> None:
            uplink.tick()
            gate.look()

        result = peers.measured("sealed, on flash", record, settle)
        ring, key = outbox.vault.outbox, outbox.vault.key()
        found = [one for frame in ring.frames for one in cbor.decode(cbor.decode(ring.read(key, frame))[2])[3]]
        assert len(found) == taken, "an event is missing on flash"
        assert all(one == found[0] for one in found)
        return result | {"bytes": round(sum(frame.size for frame in ring.frames) / taken, 1)}


def _denied() -> dict:
    from firmware_agent.model import Record

    with tempfile.TemporaryDirectory() as directory:
        uplink, _ = _uplink(Path(directory), granted=False)

        def record() -> None:
            uplink.offer(Record(dict(peers.EVENT)), "improvement_program")

        result = peers.measured("counted in RAM, one ledger record a period", record, uplink.tick)
        assert not uplink.waiting()
        files = list((Path(directory) / "state").glob("ledger*"))
        assert files, "the ledger does not say what was refused"
        return result | {"bytes": 0}


def _uplink(directory: Path, granted: bool) -> tuple:
    from host_tests.rigs.agent import Rig, plain

    rig = Rig(directory, plain(1), extra="window = 0\noutbox = 4096")
    if granted:
        rig.grant("improvement_program")
        time.sleep(0.2)  # file stamps of this moment are not trusted yet
    uplink = rig.agent().uplinks["lightmake"]
    rig.parts.gate.look()
    uplink.load()
    return uplink, rig.parts.gate
