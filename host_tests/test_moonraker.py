"""The Moonraker source against a real Moonraker, whose Klipper is a stand-in: every state, and every word it sends."""

import asyncio
import contextlib
import json
import time
from functools import partial

import pytest

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Following
from firmware_agent.telemetry.moonraker_fields import OFFERS
from firmware_agent.telemetry.sources.moonraker import END, MoonrakerFeed, moonraker
from firmware_agent.telemetry.unix_line import unix_line
from host_tests.fakes_moonraker import METHODS, unix
from host_tests.rigs import moonraker as rig
from host_tests.rigs.klippy import Klippy

CANARY = "canary-b7c2"
NOW = 1_790_000_000
# What Moonraker asks of Klipper for itself, and for somebody who only looks.
READS = {"info", "list_endpoints", "objects/list", "objects/query", "objects/subscribe", "gcode/help"}
OWN = {"gcode/subscribe_output", "register_remote_method"}  # Moonraker's own, at each of its starts
# All that is asked for: no file name, no text of M117, no position.
FOLLOWED = {
    "webhooks": ["state", "state_message"],
    "print_stats": ["state", "message", "print_duration", "filament_used"],
    "virtual_sdcard": ["progress"],
    "display_status": ["progress"],
    "extruder": ["temperature", "target"],
    "heater_bed": ["temperature", "target"],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with rig.moonraker(tmp_path_factory.mktemp("moonraker") / "m") as pair:
        yield pair


def by_socket(server, key=""):
    return moonraker(str(server.socket), "", key, lambda: NOW)


def by_web(server, key=""):
    return moonraker("", server.url.replace("http", "ws", 1) + "/websocket", key, lambda: NOW)


def eager(path):
    """Asks soon, tries again soon."""
    feed = MoonrakerFeed(partial(unix_line, path, END), "", 0.3)
    return Following("moonraker", OFFERS, feed, lambda: NOW, jitter=lambda: 0.0)


def story(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def comes(source, holds, seen=None):
    """Read until one record holds; that one's fields. seen: gets all."""
    while True:
        with contextlib.suppress(SourceError):
            for record in await source.read():
                if seen is not None:
                    seen.append(record.fields)
                if holds(record.fields):
                    return record.fields
        await asyncio.sleep(0.05)


async def trouble(source):
    """Read until it says what is wrong."""
    while True:
        try:
            await source.read()
        except SourceError as error:
            return str(error)
        await asyncio.sleep(0.05)


def state(name):
    return lambda fields: fields.get("state") == name


async def begun(server, printer, name):
    """A job that Moonraker has seen begin."""
    count = lambda: server.call("/server/history/list")["count"]
    before = count()
    while count() == before:
        printer.change("print_stats", state="standby", filename="")
        await asyncio.sleep(0.5)
        printer.change("print_stats", state="printing", filename=name, filament_used=0.0, print_duration=0.0)
        await asyncio.sleep(1.0)


@pytest.mark.parametrize("way", [by_socket, by_web])
def test_ok__an_idle_printer_is_known_at_once_and_its_changes_follow(running, way):
    server, printer = running

    async def tale():
        source = way(server)
        first = await comes(source, lambda fields: "nozzle_temperature" in fields)
        assert first["state"] == "idle" and first["nozzle_temperature"] == 21.4 and first["bed_temperature"] == 20.9
        printer.change("extruder", temperature=205.5, target=205.0)
        later = await comes(source, lambda fields: fields.get("nozzle_temperature") == 205.5)
        assert later["nozzle_target"] == 205.0 and later["bed_temperature"] == 20.9
        await source.rest()
        assert not source.heard

    try:
        story(tale())
    finally:
        printer.change("extruder", temperature=21.4, target=0.0)


@pytest.mark.clause("L7")
def test_ok__a_job_is_followed_and_its_end_told_once_with_start_and_material(running):
    server, printer = running

    async def tale():
        source, seen = by_web(server), []
        await comes(source, state("idle"))
        since = int(time.time())
        await begun(server, printer, CANARY + ".gcode")
        await comes(source, state("printing"))
        printer.change("print_stats", print_duration=60.0, filament_used=1234.5)
        printer.change("display_status", progress=0.5)
        half = await comes(source, lambda fields: fields.get("progress") == 50)
        assert half["elapsed"] == 60.0
        printer.change("print_stats", state="paused")
        await comes(source, state("paused"))
        printer.change("print_stats", state="printing")
        await comes(source, state("printing"))
        printer.change("display_status", progress=1.0)
        printer.change("print_stats", state="complete")
        ended = await comes(source, lambda fields: "job_finish" in fields, seen)
        assert since <= ended["job_start"] <= ended["job_finish"] <= time.time()
        assert type(ended["job_start"]) is type(ended["job_finish"]) is int
        assert ended["job_material"] == 1234.5 and ended["job_file"] == CANARY + ".gcode"
        await comes(source, state("idle"), seen)
        await asyncio.sleep(1)
        seen += [record.fields for record in await source.read()]
        assert sum("job_finish" in fields for fields in seen) == 1
        await source.rest()

    try:
        story(tale())
    finally:
        printer.change("print_stats", state="standby", filename="")
        printer.change("display_status", progress=0.0)


@pytest.mark.clause("L7")
def test_ok__a_job_that_was_cancelled_is_no_print_of_the_history(running):
    server, printer = running

    async def tale():
        source, seen = by_socket(server), []
        await comes(source, state("idle"))
        await begun(server, printer, CANARY + "-2.gcode")
        await comes(source, state("printing"), seen)
        printer.change("print_stats", state="cancelled")
        over = await comes(source, lambda fields: fields.get("moonraker.history.job.status") == "cancelled", seen)
        assert over["job_file"] == CANARY + "-2.gcode"  # the control: it was told of that job
        assert not any("job_finish" in fields or "job_start" in fields for fields in seen)
        await source.rest()

    try:
        story(tale())
    finally:
        printer.change("print_stats", state="standby", filename="")


def test_ok__klipper_shuts_down_and_is_ready_again(running):
    server, printer = running

    async def tale():
        source = by_web(server)
        await comes(source, state("idle"))
        printer.change("webhooks", state="shutdown", state_message=f"MCU {CANARY} shutdown: Timer too close")
        down = await comes(source, state("error"))
        assert CANARY in down["message"]
        printer.change("webhooks", state="ready", state_message="Printer is ready")
        await comes(source, state("idle"))
        await source.rest()

    try:
        story(tale())
    finally:
        printer.change("webhooks", state="ready", state_message="Printer is ready")


def test_ok__klipper_goes_and_comes_and_comes_back_with_an_error(tmp_path):
    base = tmp_path / "m"
    with rig.moonraker(base) as (server, printer):

        async def tale():
            source = eager(server.socket)
            await comes(source, lambda fields: "nozzle_temperature" in fields)
            printer.stop()
            gone = await comes(source, state("offline"))
            assert not {"progress", "nozzle_temperature", "bed_target", "message"} & set(gone)
            again = Klippy(printer.path)
            again._objects["webhooks"].update(state="error", state_message=f"mcu '{CANARY}': Unable to connect")
            with again:
                await comes(source, state("error"))
            with Klippy(printer.path):
                back = await comes(source, lambda fields: state("idle")(fields) and "nozzle_temperature" in fields)
                assert back["nozzle_temperature"] == 21.4
            await source.rest()

        story(tale())


def test_ok__moonraker_restarts_and_is_found_again(tmp_path):
    base = tmp_path / "m"
    with Klippy(tmp_path / "k") as printer:
        server = rig.Moonraker(base, printer.path)
        try:
            server.wait()

            async def first():
                source = eager(server.socket)
                await comes(source, state("idle"))
                server.stop()
                said = await trouble(source)
                assert str(server.socket) in said and ("ended the connection" in said or "nothing listens" in said)
                assert not source.heard.alive
                again = rig.Moonraker(base, printer.path)
                try:
                    again.wait()
                    await comes(source, state("idle"))
                finally:
                    again.stop()
                await source.rest()

            story(first())
        finally:
            server.stop()


def test_ok__with_its_key_it_is_let_in(running):
    server, _ = running

    async def tale():
        source = by_web(server, server.call("/access/api_key"))
        await comes(source, state("idle"))
        await source.rest()

    story(tale())


def test_fail__a_wrong_key_is_said_and_not_repeated(running):
    server, _ = running
    key = CANARY * 3

    async def tale():
        source = by_web(server, key)
        said = await trouble(source)
        assert "the key is refused" in said and "key_file" in said and CANARY not in said
        assert not source.heard
        await source.rest()

    story(tale())


def test_ok__a_moonraker_that_trusts_nobody_wants_a_key_and_takes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(rig, "_CONFIG", rig._CONFIG.replace("trusted_clients: 127.0.0.1", "trusted_clients: 192.0.2.1"))
    with Klippy(tmp_path / "k") as printer:
        server = rig.Moonraker(tmp_path / "m", printer.path)

        async def tale():
            source = by_web(server)
            source._jitter = lambda: 0.0
            while "or one is wanted" not in (said := await trouble(source)):
                assert "nothing listens" in said  # it is starting
                await asyncio.sleep(0.2)
            await source.rest()
            source = by_web(server, await api_key(server.socket))
            await comes(source, state("idle"))
            await source.rest()

        try:
            story(tale())
        finally:
            server.stop()


async def api_key(path):
    """Whoever may open the Unix socket is told it."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps({"jsonrpc": "2.0", "method": "access.get_api_key", "id": 1}).encode() + END)
    while True:
        said = json.loads((await reader.readuntil(END))[:-1])
        if said.get("id") == 1:
            writer.close()
            return said["result"]


@pytest.mark.attack(14)
def test_ok__only_the_closed_list_is_ever_sent_and_klipper_is_only_read(running, tmp_path):
    """On the wire to a real Moonraker, through start, job, shutdown and calls by front ends."""
    server, printer = running
    sent = bytearray()

    async def relay(reader, writer):
        up, down = await asyncio.open_unix_connection(server.socket)
        await asyncio.gather(pump(reader, down, sent), pump(up, writer, bytearray()))

    async def pump(reader, writer, seen):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                seen += data
                writer.write(data)
        writer.close()

    async def call():
        """A front end that calls this agent: nobody answers, so it waits until it goes."""
        body = {"agent": "firmware_agent", "method": "grant", "arguments": {"purpose": "camera"}}
        with contextlib.suppress(OSError):
            await asyncio.to_thread(server.call, "/server/extensions/request", body)

    async def tale():
        async with unix(tmp_path / "tap", relay):
            before = len(printer.calls)
            source = eager(tmp_path / "tap")
            await comes(source, state("idle"))
            agents = server.call("/server/extensions/list")["agents"]
            calling = asyncio.create_task(call())
            await begun(server, printer, CANARY)
            printer.change("webhooks", state="shutdown")
            await comes(source, state("error"))
            await asyncio.sleep(1)  # asks how it stands, meanwhile
            printer.change("webhooks", state="ready")
            printer.change("print_stats", state="standby", filename="")
            await comes(source, state("idle"))
            while not source.heard.dropped:  # noqa: ASYNC110  the front end's call came, and was passed over
                await asyncio.sleep(0.05)
            await source.rest()
            await calling
            return agents, printer.calls[before:]

    agents, calls = story(tale())
    messages = [json.loads(one) for one in bytes(sent).split(END)[:-1]]
    assert {one["method"] for one in messages} == set(METHODS)
    assert all(set(one) <= {"jsonrpc", "method", "id", "params"} for one in messages)
    [who] = [one["params"] for one in messages if one["method"] == "server.connection.identify"]
    assert who == {"client_name": "firmware_agent", "version": "1", "type": "agent", "url": "about:blank"}
    assert {"name": "firmware_agent", "version": "1", "type": "agent", "url": "about:blank"} in agents
    asked = [one["params"]["objects"] for one in messages if one["method"] == "printer.objects.subscribe"]
    assert asked and all(one == FOLLOWED for one in asked)
    assert calls and {method for method, _ in calls} <= READS | OWN
