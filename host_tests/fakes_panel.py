"""A Desk and a Doorbell that keep the whole contract of the owner's page, with a plausible printer behind them.

`python -m host_tests.fakes_panel PORT` serves them over plain HTTP on 127.0.0.1, with the real pages: pairing code
12345678, secret of zeros, and 123456 as the code that the device shows.
"""

import asyncio
import hashlib
import hmac
import io
import json
import os
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from firmware_agent import cbor
from firmware_agent.errors import REASONS, FormatError, Refused
from firmware_agent.sessions import ROLES, SessionGate
from host_tests import fakes_camera

DEVICE = "d0" * 16
CODE, SECRET, SHOWN = "12345678", "00" * 16, "123456"
NARROWING = ("withdraw", "refuse", "later", "object", "stop", "declare_minor", "end_service", "leave", "show_code")
OWNERS = ("delete_upstream", "correct", "decide", "declare_of_age", "invite", "remove", "erase")
PROVED = ("decide", "declare_of_age", "invite", "remove", "erase")
PEOPLE = ("owner", "guardian", "viewer")
MAKER = "LightMake (the maker of this printer)"
_PERFORMANCE = (
    *("state", "progress", "nozzle_temperature", "nozzle_target", "bed_temperature", "bed_target", "elapsed"),
    *("firmware_version", "error_code"),
)
_HISTORY = ("job_start", "job_finish", "job_material")
# name: title, notice, media, every, kept, clauses, fields (name, category, sensitivity)
PURPOSES = {
    "improvement_program": (
        "Customer experience improvement program",
        "Every 10 seconds while the printer is on: its state, progress and temperatures, rounded; its firmware version "
        "and error codes; and a number that stands for this printer and changes each day. No names, no files, no "
        "address.",
        (False, 10, 90 * 86400, ["L6", "L11", "C2"]),
        [*((name, "performance", "low") for name in _PERFORMANCE), ("printer", "pseudonym", "personal")],
    ),
    "print_history": (
        "Print history",
        "When a print ends: when it started, when it finished, how much material it used. Not what you printed.",
        (False, 0, 365 * 86400, ["L7"]),
        [(name, "print_history", "personal") for name in _HISTORY],
    ),
    "snapshot": (
        "Camera snapshot",
        "A still picture from the camera inside your printer, every 10 seconds. It is sent once and kept nowhere on "
        "the way.",
        (True, 10, 0, ["L1", "L2", "L3", "L4"]),
        [("picture", "camera_image", "sensitive")],
    ),
}
_REASON = {
    "undecided": "consent_missing",
    "later": "consent_undecided",
    "refused": "consent_refused",
    "withdrawn": "consent_withdrawn",
    "changed": "policy_changed",
    "ended": "consent_expired",
    "invalid": "consent_invalid",
    "allowed": "",
}


def moment(seconds=None):
    """RFC 3339, UTC."""
    return datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def declared(name):
    """title, notice, (media, every, kept, clauses), fields of a purpose for the maker, or of "purpose recipient"."""
    return PURPOSES.get(name) or fakes_camera.ROWS[name]


def pair(name):
    """(purpose, recipient, who that is)."""
    purpose, _, recipient = name.partition(" ")
    return purpose, recipient or "lightmake", fakes_camera.LOCAL.get(recipient, MAKER)


def policy_text(purpose):
    """What is shown and hashed."""
    title, notice, (_, _, kept, clauses), fields = declared(purpose)
    rows = "".join(f"  {name} ({category}, {sensitivity})\n" for name, category, sensitivity in fields)
    to = pair(purpose)[2]
    return f"{title}\n{notice}\nRecipient: {to}\nKept: {kept} s\nClauses: {', '.join(clauses)}\nFields:\n{rows}"


def policy_hash(purpose):
    return hashlib.sha256(policy_text(purpose).encode()).hexdigest()


