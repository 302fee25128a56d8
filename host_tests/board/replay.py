"""Runs generated cases on either runtime: on MicroPython as `import replay`, on CPython as host_tests.board.replay.

A vector file has one JSON object a line. {"profile": FILE} loads a compiled profile; every other line is a case and
gives one line of text. Values travel as specs ([kind, ...], see `value`), so that both runtimes build the same ones.
"""

import gc
import json
import sys

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue
from firmware_agent.consent.store import ConsentStore
from firmware_agent.egress.pseudonyms import Pseudonyms
from firmware_agent.errors import FormatError, Refused
from firmware_agent.gate import Gate
from firmware_agent.model import ConsentRecord, Record
from host_tests.fakes import KEY, MemoryStorage

NAMED = {"nan": "nan", "inf": "inf", "-inf": "-inf"}


class Consents:
    """Implements the gate's view of a store: always the same answer."""

    def __init__(self, record, floor, trouble):
        self._answer = record, floor, trouble

    def standing(self, purpose, recipient):
        return self._answer + (False,)


def value(spec):
    """The Python value that `spec` stands for. A float is a quotient of integers that are doubles themselves."""
    kind = spec[0]
    if kind in ("int", "text"):
        return spec[1]
    if kind == "float":
        return spec[1] / spec[2]
    if kind == "bytes":
        return bytes.fromhex(spec[1])
    if kind == "bytearray":
        return bytearray(bytes.fromhex(spec[1]))
    if kind == "list":
        return [value(item) for item in spec[1]]
    if kind == "map":
        return {name: value(item) for name, item in spec[1]}
    if kind in NAMED:
        return float(NAMED[kind])
    return {"true": True, "false": False, "none": None, "object": object(), "lone": "\ud800"}[kind]


def outcome(catalogue, case):
    """What becomes of `case`, as one line: its payload or encoding in hex, or how it was refused."""
    try:
        if "decode" in case:
            return cbor.encode(cbor.decode(bytes.fromhex(case["decode"]))).hex()
        if "encode" in case:
            return cbor.encode(value(case["encode"])).hex()
        if "policy" in case:
            return catalogue.policy(*case["policy"]).hex()
        return _release(catalogue, case)
    except FormatError:
        return "refused"
    except Exception as error:  # whatever else is raised is a finding, and the other cases must still run
        return "raised " + type(error).__name__


def _release(catalogue, case):
    if "decisions" in case:
        consents = ConsentStore(MemoryStorage(), KEY)
        for purpose, recipient, state, policy, time, until in case["decisions"]:
            consents.put(purpose, recipient, state, bytes.fromhex(policy), "owner", "test", time, until)
    else:
        row, floor, trouble = case["current"]
        record = None
        if row is not None:
            record = ConsentRecord(*(row[:3] + [bytes.fromhex(row[3])] + row[4:]))
        consents = Consents(record, floor, trouble)
    ident = bytes.fromhex(case["ident"])
    pseudonyms = Pseudonyms(MemoryStorage(), lambda count: KEY[:count])
    gate = Gate(catalogue, consents, KEY, lambda *pair: ident, lambda: case["now"], pseudonyms.key)
    fields = Record({name: value(spec) for name, spec in case["fields"]})
    try:
        gate.collect(fields, case["purpose"], case["recipient"])
        release = gate.release(case["purpose"], case["recipient"])
        gate.verify(release)
    except Refused as error:
        return "refused %s %d %d" % (error.reason, gate.undeclared, gate.unfit)
    parts = (release.payload.hex(), release.seal.hex(), release.consent.hex(), ",".join(release.categories))
    return "release %s %d %d" % (" ".join(parts), gate.undeclared, gate.unfit)


def main():
    """Print one line for each case of the vector file named on the command line."""
    gc.threshold(4096)  # as a board's main.py does: collect often, or the small heap is shredded
    catalogue = None
    with open(sys.argv[1]) as file:
        for line in file:
            gc.collect()  # one case must not find the crumbs of another: JSON is not the agent's own work
            case = json.loads(line)
            if "profile" not in case:
                print(outcome(catalogue, case))
                continue
            catalogue = None  # the old one must go before there is room for the next
            gc.collect()
            with open(case["profile"], "rb") as compiled:
                catalogue = Catalogue(compiled.read())


if __name__ == "replay":  # its name where the board's runner imports it
    main()
