"""A real OctoPrint at one end, a real broker at the other: its state arrives, its names never do."""

import asyncio

import cbor2
import pytest

from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.octoprint import octoprint

CANARY = "canary-5b1e Anns birthday"
GCODE = b"; canary-9d0c comment\nM117 canary-77aa message\nM104 S200\nG28\n" + b"G1 X10 F600\nG1 X90 F600\n" * 200


@pytest.mark.clause("L6", "L8", "L9", "L21", "L22")
@pytest.mark.attack(13, 14)
def test_ok__state_progress_and_temperatures_arrive_and_no_name_does(tmp_path):
    with octoprint(tmp_path / "octoprint") as printer, Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        key = tmp_path / "octoprint.key"
        key.write_text(printer.key + "\n")
        source = f'[source.octoprint]\nurl = "{printer.url}"\nkey_file = "{key}"'
        rig = Rig(tmp_path, plain(broker.port), sources=source)
        for purpose in ("improvement_program", "print_history", "snapshot"):
            rig.grant(purpose)
        printer.upload_and_print(CANARY + ".gcode", GCODE)

        async def story():
            agent = rig.agent()
            raw = (await agent._sources[0].source.read())[0].fields
            for _ in range(400):
                await forward(rig, agent, 10, step=10.0)
                await asyncio.sleep(0.02)
                if any(b"printing" in payload for payload in maker.payloads()) and len(maker.messages) > 3:
                    break
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
            await agent.close()
            return raw, (agent.gate.undeclared, agent.gate.unfit)

        raw, (undeclared, _) = asyncio.run(story())
        assert CANARY in raw["job_file"] and undeclared > 10  # the control: the names were there to leak
        assert any(b"printing" in payload for payload in maker.payloads())
        everything = b"".join(maker.payloads()) + (tmp_path / "state/ledger.0").read_bytes()
        for canary in (b"canary", b"Anns", b"birthday", printer.user.encode(), printer.key.encode(), b"VIRTUAL"):
            assert canary not in everything, canary
        for payload in maker.payloads():
            for field, value in (pair for event in cbor2.loads(payload)[3] for pair in event):
                assert field in (*range(1, 11), 31) and (isinstance(value, int) or field in (1, 31))


def test_ok__a_printer_that_is_gone_is_said_and_recovers(tmp_path):
    with Broker(tmp_path) as broker:
        key = tmp_path / "octoprint.key"
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
        assert "127.0.0.1" in trouble and "xxxx" not in trouble