def signed(public, body, signature):
    """Whether the holder of the P-256 point `public` signed `body`: raw r||s."""
    try:
        point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)
        halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        point.verify(encode_dss_signature(*halves), body.encode(), ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == 64


class Phones:
    """The paired keys: name -> (public, role, what the person calls it, since, until), nonces and counters."""

    def __init__(self):
        self.keys = {}
        self.counters = {}
        self.nonces = []

    def role(self, key):
        return self.keys[key][1] if key in self.keys else None

    def nonce(self):
        self.nonces = [*self.nonces[-63:], os.urandom(16).hex()]
        return self.nonces[-1]

    def command(self, proof, public=None):
        """(key, action, arguments) of a signed command that has not been used."""
        try:
            body, signature = proof["body"], bytes.fromhex(proof["signature"])
            if public is None:
                public = self.keys.get(bytes.fromhex(json.loads(body)[2]), [None])[0]
            if public is None:
                raise Refused("key_unknown")
            if not signed(public, body, signature):
                raise Refused("signature_wrong")
            form, device, key, counter, nonce, action, arguments = json.loads(body)
            key = bytes.fromhex(key)
        except (ValueError, TypeError, KeyError, IndexError):
            raise Refused("command_wrong") from None
        if form != "firmware_agent command 1" or device != DEVICE or type(counter) is not int:
            raise Refused("command_wrong")
        if key != hashlib.sha256(public).digest()[:8]:
            raise Refused("key_unknown")
        if nonce not in self.nonces or counter <= self.counters.get(key, 0):
            raise Refused("command_old")
        self.nonces.remove(nonce)
        self.counters[key] = counter
        return key, action, arguments


class FakeDoorbell:
    """Pairing is open until five wrong codes were tried. `calls` holds the name of each call that could change."""

    def __init__(self, gate, phones, calls=None):
        self._gate = gate
        self._phones = phones
        self.calls = [] if calls is None else calls
        self.tries = 5

    def state(self):
        nonce = self._phones.nonce()
        return {"open": self.tries > 0, "backoff": 0, "device": DEVICE, "nonce": nonce, "words": ["en", "zh"]}

    def pair(self, arguments):
        if self.tries <= 0:
            raise Refused("pairing_closed")
        for name, right in (("secret", SECRET), ("code", CODE)):
            given = arguments.get(name)
            if isinstance(given, str) and hmac.compare_digest(given.encode(), right.encode()):
                break
        else:
            self.tries -= 1
            raise Refused("code_wrong")
        name = arguments.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= 40:
            raise Refused("command_wrong")
        key = b""
        if "key" in arguments:
            try:
                public = bytes.fromhex(arguments["key"])
            except (ValueError, TypeError):
                raise Refused("command_wrong") from None
            key, action, _ = self._phones.command(arguments, public)
            if action != "pair":
                raise Refused("command_wrong")
            self._phones.keys[key] = (public, "owner", name, moment(), None)
        self.calls.append("pair")
        return self._gate.open("owner", key, name, 30 * 86400 if key else 3600)

    def login(self, arguments):
        key, action, _ = self._phones.command(arguments)
        if action != "login":
            raise Refused("command_wrong")
        _, role, name, _, _ = self._phones.keys[key]
        self.calls.append("login")
        return self._gate.open(role, key, name, 30 * 86400)


class FakeDesk:
    """`done` holds (action, arguments) of everything that was done: a test that nothing changed looks there."""

    def __init__(self, gate, phones, camera=None):
        self._gate = gate
        self._phones = phones
        self._listeners = set()
        self.camera = camera
        if camera is not None:
            camera.tells(lambda: self.tell({"what": "camera"}))
        self.done = []
        self.calls = []
        self.reset()

    def reset(self):
        self.device_name, self.region, self.age = "", "", "unknown"
        names = [*PURPOSES, *(() if self.camera is None else fakes_camera.ROWS)]
        self.states = {name: {"state": "undecided"} for name in names}
        self.entries, self.payloads, self.records, self.requests = [], {}, {}, []
        self.sequence, self.shown = 0, None

    # reading

    def home(self, session):
        self._role(session, ROLES)
        first = all(found["state"] == "undecided" for found in self.states.values())
        watching = [{"who": "Hallway tablet", "purpose": "snapshot", "since": moment(time.time() - 300)}]
        camera = self.states["snapshot"]["state"] == "allowed"
        further = () if self.camera is None else (*fakes_camera.ACTIONS, "remove_viewer")
        return {
            "device": {
                "name": self.device_name,
                "profile": "lightmake",
                "version": "2026-11",
                "maker": "LightMake",
                "region": self.region,
                "head": self._head(),
                "entries": len(self.entries),
            },
            "now": moment(),
            "you": {
                "role": session.role,
                "name": session.name,
                "key": session.key.hex(),
                "may": [*NARROWING, *(("said", *OWNERS, *further) if session.role in ("owner", "guardian") else ())],
            },
            "first": first,
            "age": {"threshold": 13, "guardian": False, "state": self.age},
            "camera": self.camera.home(self._allowed)
            if self.camera
            else {"on": camera, "watching": watching if camera else []},
            "sources": [self._source()],
            "region": {"chosen": "", "offered": []},  # the real desk's tests look at it
            "purposes": [self._purpose(name) for name in self.states],
            "today": self._today(),
            "refused": self._refused(),
            "waiting": [
                {"purpose": name, "recipient": "lightmake", "events": 3}
                for name, found in self.states.items()
                if found["state"] == "allowed" and name in PURPOSES
            ],
            "service": [
                {"key": key.hex(), "name": name, "case": "RMA-7", "until": until}
                for key, (_, role, name, _, until) in self._phones.keys.items()
                if role == "service"
            ],
            "people": [
                {
                    "key": key.hex(),
                    "role": role,
                    "name": name,
                    "since": since,
                    "until": until,
                    "you": key == session.key,
                }
                for key, (_, role, name, since, until) in self._phones.keys.items()
            ],
            "requests": list(self.requests),
            "warnings": [{"code": "no_presence", "text": "No button and no screen: codes are shown on the console."}],
        }

    def said(self, session):
        """A printer with 400 names that no policy knows, of which people made up some."""
        self._role(session, ("owner", "guardian"))
        standing, reads = self._source(), self._source()["state"] == "reading"
        strange = [f"moonraker.objects.temperature_sensor Ann's {one}" for one in range(400)] if reads else []
        names = [name[:40] for name in strange] if session.role == "owner" else []
        row = {
            **standing,
            "time": moment() if reads else None,
            "machine": "",
            "said": 2 + len(strange) + 2 if reads else 0,
            "leaving": 2 if reads else 0,
            "purposes": [self._becomes(name) for name in ("improvement_program", "print_history")],
            "never": [{"field": "job_file", "clause": "L9"}, {"field": "message", "clause": "L21"}] if reads else [],
            "undeclared": {"count": len(strange), "names": names},
        }
        return {"sources": [row]}

    def timeline(self, session, before, count):
        self._role(session, ROLES)
        found = [row for row in reversed(self.entries) if before is None or row["number"] < before]
        return {"entries": found[:count], "more": len(found) > count}

    def bundle(self, session):
        self._role(session, ("owner", "guardian"))
        return {"state": "none", "done": 0, "trouble": "", "choices": [], "serial": False, "bundle": None}

    def bundle_text(self, session, of):
        self._role(session, ("owner", "guardian"))
        return f"{of}\n"

    def bundle_marks(self, session):
        self._role(session, ("owner", "guardian"))
        return []

    def payload(self, session, ident):
        self._role(session, ("owner", "guardian"))
        if ident not in self.payloads:
            raise FormatError("payload: no message with this ident is kept; look at the timeline")
        purpose, payload, events = self.payloads[ident]
        return {
            "purpose": purpose,
            "recipient": "lightmake",
            "left": moment(),
            "bytes": len(payload),
            "hex": payload.hex(),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "events": events,
        }

    def receipt(self, session, sequence):
        self._role(session, ("owner", "guardian"))
        if sequence not in self.records:
            raise FormatError("receipt: no decision has this number; look at the timeline")
        return self.records[sequence]

    def policy(self, session, policy):
        self._role(session, ROLES)
        for purpose in self.states:
            if policy_hash(purpose) == policy:
                return policy_text(purpose)
        raise FormatError("policy: no text has this hash; reload the page")

    def archive(self, session):
        self._role(session, ("owner", "guardian"))
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as files:
            files.writestr("manifest.json", json.dumps({"entries": len(self.entries)}))
        return whole.getvalue()

    def nonce(self, session):
        self._role(session, ROLES)
        return self._phones.nonce()

    async def changes(self, session):
        self._role(session, ROLES)
        waiting = asyncio.Queue(64)
        self._listeners.add(waiting)
        try:
            yield {"what": "home"}
            while True:
                yield await waiting.get()
        finally:
            self._listeners.discard(waiting)

    def watch(self, session, purpose, recipient, key):
        self._role(session, PEOPLE)
        name = self._pair({"purpose": purpose, "recipient": recipient})
        if self.camera is None or not self._allowed(name):
            raise Refused("consent_missing", purpose, recipient)
        return self.camera.pictures(session, purpose, recipient, key, lambda: self._allowed(name))

    # doing

    async def do(self, session, action, arguments, proof):
        self.calls.append(action)
        people = PEOPLE if action == "remove_viewer" else ("owner", "guardian")
        self._role(session, ROLES if action in NARROWING else people)
        needed = action in PROVED or action in fakes_camera.PROVED
        if action == "decide":
            choices = arguments.get("choices")
            if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
                raise Refused("command_wrong")
            needed = any(one.get("choice") == "allow" for one in choices)
        if needed:
            self._prove(session, action, arguments, proof)
        found = {
            name: getattr(self, "_" + name) for name in ("decide", "invite", "erase", "remove", "correct", "leave")
        }
        if self.camera is not None and action in (*fakes_camera.ACTIONS, "remove_viewer"):
            answer = self.camera.do(action, arguments)
        else:
            answer = found.get(action, self._simple)(session, action, arguments)
        self.done.append((action, arguments))
        self.tell({"what": "home"})
        await asyncio.sleep(0)
        return answer

    def tell(self, change):
        """Push it to every page that is open."""
        for waiting in self._listeners:
            if not waiting.full():
                waiting.put_nowait(change)

    def leaves(self, purpose="improvement_program"):
        """A message leaves: for the page's figures of today and for its timeline."""
        ident = os.urandom(16)
        payload = cbor.encode([2, ident, purpose, [[[1, 2], [2, 60], [3, 210]]]])
        shown = [("state", "printing"), ("progress", "60"), ("nozzle_temperature", "210")]
        words = [{"field": field, "value": value, "words": value} for field, value in shown]
        self.payloads[ident.hex()] = (purpose, payload, [words])
        self._entry("acknowledged", "", purpose, len(payload), ident.hex())
        self.tell({"what": "entry"})

    # inside

    def _source(self):
        reads = any(self._allowed(name) for name in ("improvement_program", "print_history"))
        return {"name": "moonraker", "state": "reading" if reads else "rest", "trouble": ""}

    def _becomes(self, name):
        leaves = [("state", "printing"), ("progress", "60")] if name == "improvement_program" else []
        fields = [field for field, _, _ in PURPOSES[name][3]]
        allowed = self._allowed(name)
        would = [field for field in fields if not allowed or field not in dict(leaves)]
        return {
            "purpose": name,
            "recipient": "lightmake",
            "title": PURPOSES[name][0],
            "who": MAKER,
            "allowed": allowed,
            "reason": _REASON[self.states[name]["state"]],
            "leaves": [{"field": one, "value": text, "words": text} for one, text in leaves] if allowed else [],
            "stays": [],
            "would": [
                {"field": one, "transform": "round", "parameters": {"step": 5, "min": 0, "max": 600}} for one in would
            ],
            "elsewhere": [],
        }

    def _allowed(self, name):
        return self.states[name]["state"] == "allowed"

    def _role(self, session, roles):
        self._gate.verify(session)
        if session.role not in roles:
            raise Refused("not_your_role")

    def _prove(self, session, action, arguments, proof):
        if not isinstance(proof, dict):
            raise Refused("no_presence")
        if "code" in proof:
            if self.shown != (action, arguments):
                raise Refused("code_ended")
            if proof["code"] != SHOWN:
                raise Refused("code_wrong")
            self.shown = None
        elif self._phones.command(proof)[1:] != (action, arguments):
            raise Refused("command_wrong")

    def _pair(self, arguments):
        purpose = arguments.get("purpose")
        if f"{purpose} {arguments.get('recipient')}" in self.states:
            return f"{purpose} {arguments['recipient']}"
        if not isinstance(purpose, str) or purpose not in PURPOSES:
            raise Refused("unknown_purpose")
        if arguments.get("recipient") != "lightmake":
            raise Refused("unknown_recipient")
        return purpose

    def _simple(self, session, action, arguments):
        """What narrows, and the rest that answers little."""
        if action == "stop":
            given = [name for name, found in self.states.items() if found["state"] == "allowed"]
            for name in given:
                self._record(session, name, "withdrawn", "page")
            return {"destroyed": 3 * len(given), "milliseconds": 12}
        if action in ("withdraw", "refuse", "later", "object"):
            state = {"refuse": "refused", "later": "later"}.get(action, "withdrawn")
            self._record(session, self._pair(arguments), state, "page")
            return {"destroyed": 3, "milliseconds": 12}
        if action == "delete_upstream":
            purpose = self._pair(arguments)
            self.requests.append(
                {"purpose": purpose, "recipient": "lightmake", "asked": moment(), "acknowledged": False}
            )
            self._entry("deletion_asked", "", purpose)
        elif action == "show_code":
            self.shown = (arguments.get("for"), arguments.get("arguments"))
            return {"seconds": 120}
        elif action == "declare_minor":
            self.age = "minor"
        elif action == "declare_of_age":
            self.age = "of_age"
        elif action == "end_service":
            self._drop(arguments)
        return {}

    def _decide(self, session, action, arguments):
        records = []
        for choice in arguments["choices"]:
            purpose = self._pair(choice)
            if choice.get("choice") not in ("allow", "refuse", "later"):
                raise Refused("command_wrong")
            if choice.get("policy") != policy_hash(purpose):
                raise Refused("text_changed", purpose, "lightmake")
            if choice["choice"] == "allow" and self.age == "minor":
                raise Refused("minor", purpose, "lightmake")
            if choice["choice"] == "allow" and self.age == "unknown" and arguments.get("of_age") is not True:
                raise Refused("age_unknown", purpose, "lightmake")
        if arguments.get("of_age") is True:
            self.age = "of_age"
        for choice in arguments["choices"]:
            state = {"allow": "allowed", "refuse": "refused", "later": "later"}[choice["choice"]]
            self._record(session, self._pair(choice), state, "signed" if session.key else "code")
            records.append({**{part: choice[part] for part in ("purpose", "recipient")}, "sequence": self.sequence})
            if state == "allowed" and self._pair(choice) in PURPOSES:
                self.leaves(choice["purpose"])
        return {"records": records}

    def _invite(self, session, action, arguments):
        if arguments.get("role") not in ROLES:
            raise Refused("command_wrong")
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h3v3h-3zM6 0h3v3h-3zM0 6h3v3h-3z"/>'
        )
        url = "http://127.0.0.1/#pair=" + SECRET
        return {"code": CODE, "secret": SECRET, "url": url, "qr": svg + "</svg>", "seconds": 300}

    def _remove(self, session, action, arguments):
        self._drop(arguments)
        return {}

    def _drop(self, arguments):
        try:
            del self._phones.keys[bytes.fromhex(arguments["key"])]
        except (KeyError, TypeError, ValueError):
            raise Refused("key_unknown") from None

    def _erase(self, session, action, arguments):
        self.reset()
        self._phones.keys.clear()
        self._gate.close_all()
        return {"erased": moment(), "stores": ["consent", "ledger", "waiting"], "left": []}

    def _correct(self, session, action, arguments):
        name, region = arguments.get("name", self.device_name), arguments.get("region", self.region)
        if not isinstance(name, str) or not isinstance(region, str) or len(name) > 40 or len(region) not in (0, 2):
            raise Refused("command_wrong")
        self.device_name, self.region = name, region
        return {}

    def _leave(self, session, action, arguments):
        self._phones.keys.pop(session.key, None)
        self._gate.close(session)
        return {}

    def _record(self, session, purpose, state, method):
        self.sequence += 1
        self.states[purpose] = {
            "state": state,
            "since": moment(),
            "by": session.role,
            "method": method,
            "sequence": self.sequence,
        }
        self.records[self.sequence] = {
            "@context": "urn:firmware-agent:context",
            "@type": "ConsentRecord",
            "sequence": self.sequence,
            "purpose": purpose,
            "state": state,
            "policy": policy_hash(purpose),
            "time": moment(),
        }
        self._entry("decided", {"allowed": "ConsentGiven", "refused": "ConsentRefused"}.get(state, state), purpose)

    def _entry(self, event, detail, purpose, size=0, ident=""):
        self.entries.append(
            {
                "number": len(self.entries) + 1,
                "time": moment(),
                "event": event,
                "detail": detail,
                "why": REASONS[detail][0] if detail in REASONS else "",
                "purpose": pair(purpose)[0],
                "recipient": pair(purpose)[1],
                "title": declared(purpose)[0],
                "who": pair(purpose)[2],
                "categories": sorted({category for _, category, _ in declared(purpose)[3]}),
                "size": size,
                "count": 1,
                "ident": ident,
                "viewable": ident in self.payloads,
            }
        )

    def _purpose(self, name):
        title, notice, (media, every, kept, clauses), fields = declared(name)
        purpose, recipient, who = pair(name)
        found = self.states[name]
        reason = _REASON[found["state"]]
        changes = {
            "what": "kept",
            "before": "30 days",
            "after": "90 days",
            "wider": True,
            "meaning": "The maker keeps it three times as long.",
        }
        return {
            "purpose": purpose,
            "recipient": recipient,
            "title": title,
            "notice": notice,
            "who": who,
            "ask": "first" if name in PURPOSES else "later",
            "local": recipient in fakes_camera.LOCAL,
            "media": media,
            "every": every,
            "kept": kept,
            "answers": False,
            "clauses": clauses,
            "fields": [{"name": field, "category": category, "sensitivity": how} for field, category, how in fields],
            "policy": policy_hash(name),
            "allowed": found["state"] == "allowed",
            "state": found["state"],
            "why": REASONS[reason][0] if reason else "",
            "reason": reason,
            "since": found.get("since"),
            "by": found.get("by", ""),
            "method": found.get("method", ""),
            "until": None,
            "sequence": found.get("sequence"),
            "changes": [changes] if found["state"] == "changed" else [],
        }

    def _today(self):
        rows = {}
        for entry in self.entries:
            if entry["event"] == "acknowledged":
                row = rows.setdefault(
                    entry["purpose"],
                    {
                        "purpose": entry["purpose"],
                        "recipient": "lightmake",
                        "title": entry["title"],
                        "who": MAKER,
                        "messages": 0,
                        "events": 0,
                        "bytes": 0,
                    },
                )
                row["messages"] += 1
                row["events"] += entry["count"]
                row["bytes"] += entry["size"]
        return list(rows.values())

    def _refused(self):
        rows = []
        for name, found in self.states.items():
            reason = _REASON[found["state"]]
            if reason:
                why, todo = REASONS[reason]
                about = {"purpose": pair(name)[0], "recipient": pair(name)[1], "title": declared(name)[0]}
                rows.append({**about, "reason": reason, "why": why, "todo": todo, "count": 6, "time": moment()})
        return rows

    def _head(self):
        return hashlib.sha256(json.dumps(self.entries).encode()).hexdigest()


