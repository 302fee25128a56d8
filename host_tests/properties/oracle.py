"""What must become of a case, from the words of the rules alone. Nothing here calls the code under test."""

import hmac
import re
from fractions import Fraction
from math import isfinite
from typing import Any

import cbor2

from host_tests.board.replay import value
from host_tests.fakes import KEY
from host_tests.properties.generate import CANARY, NOW, Case, Tree


def complaints(case: Case, outcome: str) -> list[str]:
    """What is wrong with `outcome`, the line that a runtime gave for `case`; no line if nothing is."""
    wanted = pairs(case) if consent_holds(case) else []
    words = outcome.split(" ")
    if words[0] == "refused":
        return [f"refused ({words[1]}) although consent holds"] if wanted else []
    if words[0] != "release":
        return [f"neither released nor refused: {outcome}"]
    payload = bytes.fromhex(words[1])
    out = [] if wanted else ["released although it may not be"]
    if CANARY.encode() in payload:
        out.append("the canary is in the payload")
    message = cbor2.loads(payload)
    if cbor2.dumps(message, canonical=True) != payload:
        out.append("the payload is not in its canonical form")
    sent = [pair for event in message[3] for pair in event]
    if len(message[3]) != 1:
        out.append("one record, and not one event")
    declared = {
        row["id"] for row in case.now.tree["field"].values() if case.vector["purpose"] in row.get("purposes", ())
    }
    if [number for number, _ in sent if number not in declared]:
        out.append("a field that is not declared for this purpose")
    if message[:3] != [2, bytes.fromhex(case.vector["ident"]), case.vector["purpose"]] or len(message) != 4:
        out.append("the payload's head is not the message's")
    if [number for number, _ in sent] != [number for number, _ in wanted]:
        out.append("not the fields that fit, each once, by rising id")
    else:
        for (number, given), (_, allowed) in zip(sent, wanted, strict=True):
            if not [one for one in allowed if one == given and type(one) is type(given)]:
                out.append(f"field {number}: not the declared form of its value")
    return out


def consent_holds(case: Case) -> bool:
    """The owner's latest decision about this purpose and recipient says yes, to these rows, and still counts."""
    vector = case.vector
    purpose, recipient, clock = vector["purpose"], vector["recipient"], vector["now"]
    if purpose not in case.now.tree["purpose"] or recipient not in case.now.tree["purpose"][purpose]["recipients"]:
        return False
    latest = None
    if "decisions" in vector:
        for row, rows_read in zip(vector["decisions"], case.shown, strict=True):
            if row[:2] == [purpose, recipient]:
                latest = (row[2], rows_read, row[5])
    else:
        row, floor, trouble = vector["current"]
        if trouble or floor is None or row is None or row[:2] != [purpose, recipient] or row[4] < floor:
            return False
        latest = (row[2], case.shown[0], row[8])
    if latest is None:
        return False
    state, rows_read, until = latest
    if state not in ("ConsentGiven", "RenewedConsentGiven"):
        return False
    if rows_read is None or meaning(rows_read, purpose, recipient) != meaning(case.now.tree, purpose, recipient):
        return False
    return until is None or (clock is not None and clock < until)


def meaning(tree: Tree, purpose: str, recipient: str) -> list[Any]:
    """Every row that says what a consent for `purpose` and `recipient` would mean."""
    fields = {name: row for name, row in tree["field"].items() if purpose in row.get("purposes", ())}
    return [tree["profile"], tree["purpose"][purpose], tree["recipient"][recipient], fields]


def pairs(case: Case) -> list[tuple[int, list[Any]]]:
    """(field id, the forms its value may take) of each declared field whose value fits, by rising id.

    None where pseudonyms alone fit and something else was given: they would stand for nothing.
    """
    out = []
    told = unfit = False
    for name, spec in case.vector["fields"]:
        row = case.now.tree["field"].get(name)
        if row is None or case.vector["purpose"] not in row.get("purposes", ()):
            continue
        if "expires" in row and (case.vector["now"] is None or case.vector["now"] >= NOW):
            unfit = True
            continue
        if row["transform"] == "pseudonym":
            allowed = _pseudonym(case, name, value(spec))
        else:
            allowed = forms(row, value(spec), case.clean.get(name))
        if allowed:
            out.append((row["id"], allowed))
            told = told or row["transform"] != "pseudonym"
        unfit = unfit or not allowed
    return sorted(out) if told or not unfit else []


def _pseudonym(case: Case, name: str, raw: Any) -> list[bytes]:
    """By the secret that all devices of these tests have; without a clock there is none."""
    if case.vector["now"] is None or type(raw) not in (str, bytes, bytearray, int):
        return []
    if isinstance(raw, int) and not -(2**64) <= raw < 2**64:
        return []
    if not isinstance(raw, int) and not 0 < len(raw) <= 256:
        return []
    try:
        named = cbor2.dumps([name, bytes(raw) if isinstance(raw, bytearray) else raw], canonical=True)
    except UnicodeEncodeError:
        return []
    about = cbor2.dumps([case.vector["purpose"], case.vector["now"] // 86400], canonical=True)
    return [hmac.digest(hmac.digest(KEY, about, "sha256"), named, "sha256")[:16]]


def forms(row: Tree, raw: Any, clean: "bytes | None") -> list[Any]:
    """The forms that a raw value of this row may take; clean: the picture that stands in it, None if none does."""
    transform = row["transform"]
    if transform == "picture":
        return [clean] if isinstance(raw, (bytes, bytearray)) and clean is not None and len(raw) <= row["max"] else []
    if transform == "enum":
        return [raw] if isinstance(raw, str) and raw in row["values"] else []
    if transform == "pattern":
        exact = "".join({"#": "[0-9]", "@": "[A-Z]"}.get(one, re.escape(one)) for one in row["form"])
        return [raw] if isinstance(raw, str) and re.fullmatch(exact, raw) else []
    if transform == "version":
        found = re.match(r"[vV]?([0-9]{1,4})\.([0-9]{1,3})(?![^.+ -])", raw) if isinstance(raw, str) else None
        if found is None and isinstance(raw, str):  # a second number of four digits that begins with zeros is small too
            found = re.match(r"[vV]?([0-9]{1,4})\.(0[0-9]{3})(?![^.+ -])", raw)
        return [int(found[1]) * 1000 + int(found[2])] if found and int(found[1]) <= row["max"] else []
    if transform == "keep" and "max" not in row:
        return [raw] if isinstance(raw, bool) else []
    if transform == "count" and isinstance(raw, (list, tuple, dict)):
        raw = len(raw)
    if type(raw) not in (int, float) or not isfinite(raw) or not row["min"] <= raw <= row["max"]:
        return []
    if transform in ("keep", "count"):
        return [raw] if type(raw) is int else []
    exact = Fraction(raw)
    if transform == "log2":
        return [int(exact).bit_length()]
    if transform == "bucket":
        return [sum(exact >= edge for edge in row["edges"])]
    if transform == "day":
        return [exact // 86400]
    step = row["step"]
    nearest = (exact + Fraction(step, 2)) // step * step
    if exact.denominator == 1:
        return [nearest]
    # a fraction that is a hair away from a half may go either way
    hair = Fraction(1, 10**12) * max(1, abs(exact), step)
    return sorted({(exact + Fraction(step, 2) + off) // step * step for off in (-hair, hair)} | {nearest})
