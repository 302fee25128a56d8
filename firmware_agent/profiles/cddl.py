"""Catalogue -> CDDL (RFC 8610): the exact set of payloads that a device with this profile can send and understand.

Arrays throughout, because a map inside an array is left open by common validators.
"""

from typing import Any

from firmware_agent.catalogue import REQUEST, Catalogue
from firmware_agent.gate import MESSAGE
from firmware_agent.outcomes import bounds
from firmware_agent.transforms import PSEUDONYM, SEALED

_SPECIAL = r"\.?*+|(){}[]^"
MOST_EVENTS = 256  # in one message; a media purpose sends one

_EPOCHS = (
    "; A pseudonym is random to all who lack a secret of the device. The same thing has the same one in all messages",
    "; of one purpose and epoch, and another in every other. Epochs begin at the multiples of their length since 1970.",
)

_IDENT = """\
; r = 8 random bytes, then the first 8 bytes of HMAC-SHA256(K, r). Without K, which the device keeps for each purpose
; and recipient until the owner has its messages deleted, this is new random bytes for each message.
ident = bytes .size 16
"""

_ANSWERS = """\
; What devices hear. `signature` is Ed25519 over the text that is named, a zero byte, and the bytes of the body. It is
; verified before the body is decoded.

; On TOPIC/reply/REPLY, the reply in hex; signed with "firmware_agent answer 1".
answer = [1, bytes .cbor answer-body, signature]
answer-body = acknowledge / receipt
acknowledge = ["acknowledge", reply, request-ident]
receipt = ["receipt", reply, request-ident, deleted-messages, seconds-since-1970]

; On TOPIC/to/MAILBOX, the mailbox in hex; signed with "firmware_agent command 1". No purpose: all of them.
command = [1, bytes .cbor command-body, signature]
command-body = ["withdraw", mailbox, counter, purpose / ""]

deleted-messages = uint
seconds-since-1970 = uint
counter = uint
key = bytes .size 32
reply = bytes .size 16
request-ident = bytes .size 16
mailbox = bytes .size 16
signature = bytes .size 64
"""


def cddl(catalogue: Catalogue) -> str:
    """The schema as text. Its first rule, `sent`, is everything that devices send."""
    purposes = sorted({purpose for purpose, recipient in catalogue.pairs() if not catalogue.local(recipient)})
    lines = [
        f"; Payloads of profile {catalogue.profile} {catalogue.version}. Made by tools/compile_profile; do not edit.",
        "; No field names a device. What stays on the owner's own network has no message.",
        *(_EPOCHS if any(map(catalogue.epoch, purposes)) else ()),
        "",
        "sent = message / rights-request",
        "message = " + " / ".join(f"{_rule(purpose)}-message" for purpose in purposes),
        "",
    ]
    for purpose in purposes:
        rule = _rule(purpose)
        fields = catalogue.fields_of(purpose)
        events = "" if catalogue.purposes[purpose]["media"] else f"1*{MOST_EVENTS} "
        lines.append(f'{rule}-message = [{MESSAGE}, ident, "{purpose}", [{events}{rule}-event]]')
        lines.append(f"{rule}-event = [1*{len(fields)} {rule}-field]")
        lines.append(f"{rule}-field = " + " / ".join(_rule(name) + "-value" for name, _ in fields))
        lines.append("")
    for name, row in sorted(catalogue.fields.items(), key=lambda item: item[1]["id"]):
        if not set(row["purposes"]).isdisjoint(purposes):
            lines.append(f"{_rule(name)}-value = [{row['id']}, {_kind(row)}] ; {_about(row)}")
    lines.append("")
    lines.append(f'rights-request = [{MESSAGE}, request-ident, "{REQUEST}", ["delete", purpose, key, reply]]')
    lines.append("purpose = " + " / ".join(f'"{purpose}"' for purpose in purposes))
    return "\n".join(lines) + "\n\n" + _IDENT + "\n" + _ANSWERS


def _rule(name: str) -> str:
    return name.replace("_", "-")


def _about(row: dict[str, Any]) -> str:
    epoch = row["parameters"].get("epoch")
    return f"{row['category']}, {row['clause']}" + (f", another each {epoch} s" if epoch else "")


def _kind(row: dict[str, Any]) -> str:
    parameters = row["parameters"]
    if row["transform"] == "enum":
        return " / ".join(f'"{value}"' for value in parameters["values"])
    if row["transform"] == "pattern":
        return f'(text .size {len(parameters["form"])}) .and (text .regexp "{_regexp(parameters["form"])}")'
    if row["transform"] == "pseudonym":
        return f"bytes .size {PSEUDONYM}"
    if row["transform"] == "picture":
        return f"bytes .size (4..{parameters['max'] + SEALED})"
    if row["transform"] in ("point_cloud", "bundle"):
        return f"bytes .size (1..{parameters['max']})"
    if row["transform"] == "keep" and "max" not in parameters:
        return "bool"
    low, high = bounds(row["transform"], parameters)
    return f"{low}..{high}"


def _regexp(form: str) -> str:
    """A pattern's form as a regular expression in a CDDL text. Some validators search in a text and others match all of
    it; with the size beside it both mean the same.
    """
    wild = {"#": "[0-9]", "@": "[A-Z]", "$": "[$]"}
    plain = "".join(wild.get(one, f"\\{one}" if one in _SPECIAL else one) for one in form)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
