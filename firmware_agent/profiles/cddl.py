"""Catalogue -> CDDL (RFC 8610): the exact set of payloads that a device with this profile can send.

Arrays throughout, because a map inside an array is left open by common validators.
"""

from typing import Any

from firmware_agent.catalogue import Catalogue
from firmware_agent.gate import MESSAGE


def cddl(catalogue: Catalogue) -> str:
    """The schema as text."""
    purposes = sorted(catalogue.purposes)
    lines = [
        f"; Payloads of profile {catalogue.profile} {catalogue.version}. Made by tools/compile_profile; do not edit.",
        "; ident: 8 random bytes, new for each message, so that a second copy can be told. No field names a device.",
        "",
        "message = " + " / ".join(f"{_rule(purpose)}-message" for purpose in purposes),
        "",
    ]
    for purpose in purposes:
        rule = _rule(purpose)
        fields = catalogue.fields_of(purpose)
        lines.append(f'{rule}-message = [{MESSAGE}, ident, "{purpose}", [1*{len(fields)} {rule}-field]]')
        lines.append(f"{rule}-field = " + " / ".join(_rule(name) + "-value" for name, _ in fields))
        lines.append("")
    lines.append("ident = bytes .size 8")
    for name, row in sorted(catalogue.fields.items(), key=lambda item: item[1]["id"]):
        if row["purposes"]:
            lines.append(f"{_rule(name)}-value = [{row['id']}, {_kind(row)}] ; {row['category']}, {row['clause']}")
    return "\n".join(lines) + "\n"


def _rule(name: str) -> str:
    return name.replace("_", "-")


def _kind(row: dict[str, Any]) -> str:
    parameters = row["parameters"]
    if row["transform"] == "enum":
        return " / ".join(f'"{value}"' for value in parameters["values"])
    if row["transform"] == "bucket":
        return f"0..{len(parameters['edges'])}"
    if row["transform"] == "picture":
        return f"bytes .size (4..{parameters['max']})"
    if row["transform"] == "day":
        return f"{parameters['min'] // 86400}..{parameters['max'] // 86400}"
    if row["transform"] == "round":
        step = parameters["step"]
        return f"{parameters['min'] // step * step}..{-(-parameters['max'] // step) * step}"
    return f"{parameters['min']}..{parameters['max']}" if "max" in parameters else "bool"
