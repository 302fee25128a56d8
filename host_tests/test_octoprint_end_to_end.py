"""A real OctoPrint at one end, a real broker at the other: state and print history arrive, and no name ever does."""

import asyncio
import contextlib
import logging
import secrets
import time

import cbor2
import pytest

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.sources.octoprint import octoprint as source_at
from host_tests.fakes import NOW
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.octoprint import octoprint
from host_tests.test_octoprint import an_application_s_key

# What the other side can say, each with a word of its own. The last four are never asked for.
CANARIES = {
    name: "canary-" + secrets.token_hex(6)
    for name in ["file", "folder", "error", "comment", "lcd", "console", "profile"]
}
NEVER_ASKED = ("comment", "lcd", "console", "profile")


def gcode():
    head = "; %s\nM117 %s\n@pause\nG92 E0\nM104 S200\n" % (CANARIES["comment"], CANARIES["lcd"])
    return head.encode() + b"G1 X10 E1234 F600000\n" + b"G1 X10 F600000\nG1 X90\n" * 20


def dress(printer):
    """Names on everything that takes one, and words on its console."""
    profile = {"id": "p1", "name": CANARIES["profile"], "model": CANARIES["profile"]}
    printer.call("printerprofiles", {"profile": profile})
    for line in "M117 " + CANARIES["lcd"], "!!DEBUG:send // " + CANARIES["console"]:
        printer.call("printer/command", {"command": line})


@pytest.mark.clause("L6", "L7", "L8", "L9", "L10", "L21", "L22")
@pytest.mark.attack(13, 14)
def test_ok__state_and_history_arrive_and_no_name_does(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    raw = []
    with octoprint(tmp_path / "o") as printer, Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        key = an_application_s_key(printer)
        (tmp_path / "key").write_text(key + "\n")
        made = Rig(tmp_path, plain(broker.port), sources=f'[source.octoprint]\nurl = "{printer.url}"\nkey_file = "key"')
        made.device.passed = time.time() - NOW  # times of jobs are this computer's
        dress(printer)
        control = source_at(printer.url, lambda: key, lambda: None)  # beside the agent, for what is there to leak

        async def look():
            with contextlib.suppress(SourceError):
                raw.extend(record.fields for record in await control.read())

        async def goes(agent, holds):
            for _ in range(600):
                await look()
                await forward(made, agent, 10, step=10.0)
                await asyncio.sleep(0.05)
                if holds():
                    return
            raise AssertionError("it did not happen in time")

        async def story():
            agent = made.agent()
            agent.tick()
            await asyncio.sleep(0.5)
            idle = agent._sources[0].source._task is None
            for purpose, recipient in made.parts.catalogue.pairs():
                if recipient in made.parts.config.uplinks:
                    made.grant(purpose, recipient)
            await goes(agent, lambda: any(b"idle" in one for one in maker.payloads()))
            name = CANARIES["file"] + ".gcode"
            await asyncio.to_thread(printer.upload, name, gcode(), True, CANARIES["folder"])
            await goes(agent, lambda: any(one.get("state") == "paused" for one in raw))
            await goes(agent, lambda: any(b"paused" in one for one in maker.payloads()))
            printer.resume()
            await goes(agent, lambda: finished(maker))
            printer.call("printer/command", {"command": "!!DEBUG:send Error:" + CANARIES["error"]})
            await goes(agent, lambda: any(b"error" in one for one in maker.payloads()))
            await goes(agent, lambda: CANARIES["error"] in repr(raw))
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
            await control.rest()
            await agent.close()
            return idle, agent.gate.undeclared

        idle, undeclared = asyncio.run(asyncio.wait_for(story(), 200))
        rows = [*maker.payloads(), *(topic.encode() for topic, *_ in maker.messages)]
        kept = broker.stored() + broker.log.read_bytes()
    assert idle  # nothing was allowed yet: it had not even connected
    assert undeclared > 100
    seen = repr(raw)
    assert [name for name, word in CANARIES.items() if word not in seen] == list(NEVER_ASKED)
    assert printer.user in seen and key not in seen  # the control: these names were there to leak
    everything = b"\n".join(rows) + kept + caplog.text.encode()
    everything += b"".join(one.read_bytes() for one in (tmp_path / "state").rglob("ledger*") if one.is_file())
    for word in [*CANARIES.values(), key, printer.key, printer.user, "VIRTUAL", "canary"]:
        assert word.encode() not in everything, word
    for payload in maker.payloads():
        for field, value in (pair for event in cbor2.loads(payload)[3] for pair in event):
            assert field in (*range(1, 11), 31, 32) and (isinstance(value, int) or field in (1, 31))


def finished(maker):
    """Whether the record of a finished job arrived: start, finish and material."""
    pairs = [dict(event) for one in maker.payloads() for event in cbor2.loads(one)[3]]
    return any({8, 9, 10} <= set(one) for one in pairs)


@pytest.mark.parametrize("there", [False, True], ids=["no key", "no OctoPrint"])
def test_ok__what_is_missing_is_said_and_the_agent_goes_on(tmp_path, there):
    with Broker(tmp_path) as broker:
        key = tmp_path / "octoprint.key"
        if there:
            key.write_text("x" * 32)
        source = f'[source.octoprint]\nurl = "http://127.0.0.1:{broker.inside}"\nkey_file = "{key}"'
        rig = Rig(tmp_path, plain(broker.port), sources=source)
        rig.grant("improvement_program")

        async def story():
            agent = rig.agent()
            await until(agent, lambda: agent.troubles)
            await agent.close()
            return str(agent.troubles["octoprint"])

        trouble = asyncio.run(story())
        assert ("127.0.0.1" if there else "`firmware-agent key octoprint` asks") in trouble and "xxxx" not in trouble
