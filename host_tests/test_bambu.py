"""A Bambu printer, played by a real mosquitto: what it reports is heard, it is asked one thing, and nobody else is told
its access code."""

import asyncio
import json
import logging
from pathlib import Path

import cbor2
import pytest

from firmware_agent import config
from firmware_agent.cli import build, doctor
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.mqtt_line import Place
from firmware_agent.telemetry.sources.bambu import OFFERS
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.bambu import CODE, PUSHALL, SERIAL, Printer
from host_tests.rigs.bambu_source import IDLE, Source
from host_tests.rigs.broker import Broker, Subscriber, wait_for
from host_tests.rigs.told import state

REQUEST = (f"device/{SERIAL}/request", PUSHALL, 0, False)


@pytest.fixture
def printer(tmp_path):
    with Printer(tmp_path / "printer", IDLE) as running:
        yield running


def place(printer, fingerprint=None, serial=SERIAL):
    known = printer.fingerprint if fingerprint is None else fingerprint
    return Place("127.0.0.1", printer.port, bytes.fromhex(known), serial)


def story(source, tale, seconds=60):
    async def whole():
        try:
            return await tale()
        finally:
            await source.rest()

    return asyncio.run(asyncio.wait_for(whole(), seconds))


def test_ok__deltas_grow_into_a_status_by_the_catalogues_names(printer):
    source = Source(place(printer))

    async def tale():
        first = await source.until(state("idle"))
        assert first == {
            "serial": SERIAL,
            "state": "idle",
            "progress": 0,
            "nozzle_temperature": 21.5,
            "bambu.print.command": "push_status",
            "bambu.print.gcode_state": "IDLE",
        }
        printer.prints(gcode_state="RUNNING", mc_percent=7, mc_remaining_time=61)
        printer.prints(nozzle_target_temper=220.0, bed_temper=54.5, bed_target_temper=60, print_error=0x0300_8003)
        known = await source.until(lambda fields: "bed_target" in fields)
        assert {name: known[name] for name in OFFERS if name in known} == {
            "state": "printing",
            "progress": 7,
            "remaining": 3660,
            "nozzle_temperature": 21.5,
            "nozzle_target": 220.0,
            "bed_temperature": 54.5,
            "bed_target": 60,
            "error_code": 0x0300_8003,
        }
        printer.prints(gcode_state="RESTING", mc_percent=-1)  # what nobody knows is not what it was before
        await source.until(lambda fields: "state" not in fields and "progress" not in fields)

    story(source, tale)


