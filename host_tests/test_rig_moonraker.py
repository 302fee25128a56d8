"""The Moonraker that tests and benches run against: it is a real one, and it believes in its printer."""

import json
import socket
import time

import pytest

from host_tests.rigs import moonraker as rig
from host_tests.rigs.klippy import END, Klippy


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with rig.moonraker(tmp_path_factory.mktemp("moonraker") / "m") as pair:
        yield pair


def comes(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def until(what, seconds=20.0):
    assert comes(what, seconds), "it did not happen in time"


def test_ok__it_is_ready_with_every_part_it_needs(running):
    server, _ = running
    info = server.call("/server/info")
    assert info["klippy_connected"] and info["klippy_state"] == "ready"
    assert info["failed_components"] == [] and info["missing_klippy_requirements"] == []
    assert info["moonraker_version"].lstrip("v").startswith("0.11")


def test_ok__it_says_what_the_printer_says_and_sees_it_change(running):
    server, printer = running
    path = "/printer/objects/query?print_stats&extruder=temperature"
    assert server.call(path)["status"]["extruder"] == {"temperature": 21.4}
    printer.change("extruder", temperature=205.0)
    printer.change("print_stats", state="printing", filename="canary-11aa.gcode")
    try:
        status = server.call(path)["status"]
        assert status["extruder"] == {"temperature": 205.0}
        assert status["print_stats"]["state"] == "printing"
        assert status["print_stats"]["filename"] == "canary-11aa.gcode"
        # Moonraker's own history is fed by what it subscribed to, not by a query: and by a change that it saw.
        seen = lambda: server.call("/server/history/list")["count"] >= 1
        for _ in range(10):
            if comes(seen, 3.0):
                break
            printer.change("print_stats", state="standby", filename="")
            comes(lambda: False, 0.5)
            printer.change("print_stats", state="printing", filename="canary-11aa.gcode")
        assert seen()
    finally:
        printer.change("print_stats", state="standby", filename="")
        printer.change("extruder", temperature=21.4)


def test_ok__what_is_asked_of_the_printer_is_noted(running):
    server, printer = running
    server.call("/printer/gcode/script", {"script": "M105"})
    assert ("gcode/script", {"script": "M105"}) in printer.calls
    printer.say("// a line of the console")
    until(lambda: "// a line of the console" in str(server.call("/server/gcode_store")))


def test_fail__a_method_that_nobody_registered_and_one_that_klipper_does_not_have(running):
    _, printer = running
    with pytest.raises(KeyError, match="no connection registered"):
        printer.invoke("nobody_has_this")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(printer.path))
        client.sendall(json.dumps({"id": 7, "method": "no/such"}).encode() + END)
        answer = json.loads(client.recv(65536).rstrip(END))
        assert answer["id"] == 7 and "no/such" in answer["error"]["message"] and "result" not in answer


def test_ok__a_registered_method_is_called_with_its_parameters(tmp_path):
    with Klippy(tmp_path / "k") as printer, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(printer.path))
        wanted = {"response_template": {"method": "ring"}, "remote_method": "ring"}
        client.sendall(json.dumps({"id": 1, "method": "register_remote_method", "params": wanted}).encode() + END)
        assert json.loads(client.recv(65536).rstrip(END)) == {"id": 1, "result": {}}
        printer.invoke("ring", times=2)
        assert json.loads(client.recv(65536).rstrip(END)) == {"method": "ring", "params": {"times": 2}}
        printer.change("extruder", temperature=100.0)  # the control: it did not subscribe, so it is not told
        printer.invoke("ring", times=3)
        assert json.loads(client.recv(65536).rstrip(END)) == {"method": "ring", "params": {"times": 3}}


def test_fail__a_path_too_long_for_a_socket_is_said(tmp_path):
    with pytest.raises(ValueError, match="shorter directory"):
        rig.Moonraker(tmp_path / ("x" * 100), tmp_path / "k")


def test_fail__a_server_without_its_printer_is_not_ready(tmp_path):
    server = rig.Moonraker(tmp_path / "m", tmp_path / "nobody")
    try:
        with pytest.raises(RuntimeError, match="not ready"):
            server.wait(3)
    finally:
        server.stop()
