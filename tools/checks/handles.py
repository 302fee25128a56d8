"""Who may hold what leads out, and which modules of the standard library the agent uses at all.

exits.py proves which files open something. This proves who can use what they opened: a second caller of the wire or of
the printer's reader would be a fourth exit without a socket of its own.
"""

import ast

from checks.core import PACKAGE
from checks.exits import OUTSIDE

# module: (the names it may hand out, and who may take each)
HANDLES = {
    f"{PACKAGE}.egress.wire_mqtt": {
        "MqttWire": (f"{PACKAGE}/cli/build.py",),  # hands it to the door and to the uplink, and keeps none
        "probe": (f"{PACKAGE}/cli/doctor.py",),  # connects, sends nothing
    },
    f"{PACKAGE}.egress.link": {"Link": (f"{PACKAGE}/egress/wire_mqtt.py",)},
    f"{PACKAGE}.owner.panel.server": {"Panel": (f"{PACKAGE}/cli/front.py",)},  # hands it desk, doorbell and gate
    f"{PACKAGE}.owner.panel.free": {  # what the panel lets out without a session
        "Open": (f"{PACKAGE}/owner/panel/server.py", f"{PACKAGE}/owner/panel/doorstep.py"),
        "Farewell": (f"{PACKAGE}/owner/panel/server.py", f"{PACKAGE}/owner/panel/room.py"),
    },
    f"{PACKAGE}.camera.viewers.server": {  # hands it book, admissions and hub; run.py lets it follow the book
        "Viewers": (f"{PACKAGE}/cli/front.py", f"{PACKAGE}/cli/run.py"),
    },
    f"{PACKAGE}.owner.socket.server": {"ControlSocket": (f"{PACKAGE}/cli/front.py",)},
    f"{PACKAGE}.owner.socket.connection": {
        "Connection": (f"{PACKAGE}/owner/socket/server.py",),
        "turn_away": (f"{PACKAGE}/owner/socket/server.py",),
        "PATIENCE": (f"{PACKAGE}/owner/socket/server.py",),
    },
    f"{PACKAGE}.camera.sandbox.lock": {"lock": (f"{PACKAGE}/camera/worker.py",)},  # locks whatever process calls it
    f"{PACKAGE}.camera.sandbox.kernel": {
        "Kernel": tuple(f"{PACKAGE}/camera/sandbox/{name}.py" for name in ("lock", "second", "weaker")),
        "machine": (f"{PACKAGE}/camera/sandbox/lock.py", f"{PACKAGE}/camera/sandbox/weaker.py"),
    },
    f"{PACKAGE}.camera.sandbox.weaker": {  # locks whatever process calls it
        "confine": (f"{PACKAGE}/camera/adapted.py",),
        "NAME": (f"{PACKAGE}/camera/sources/adapter.py",),  # says so to people
    },
    "ctypes": {
        "CDLL": tuple(f"{PACKAGE}/camera/{name}.py" for name in ("sandbox/kernel", "turbo", "cutting")),
        "get_errno": (f"{PACKAGE}/camera/sandbox/kernel.py", f"{PACKAGE}/camera/cutting.py"),
        **dict.fromkeys(("c_long", "create_string_buffer"), (f"{PACKAGE}/camera/sandbox/kernel.py",)),
        "addressof": (f"{PACKAGE}/camera/sandbox/kernel.py", f"{PACKAGE}/camera/turbo.py"),
        **dict.fromkeys(
            ("byref", "c_char", "c_char_p", "c_int", "c_ulong", "c_void_p", "string_at"),
            (f"{PACKAGE}/camera/turbo.py",),
        ),
    },
    f"{PACKAGE}.camera.cutting": {"Leash": (f"{PACKAGE}/camera/using.py",)},
    f"{PACKAGE}.camera.upstream": {"Upstream": (f"{PACKAGE}/cli/build.py",)},
    f"{PACKAGE}.camera.processes": {"Process": (f"{PACKAGE}/camera/start.py",)},
    f"{PACKAGE}.telemetry.datagrams": {
        "Datagrams": (f"{PACKAGE}/telemetry/sources/intake.py", f"{PACKAGE}/cli/sources.py"),
        "Opened": (f"{PACKAGE}/telemetry/sources/intake.py",),
    },
    f"{PACKAGE}.telemetry.websocket": {
        "websocket": (f"{PACKAGE}/telemetry/sources/moonraker.py", f"{PACKAGE}/telemetry/sources/octoprint.py"),
    },
    f"{PACKAGE}.telemetry.unix_line": {"unix_line": (f"{PACKAGE}/telemetry/sources/moonraker.py",)},
    "serial": dict.fromkeys(("Serial", "SerialException"), (f"{PACKAGE}/telemetry/serial_line.py",)),
    f"{PACKAGE}.telemetry.serial_line": {
        "SerialLine": tuple(
            f"{PACKAGE}/telemetry/{name}.py" for name in ("serial_feed", "sources/marlin", "sources/grbl")
        ),
        "OpenLine": (f"{PACKAGE}/telemetry/serial_feed.py",),
    },
    f"{PACKAGE}.telemetry.pinned": {"connected": (f"{PACKAGE}/telemetry/mqtt_line.py",)},
    f"{PACKAGE}.telemetry.mqtt_line": {  # a line to a printer: its one verb besides hearing is `ask`
        "line": (f"{PACKAGE}/telemetry/sources/bambu.py",),
        "Place": (f"{PACKAGE}/telemetry/sources/bambu.py", f"{PACKAGE}/cli/sources.py"),  # an address
        "TURN": (f"{PACKAGE}/telemetry/sources/bambu.py",),
    },
    f"{PACKAGE}.telemetry.http": {  # `ask` posts what http.POSTED lists, and nothing else
        "get_json": (f"{PACKAGE}/telemetry/sources/octoprint.py",),
        "LOG_IN": (f"{PACKAGE}/telemetry/sources/octoprint.py",),
        "WANT_KEY": (f"{PACKAGE}/telemetry/octoprint_key.py",),
        "StatusError": (f"{PACKAGE}/telemetry/octoprint_key.py",),
        "Answer": (f"{PACKAGE}/telemetry/octoprint_key.py",),
        **dict.fromkeys(
            ("ask", "whole"), (f"{PACKAGE}/telemetry/sources/octoprint.py", f"{PACKAGE}/telemetry/octoprint_key.py")
        ),
    },
    f"{PACKAGE}.telemetry.octoprint_key": {
        **dict.fromkeys(("key", "LONGEST"), (f"{PACKAGE}/cli/key.py",)),  # asks for one, at the owner's command
    },
}
# fmt: off
STANDARD = {
    "argparse", "asyncio", "binascii", "collections", "contextlib", "csv", "ctypes", "dataclasses", "datetime", "errno",
    "fcntl", "functools", "grp", "hashlib", "heapq", "hmac", "io", "ipaddress", "itertools", "json", "logging", "math",
    "mmap", "os", "pathlib", "pwd", "random", "re", "resource", "secrets", "select", "shutil", "signal", "socket",
    "ssl", "stat", "struct", "sys", "termios", "textwrap", "time", "tomllib", "traceback", "typing", "unicodedata",
    "urllib", "zipfile", "zlib",
}
# fmt: on
LIBRARIES = {"paho", "h11", "wsproto", "cryptography", "microdot", "segno", "serial", PACKAGE}
PUBLISHERS = (f"{PACKAGE}/egress/wire_mqtt.py", f"{PACKAGE}/egress/link.py")
# What publishes to a printer instead of a recipient: one file, one call of `publish`, one constant text in it. No
# record and no other word can go that way; the text asks for a report, and changes nothing.
ASKERS = {
    f"{PACKAGE}/telemetry/mqtt_line.py": ("PUSHALL", b'{"pushing": {"sequence_id": "0", "command": "pushall"}}'),
}
# A request is the one release that needs no consent: only what brings the owner's requests to a recipient asks for one.
REQUESTERS = (f"{PACKAGE}/egress/rights.py",)
# A consent is written by whoever asked the rules of who may decide, and by nobody else.
DECIDERS = (f"{PACKAGE}/consent/authority.py",)
# What listens, and who says to what: the answer to a request, and the mailbox if the configuration has commands on.
SUBSCRIBERS = (f"{PACKAGE}/egress/link.py", *ASKERS)  # the latter to a printer's reports
EARS = (f"{PACKAGE}/egress/wire_mqtt.py", f"{PACKAGE}/egress/rights.py", f"{PACKAGE}/cli/build.py")
# The door calls `write` on a wire, files and consoles have one, too: only these files may call any.
WRITERS = (
    f"{PACKAGE}/egress/door.py",
    f"{PACKAGE}/consent/slots.py",  # storage
    f"{PACKAGE}/consent/store.py",
    f"{PACKAGE}/consent/texts.py",
    f"{PACKAGE}/consent/people.py",
    f"{PACKAGE}/camera/viewers/book.py",
    f"{PACKAGE}/consent/pairing.py",
    f"{PACKAGE}/consent/alias.py",
    f"{PACKAGE}/consent/installed.py",
    f"{PACKAGE}/owner/details.py",
    f"{PACKAGE}/owner/region.py",  # a slot
    f"{PACKAGE}/camera/crop.py",  # a slot
    f"{PACKAGE}/clock.py",
    f"{PACKAGE}/egress/vault.py",
    f"{PACKAGE}/egress/heads.py",
    f"{PACKAGE}/egress/intake.py",  # the slot with the counter of remote commands
    f"{PACKAGE}/device/",
    f"{PACKAGE}/owner/presence.py",  # the terminal
    f"{PACKAGE}/owner/socket/connection.py",  # lines to a peer with a Session
    f"{PACKAGE}/cli/key.py",  # the file of a printer's key
    f"{PACKAGE}/cli/asking.py",  # questions to the running agent, by its socket
    f"{PACKAGE}/telemetry/mqtt_line.py",  # packets of its closed list, to a printer
    f"{PACKAGE}/telemetry/http.py",  # asks the printer's own server for a page, or posts one of two constant texts
    f"{PACKAGE}/telemetry/websocket.py",  # questions to the printer's own server: a closed list, held by a test
    f"{PACKAGE}/telemetry/unix_line.py",
    f"{PACKAGE}/telemetry/serial_line.py",  # its table of queries to the printer's board
    f"{PACKAGE}/owner/panel/server.py",  # the panel's exit
    f"{PACKAGE}/owner/panel/lines.py",  # its connection
    f"{PACKAGE}/owner/panel/certificate.py",  # storage
    f"{PACKAGE}/cli/scrub.py",  # what was scrubbed, to standard output, past Python's buffer
    f"{PACKAGE}/bundle/bundle.py",  # G-code, to memory
    f"{PACKAGE}/cli/bundle.py",  # the bundle, to the file that the command names
    f"{PACKAGE}/scrub/given.py",  # what was scrubbed, to where the command says
)