class World:
    """A gate, phones, desk and doorbell that belong together. ticks: seconds."""

    def __init__(self, ticks=time.monotonic, camera=None):
        self.phones = Phones()
        self.gate = SessionGate(os.urandom(32), os.urandom, ticks, self.phones.role)
        self.desk = FakeDesk(self.gate, self.phones, camera)
        self.doorbell = FakeDoorbell(self.gate, self.phones, self.desk.calls)


async def serve(port, camera=None):
    from firmware_agent.owner.panel.server import Panel
    from firmware_agent.owner.panel.settings import Settings

    world = World(camera=camera)
    pages = Path(__file__).parent.parent / "firmware_agent/owner/panel/pages"
    panel = Panel(world.desk, world.doorbell, world.gate, Settings(pages=pages), os.urandom(32), time.monotonic)
    await panel.start("127.0.0.1", port)
    print(f"http://127.0.0.1:{panel.port}/  code {CODE}, or #pair={SECRET}; the device shows {SHOWN}", flush=True)
    while True:
        await asyncio.sleep(10)
        if world.desk.states["improvement_program"]["state"] == "allowed":
            world.desk.leaves()


if __name__ == "__main__":
    try:
        asyncio.run(serve(int(sys.argv[1])))
    except KeyboardInterrupt:
        pass
