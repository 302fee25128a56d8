"""A real Moonraker at one end, a real broker at the other: state and print history arrive, and no name ever does."""

import asyncio
import contextlib
import logging
import secrets
import time

import cbor2
import pytest

from firmware_agent.errors import ConfigError, SourceError
from firmware_agent.telemetry.sources.moonraker import moonraker
from host_tests.fakes import NOW
from host_tests.rigs import moonraker as rig
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.test_moonraker import begun

# What the other side can say, each with a word of its own. The last three are never asked for.
CANARIES = {
    name: "canary-" + secrets.token_hex(6)
    for name in ["file", "message", "state_message", "macro", "sensor", "console", "host", "camera", "lcd", "layer"]
}
NEVER_ASKED = ("camera", "lcd", "layer")


def dress(server, printer):
    """Names and messages on everything of the printer that takes one."""
    printer.change("webhooks", state_message=CANARIES["state_message"])
    printer.change("gcode_macro " + CANARIES["macro"], variable_owner=CANARIES["macro"])
    printer.change("temperature_sensor " + CANARIES["sensor"], temperature=31.0)
    printer.change("display_status", message=CANARIES["lcd"], progress=0.5)
    server.call("/server/webcams/item", {"name": CANARIES["camera"], "stream_url": "/" + CANARIES["camera"]})


async def job(printer, look):
    printer.change("print_stats", message=CANARIES["message"], info={"current_layer": CANARIES["layer"]})
    printer.change("print_stats", print_duration=60.0, filament_used=1234.5)
    for line in "// " + CANARIES["console"], "!! host is " + CANARIES["host"]:
        printer.say(line)
        await asyncio.sleep(0.5)
        await look()
    printer.change("print_stats", state="complete")


@pytest.mark.clause("L6", "L7", "L8", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
@pytest.mark.parametrize("way", ["url", "path"])
def test_ok__state_and_history_arrive_and_no_name_does(tmp_path, caplog, way):
    caplog.set_level(logging.DEBUG)
    raw = []
    with rig.moonraker(tmp_path / "m") as (server, printer), Broker(tmp_path) as broker:
        url = server.url.replace("http", "ws", 1) + "/websocket"
        line = f'url = "{url}"' if way == "url" else f'path = "{server.socket}"'
        key = server.call("/access/api_key")
        (tmp_path / "key").write_text(key)
        made = Rig(tmp_path, plain(broker.port), sources=f'[source.moonraker]\n{line}\nkey_file = "key"')
        made.device.passed = time.time() - NOW  # Moonraker has the time of this computer
        dress(server, printer)
        control = moonraker("", url, "", lambda: None)  # beside the agent, for what is there to leak

        async def look():
            with contextlib.suppress(SourceError):
                raw.extend(record.fields for record in await control.read())

        async def story(maker):
            agent = made.agent()
            agent.tick()
            await asyncio.sleep(0.5)
            agents = server.call("/server/extensions/list")["agents"]
            for purpose, recipient in made.parts.catalogue.pairs():
                if recipient in made.parts.config.uplinks:
                    made.grant(purpose, recipient)
            await forward(made, agent, 2)
            await look()
            await begun(server, printer, CANARIES["file"] + ".gcode")
            for turn in range(400):
                await look()
                await forward(made, agent, 10, step=10.0)
                await asyncio.sleep(0.05)
                if turn == 5:
                    await job(printer, look)
                printing = any(b"printing" in one for one in maker.payloads())
                if turn > 20 and printing and any("job_finish" in one for one in raw) and finished(maker):
                    break
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
            await control.rest()
            await agent.close()
            return agents, agent.gate.undeclared

        with Subscriber(broker.inside) as maker:
            agents, undeclared = asyncio.run(asyncio.wait_for(story(maker), 200))
            rows = [*maker.payloads(), *(topic.encode() for topic, *_ in maker.messages)]
        assert agents == []  # nothing was allowed yet: it had not even connected
        assert undeclared > 100
        seen = repr(raw)
        assert [name for name, word in CANARIES.items() if word not in seen] == list(NEVER_ASKED)
        assert any(b"printing" in row for row in rows) and finished(maker)
        everything = b"\n".join(rows) + broker.stored() + broker.log.read_bytes() + caplog.text.encode()
        everything += b"".join(one.read_bytes() for one in (tmp_path / "state").rglob("ledger*") if one.is_file())
        for word in [*CANARIES.values(), key, "Anns_secret", "anns-printer", "canary"]:
            assert word.encode() not in everything, word
        for payload in maker.payloads():
            for field, value in (pair for event in cbor2.loads(payload)[3] for pair in event):
                assert field in (*range(1, 11), 31) and (isinstance(value, int) or field in (1, 31))


def finished(maker):
    """Whether the record of a finished job arrived: its filament, 1234.5 mm or what the profile makes of it."""
    pairs = [dict(event) for one in maker.payloads() for event in cbor2.loads(one)[3]]
    return any({8, 9, 10} <= set(one) for one in pairs)


@pytest.mark.parametrize("lines", ["", 'path = "/x"\nurl = "ws://127.0.0.1/websocket"'], ids=["none", "both"])
def test_fail__neither_or_both_ways_stop_the_start(tmp_path, lines):
    with pytest.raises(ConfigError, match=r"source\.moonraker: `url` or `path` is needed; allowed: one of them"):
        Rig(tmp_path, plain(1), sources="[source.moonraker]\n" + lines).agent()


def test_fail__a_key_that_is_not_there_stops_the_start(tmp_path):
    lines = 'url = "ws://127.0.0.1:7125/websocket"\nkey_file = "none"'
    with pytest.raises(SourceError, match="the key cannot be read"):
        Rig(tmp_path, plain(1), sources="[source.moonraker]\n" + lines).agent()