def check(files: dict[str, str]) -> list[str]:
    """Imports of handles by others, modules that are not on the list, calls of `write` and `publish` elsewhere."""
    findings = []
    for path, text in files.items():
        if path.startswith(OUTSIDE):
            continue
        tree = ast.parse(text)
        for node in ast.walk(tree):
            findings += [f"{path}:{node.lineno}: {why}" for why in _node(path, node)]
        if path in ASKERS:
            findings += [f"{path}:1: {why}" for why in _asks(tree, *ASKERS[path])]
    return findings


def _asks(tree: ast.Module, name: str, text: bytes) -> list[str]:
    """Whether all that the file publishes is the constant `name`, and that constant is `text`."""
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "publish"]
    sent = [node.args[1:] for node in nodes if isinstance(node, ast.Call) and node.func in calls and not node.keywords]
    if len(calls) != 1 or [[ast.unparse(one) for one in args] for args in sent] != [[name]]:
        return [f"must hold exactly one publish(TOPIC, {name}); nothing else is ever published to a printer"]
    made = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    names = [node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    names += [node.arg for node in nodes if isinstance(node, ast.arg)]
    if names.count(name) != 1 or [getattr(value, "value", None) for value in made] != [text]:
        return [f"{name} must be the one text in ASKERS of tools/checks/handles.py, and be set once"]
    return []


def _node(path: str, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [why for alias in node.names for why in _module(alias.name) + _whole(alias.name)]
    if isinstance(node, ast.ImportFrom) and node.module:
        found = _module(node.module)
        for alias in node.names:
            found += _name(path, node.module, alias.name) + _whole(f"{node.module}.{alias.name}")
        return found
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "write" and not path.startswith(WRITERS):
            return ["calls write(); what leaves goes through Door.send, files through the device's storage"]
        if node.func.attr == "publish" and path not in (*PUBLISHERS, *ASKERS):
            return ["calls publish(); what leaves goes through Door.send"]
        if node.func.attr == "request" and path not in REQUESTERS:
            return ["calls request(); only deletion requests leave without consent, and egress/rights.py makes them"]
        if node.func.attr == "put" and ast.unparse(node.func.value).endswith("consents") and path not in DECIDERS:
            return ["calls put() of the consent store; consent/authority.py asks the rules first, and stores"]
        if node.func.attr == "subscribe" and path not in SUBSCRIBERS:
            return ["calls subscribe(); a wire listens to its `subscriptions` and to nothing else"]
    if isinstance(node, ast.Attribute) and node.attr == "subscriptions" and path not in EARS + SUBSCRIBERS:
        return ["touches `subscriptions`; only the files of EARS in tools/checks/handles.py say what a wire listens to"]
    return []


def _module(name: str) -> list[str]:
    if name.partition(".")[0] in STANDARD | LIBRARIES:
        return []
    return [f"imports {name}, which is not on the list of tools/checks/handles.py; see what it can reach first"]


def _whole(module: str) -> list[str]:
    return [f"imports {module} as a whole; take the one name of it that is needed"] if module in HANDLES else []


def _name(path: str, module: str, name: str) -> list[str]:
    allowed = HANDLES.get(module, {}).get(name, ())
    if module not in HANDLES or path in allowed:
        return []
    return [f"takes {name} of {module}; only {', '.join(allowed) or 'nobody'} may"]