@pytest.mark.clause("L7")
def test_ok__a_job_that_is_complete_yields_start_and_finish_once_and_a_failed_one_none(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        printer.prints(gcode_state="PREPARE")
        await source.until(state("printing"))
        printer.prints(gcode_state="RUNNING", mc_percent=99)
        printer.prints(gcode_state="PAUSE")
        await source.until(state("paused"))
        source.time = 2000
        printer.prints(gcode_state="FINISH", mc_percent=100)
        ended = await source.until(lambda fields: "job_finish" in fields)
        assert ended == {"job_start": 1000, "job_finish": 2000}
        printer.prints(gcode_state="RUNNING", mc_percent=0)
        await source.until(state("printing"))
        printer.prints(gcode_state="FAILED")
        await source.until(state("error"))
        printer.prints(gcode_state="IDLE")
        records = []
        while not any(state("idle")(one) for one in records):
            records += [one.fields for one in await source.read()]
            await asyncio.sleep(0.02)
        assert not any("job_finish" in one for one in records)

    story(source, tale)


@pytest.mark.clause("L20")
def test_fail__nothing_but_the_one_request_is_ever_published_to_the_printer(printer):
    """The closed list, over connections, refusals and silence; what came before it shows that all of it was heard."""
    source = Source(place(printer), every=0.5, again=0.0, quiet=1.5)

    async def tale():
        await source.until(state("idle"))
        while len(printer.sent()) < 3:  # noqa: ASYNC110 - what another program does sets no event here
            await asyncio.sleep(0.05)
        printer.restart()
        await source.trouble("ended the connection")
        before = len(printer.sent())
        await source.until(state("idle"))
        assert len(printer.sent()) > before
        printer.full = None
        await source.trouble("reports nothing")

    story(source, tale)
    assert set(printer.sent()) == {REQUEST}
    rows = [row.split() for row in printer.broker.log.read_text().splitlines()]
    ours = [row[row.index("as") + 1] for row in rows if any("u'bblp'" in word for word in row)]
    assert len(ours) == len(set(ours)) >= 2, "a client id of its own for each connection"
    heard = {row[2] for row in rows if row[1] == "Received" and row[4] in ours}
    assert {"SUBSCRIBE", "PUBLISH"} <= heard <= {"SUBSCRIBE", "PUBLISH", "PINGREQ"}


def test_ok__it_asks_once_and_not_again_within_minutes(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        for percent in range(30):
            printer.prints(mc_percent=percent)
            await source.until(lambda fields, percent=percent: fields["progress"] == percent)
        assert printer.sent() == [REQUEST]
        printer.full = None
        printer.restart()  # and a connection that ends at once is no reason to ask again at once
        while not any(not one.alive for one in [source.heard]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while not source.heard.alive:
            printer.prints(mc_percent=50)
            await asyncio.sleep(0.1)
        assert printer.sent() == [REQUEST]

    story(source, tale)


def test_fail__a_refused_code_is_said_without_it_and_a_right_one_is_taken_without_a_restart(printer, tmp_path):
    file = tmp_path / "code"
    file.write_text("canary-wrong")
    source = Source(place(printer), code=file.read_text, again=0.0)

    async def tale():
        said = await source.trouble()
        assert "the access code is refused; read it on the printer's screen" in said and "`code_file`" in said
        assert "canary" not in said.lower()
        file.write_text(CODE)
        await source.until(state("idle"))
        printer.code("canary-new")  # the owner makes another one on the screen
        printer.restart()
        await source.trouble()
        await source.trouble("code is refused")
        file.write_text("canary-new")
        await source.until(state("idle"))

    story(source, tale)


@pytest.mark.attack(12)
def test_fail__a_certificate_that_changes_is_said_never_trusted_and_the_known_one_recovers(printer):
    source = Source(place(printer), again=0.0)

    async def tale():
        await source.until(state("idle"))
        changed = printer.certify("second")
        printer.restart()
        said = await source.trouble("not the one that `fingerprint` names")
        assert changed in said and not source.heard
        for _ in range(20):  # and it stays so
            with pytest.raises(SourceError):
                await source.read()
            await asyncio.sleep(0.1)
        assert len(printer.sent()) == 1
        printer.certify("first")
        printer.restart()
        await source.until(state("idle"))

    story(source, tale)


def test_fail__a_printer_that_goes_is_said_and_its_status_forgotten_and_when_it_is_back_it_is_heard(printer):
    source = Source(place(printer), again=0.0)

    async def tale():
        await source.until(state("idle"))
        printer.stop()
        await source.trouble("ended the connection", "nothing listens there")
        assert not source.heard
        await source.trouble("nothing listens there")
        printer.start()
        assert (await source.until(state("idle")))["nozzle_temperature"] == 21.5

    story(source, tale)


def test_fail__a_printer_that_does_not_answer_its_request_is_said_and_recovers(printer):
    printer.full = None
    source = Source(place(printer), again=0.0, quiet=0.5)

    async def tale():
        said = await source.trouble()
        assert "reports nothing; compare the serial number on it with `serial_file`" in said and SERIAL not in said
        printer.full = IDLE
        await source.until(state("idle"))

    story(source, tale)


@pytest.mark.clause("L6")
def test_fail__at_rest_no_connection_stands_and_nothing_is_remembered(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        await source.rest()
        assert not source.heard
        await asyncio.to_thread(wait_for, lambda: "closed" in "".join(lines_of(printer)[-3:]))
        count = printer.broker.connections()
        await asyncio.sleep(1.5)
        assert printer.broker.connections() == count

    def lines_of(printer):
        return [one for one in printer.broker.log.read_text().splitlines(True) if "lient" in one]

    story(source, tale)


def section(printer, directory, fingerprint):
    for name, text in (("serial", SERIAL), ("code", CODE)):
        (directory / name).write_text(text + "\n")
        (directory / name).chmod(0o600)
    files = 'serial_file = "serial"\ncode_file = "code"'
    return f'[source.bambu]\nhost = "127.0.0.1"\nport = {printer.port}\n{files}\nfingerprint = "{fingerprint}"'


def findings(directory, printer, fingerprint):
    file = directory / "agent.toml"
    top = 'profile = "lightmake"\nstate = "state"\npresence = "terminal"\n'
    file.write_text(top + section(printer, directory, fingerprint))
    made = build.parts(config.load(file), Rig(directory, plain(1)).device)
    return [row for row in asyncio.run(doctor._sources(made, False)) if row[1].startswith("bambu")]


def test_ok__doctor_shows_the_fingerprint_to_compare_and_then_the_printer(printer, tmp_path):
    [(kind, said)] = findings(tmp_path, printer, "")
    assert kind == "wrong" and printer.fingerprint in said and "compare" in said
    openssl = ":".join(printer.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    [(kind, said)] = findings(tmp_path, printer, openssl)
    assert (kind, said) == ("ok", "bambu: answers with 6 fields")


def canaries():
    """A report of everything as small models make it, with a canary in every text and every name that is free."""
    count = 0

    def canary():
        nonlocal count
        count += 1
        return f"canary-{count:03}-e71b"

    tray = {"id": canary(), "tag_uid": canary(), "tray_uuid": canary(), "tray_id_name": canary(), "remain": 73}
    status = {
        "command": "push_status",
        "gcode_state": "RUNNING",
        "mc_percent": 41,
        "mc_remaining_time": 12,
        "nozzle_temper": 219.8,
        "bed_temper": 60.1,
        "layer_num": 12,
        "total_layer_num": 200,
        "print_error": 0,
        "hms": [{"attr": 50335744, "code": 65543}],
        "ams": {"ams": [{"id": canary(), "tray": [tray]}], "tray_now": canary()},
        "ipcam": {"rtsp_url": f"rtsps://192.168.1.77/{canary()}", "tutk_server": canary()},
        "net": {"conf": 0, "info": [{"ip": 135440576, "mask": 16777215}]},
        "upload": {"oss_url": canary(), "file_size": 0, "status": canary()},
        "upgrade_state": {"sn": canary(), "message": canary(), "new_ver_list": [{"name": canary(), "sn": canary()}]},
        **{name: canary() for name in TEXTS},
    }
    status[canary()] = 1
    module = [{"name": canary(), "sn": canary(), "hw_ver": canary()}]
    return {"print": status, "info": {"command": canary(), "module": module}, canary(): {canary(): canary()}}


TEXTS = ("subtask_name", "gcode_file", "task_id", "project_id", "profile_id", "subtask_id", "wifi_signal")
TEXTS += ("printer_type", "nozzle_type", "lifecycle", "sequence_id", "url", "msg", "user_name", "dev_name")
TEXTS += ("fail_reason", "gcode_start_time", "design_id")


@pytest.mark.clause("L6", "L8", "L9", "L10", "L21", "L22", "P1")
@pytest.mark.attack(13, 14, 16)
def test_ok__state_progress_and_temperatures_arrive_and_no_name_does(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    full = canaries()
    words = [f"canary-{one:03}-e71b" for one in range(1, 100) if f"canary-{one:03}-e71b" in json.dumps(full)]
    with (
        Printer(tmp_path / "printer", full) as printer,
        Broker(tmp_path) as broker,
        Subscriber(broker.inside) as maker,
    ):
        rig = Rig(tmp_path, plain(broker.port), sources=section(printer, tmp_path, printer.fingerprint))

        async def tale():
            agent, before = rig.agent(), printer.broker.connections()
            await forward(rig, agent, 30, step=10.0)
            assert printer.broker.connections() == before  # nothing is permitted: not even a connection
            for purpose, recipient in rig.parts.catalogue.pairs():
                rig.grant(purpose, recipient)
            agent.tick()
            source = next(one.source for one in agent._sources if one.source.name == "bambu")
            raw = {}
            for turn in range(200):
                await forward(rig, agent, 10, step=10.0)
                await asyncio.sleep(0.02)
                raw = {**source.heard._status, **raw}
                if turn == 20:
                    printer.prints(gcode_state="FINISH", mc_percent=100)
                if turn > 60 and len(maker.messages) > 3:
                    break
            await until(agent, lambda: not any(uplink.waiting() for uplink in agent.uplinks.values()))
            await agent.close()
            return raw, agent.gate.undeclared

        raw, undeclared = asyncio.run(asyncio.wait_for(tale(), 100))
        said = repr(raw)
        assert len(words) > 30 and not [one for one in words if one not in said]  # the control: all were there to leak
        assert raw["serial"] == SERIAL and raw["address"] == 135440576 and undeclared > len(words)
        assert any(b"printing" in payload for payload in maker.payloads())
        state_files = b"".join(one.read_bytes() for one in Path(tmp_path, "state").rglob("*") if one.is_file())
        topics = "".join(topic for topic, *_ in maker.messages).encode()
        everything = b"".join(maker.payloads()) + topics + broker.log.read_bytes() + state_files + caplog.text.encode()
        for word in (b"canary", b"e71b", SERIAL.encode(), CODE.encode(), b"192.168", printer.fingerprint.encode()):
            assert word.lower() not in everything.lower(), word
        for payload in maker.payloads():
            for field, value in (pair for event in cbor2.loads(payload)[3] for pair in event):
                assert field in (*range(1, 11), 31, 32, 33) and (isinstance(value, int) or field in (1, 31))
                assert value != 135440576
        assert set(printer.sent()) == {REQUEST}
