"""Profile (TOML, for people) -> catalogue (CBOR, for devices). What is inconsistent is refused here."""

import datetime
import re
import tomllib
from pathlib import Path
from typing import Any

from firmware_agent.catalogue import ASKS, BLOBS, EPOCH, FORM, FORMAT, PARAMETERS, RESERVED, WILD, is_form, pack
from firmware_agent.errors import ConfigError
from firmware_agent.profiles.clauses import Clause, clauses

SENSITIVITIES = ("low", "personal", "sensitive", "identifying")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TOPIC = re.compile(r"[a-z0-9_-]{1,40}(/[a-z0-9_-]{1,40}){0,5}")
_CLAUSE = re.compile(r"[A-Z]{1,3}[0-9]{1,3}")
_VERSION = re.compile(r"[0-9]{1,8}([-.][0-9]{1,8}){0,3}")
_KEY = re.compile(r"([0-9a-f]{64})?")
_SPAN = re.compile(r"([0-9]{1,6}) (s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_MIN = -(2**53)
_MAX = 2**53
_FIELD = ("id", "category", "purposes", "transform", "sensitivity", "retention", "clause")


def compile_profile(path: Path) -> bytes:
    """The compiled form of the profile at `path`; ConfigError names file, row and reason."""
    return pack(_Compiler(path.name).profile(_rows(path)))


def clauses_of(path: Path) -> dict[str, Clause]:
    """The clauses of the policy and what keeps each, as the profile at `path` lists them; {} if it lists none."""
    rows, compiler = _rows(path), _Compiler(path.name)
    compiler.profile(rows)
    return compiler.clauses


def _rows(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: not TOML: {error}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nesting as deep
        raise ConfigError(f"{path.name}: not a profile ({type(error).__name__})") from None


class _Compiler:
    def __init__(self, file: str) -> None:
        self.file = file
        self.clauses: dict[str, Clause] = {}

    def profile(self, rows: dict[str, Any]) -> dict[str, Any]:
        needed = ("profile", "version", "age", "device", "recipient", "purpose", "field")
        self.known("profile", rows, needed, ("clause",))
        recipients = {name: self.recipient(name, row) for name, row in self.table(rows, "recipient")}
        purposes = {name: self.purpose(name, row, recipients) for name, row in self.table(rows, "purpose")}
        fields = {name: self.field(name, row, purposes) for name, row in self.table(rows, "field")}
        self.together(recipients, purposes, fields)
        if "clause" in rows:
            self.clauses = clauses(self, rows["clause"], purposes, fields)
        return {
            "format": FORMAT,
            "profile": self.name("profile", "profile", rows["profile"]),
            "version": self.version(rows["version"]),
            "age": self.age(rows["age"]),
            "device": self.device(rows["device"]),
            "recipients": recipients,
            "purposes": purposes,
            "fields": fields,
        }

    def version(self, value: Any) -> str:
        if not isinstance(value, str) or not _VERSION.fullmatch(value):
            raise self.wrong("profile", "version", 'must be numbers joined by - or ., like "2026-11" or "2026-11.2"')
        return value

    def age(self, row: Any) -> dict[str, Any]:
        self.known("age", row, ("threshold", "guardian"), ())
        if type(row["threshold"]) is not int or not 0 <= row["threshold"] <= 99:
            raise self.wrong("age", "threshold", "must be a whole number of years from 0 to 99")
        return {"threshold": row["threshold"], "guardian": self.flag("age", "guardian", row["guardian"])}

    def device(self, row: Any) -> dict[str, Any]:
        self.known("device", row, ("sent", "ledger"), ())
        return {key: self.span("device", key, row[key]) for key in ("sent", "ledger")}

    def recipient(self, name: str, row: Any) -> dict[str, Any]:
        where = f"recipient.{name}"
        local = isinstance(row, dict) and self.flag(where, "local", row.get("local", False))
        if local:
            self.known(where, row, ("name", "local"), ())
            return {"name": self.text(where, "name", row["name"], 80), "topic": "", "answers": b""}
        self.known(where, row, ("name", "topic"), ("answers", "local"))
        topic = row["topic"]
        if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
            raise self.wrong(where, "topic", "must be words of a-z 0-9 _ - joined by /, without wildcards")
        answers = row.get("answers", "")
        if not isinstance(answers, str) or not _KEY.fullmatch(answers):
            raise self.wrong(where, "answers", "must be an Ed25519 public key as 64 digits of hex, or be left out")
        return {"name": self.text(where, "name", row["name"], 80), "topic": topic, "answers": bytes.fromhex(answers)}

    def purpose(self, name: str, row: Any, recipients: dict[str, Any]) -> dict[str, Any]:
        where = f"purpose.{name}"
        if name in RESERVED:
            raise self.wrong("purpose", name, "is built in; choose another name")
        self.known(where, row, ("title", "notice", "recipients", "every", "retention", "clauses"), ("media", "ask"))
        chosen = self.names(where, "recipients", row["recipients"], recipients, "a [recipient.…] of this profile")
        if not chosen:
            raise self.wrong(where, "recipients", "must name at least one")
        clauses = row["clauses"]
        if not isinstance(clauses, list) or not clauses:
            raise self.wrong(where, "clauses", "must be a list of at least one clause id")
        ask = row.get("ask", ASKS[0])
        if ask not in ASKS:
            raise self.wrong(where, "ask", "must be one of " + ", ".join(ASKS))
        return {
            "title": self.text(where, "title", row["title"], 80),
            "notice": self.text(where, "notice", row["notice"], 400),
            "recipients": chosen,
            "media": self.flag(where, "media", row.get("media", False)),
            "ask": ask,
            "every": self.span(where, "every", row["every"]),
            "retention": self.span(where, "retention", row["retention"]),
            "clauses": [self.clause(where, "clauses", one) for one in clauses],
        }

    def field(self, name: str, row: Any, purposes: dict[str, Any]) -> dict[str, Any]:
        where = f"field.{name}"
        if not isinstance(row, dict) or row.get("transform") not in tuple(PARAMETERS):
            raise self.wrong(where, "transform", "must be one of " + ", ".join(sorted(PARAMETERS)))
        transform = row["transform"]
        needed, optional = PARAMETERS[transform]
        never = transform == "drop"
        own = tuple(key for key in _FIELD if not (never and key in ("purposes", "retention")))
        self.known(where, row, own + needed, optional)
        if type(row["id"]) is not int or not 1 <= row["id"] <= 65535:
            raise self.wrong(where, "id", "must be a whole number from 1 to 65535")
        if row["sensitivity"] not in SENSITIVITIES:
            raise self.wrong(where, "sensitivity", "must be one of " + ", ".join(SENSITIVITIES))
        serves = (
            [] if never else self.names(where, "purposes", row["purposes"], purposes, "a [purpose.…] of this profile")
        )
        if not never and not serves:
            raise self.wrong(
                where, "purposes", 'must name at least one; for a field that never leaves, transform = "drop"'
            )
        if not never and row["sensitivity"] == "identifying":
            raise self.wrong(where, "sensitivity", 'an identifying field can only have transform = "drop"')
        return {
            "id": row["id"],
            "category": self.name(where, "category", row["category"]),
            "purposes": serves,
            "transform": transform,
            "parameters": self.parameters(where, transform, row),
            "sensitivity": row["sensitivity"],
            "retention": 0 if never else self.span(where, "retention", row["retention"]),
            "clause": self.clause(where, "clause", row["clause"]),
        }

    def parameters(self, where: str, transform: str, row: dict[str, Any]) -> dict[str, Any]:
        needed, optional = PARAMETERS[transform]
        given = {key: row[key] for key in needed + optional if key in row}
        if "expires" in given:
            given["expires"] = self.end(where, "expires", given["expires"])
        if "epoch" in given:
            given["epoch"] = self.span(where, "epoch", given["epoch"])
            if not EPOCH[0] <= given["epoch"] <= EPOCH[1]:
                raise self.wrong(where, "epoch", "must be from 1 d to 31 d: a pseudonym that lasts is a serial number")
        if "form" in given and not is_form(given["form"]):
            text = f"must be 1 to {FORM} characters of ASCII on one line, 1 to {WILD} of them # (a digit) or @ (A-Z)"
            raise self.wrong(where, "form", text)
        for key in ("min", "max", "step"):
            if key in given and (type(given[key]) is not int or not _MIN <= given[key] <= _MAX):
                raise self.wrong(where, key, "must be a whole number")
        if transform in BLOBS and given["max"] < 4:
            raise self.wrong(where, "max", "must be at least 4 bytes, the shortest JPEG")
        if given.get("step", 1) < 1:
            raise self.wrong(where, "step", "must be at least 1")
        if ("min" in given) != ("max" in given) and "min" in needed + optional:
            raise self.wrong(where, "min", "min and max go together")
        if "min" in given and given["min"] > given["max"]:
            raise self.wrong(where, "max", "must not be less than min")
        if transform in ("log2", "count") and given["min"] < 0:
            raise self.wrong(where, "min", "must not be negative")
        if transform == "version" and not 0 <= given["max"] <= 99:
            raise self.wrong(where, "max", "must be the greatest first number of a version, to 99")
        if "edges" in given:
            edges = given["edges"]
            whole = isinstance(edges, list) and all(type(edge) is int and _MIN <= edge <= _MAX for edge in edges)
            if not whole or not edges:
                raise self.wrong(where, "edges", "must be a list of whole numbers")
            if edges != sorted(set(edges)):
                raise self.wrong(where, "edges", "must rise")
        if "values" in given:
            values = given["values"]
            if not isinstance(values, list) or not values or len(set(map(str, values))) != len(values):
                raise self.wrong(where, "values", "must be a list of different words")
            given["values"] = [self.name(where, "values", value) for value in values]
        return given

    def together(self, recipients: dict[str, Any], purposes: dict[str, Any], fields: dict[str, Any]) -> None:
        """What only shows when the rows are read side by side."""
        if all(not recipients[one]["topic"] for row in purposes.values() for one in row["recipients"]):
            raise self.wrong("profile", "recipient", "every purpose is local: at least one needs a recipient elsewhere")
        seen: dict[int, str] = {}
        for name, row in fields.items():
            if row["id"] in seen:
                raise self.wrong(f"field.{name}", "id", f"{row['id']} is already the id of field.{seen[row['id']]}")
            seen[row["id"]] = name
            for purpose in row["purposes"]:
                if (row["transform"] in BLOBS) != purposes[purpose]["media"]:
                    raise self.wrong(
                        f"field.{name}", "purposes", f"pictures and records never share: purpose.{purpose}"
                    )
                if row["retention"] > purposes[purpose]["retention"]:
                    raise self.wrong(f"field.{name}", "retention", f"is longer than that of purpose.{purpose}")
        for name, asked in purposes.items():
            epochs = {row["parameters"].get("epoch", 0) for row in fields.values() if name in row["purposes"]} - {0}
            if len(epochs) > 1:
                raise self.wrong(f"purpose.{name}", "epoch", "its pseudonyms must all have the same one")
            kinds = {row["transform"] for row in fields.values() if name in row["purposes"]}
            if not kinds:
                raise self.wrong(f"purpose.{name}", "notice", "no field is declared for it: asking would mean nothing")
            if asked["media"] and len(kinds) > 1:
                raise self.wrong(f"purpose.{name}", "media", "a picture, a point cloud and a text share no purpose")
            local = [one for one in asked["recipients"] if not recipients[one]["topic"]]
            if local and kinds != {"picture"}:
                raise self.wrong(f"purpose.{name}", "recipients", f"{local[0]} is local: it can only be shown pictures")

    # --- single values

    def known(self, where: str, row: Any, needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
        if not isinstance(row, dict):
            raise ConfigError(f"{self.file}: {where}: must be a table")
        for key in row:  # first: a misspelt key would else show as a missing one
            if key not in needed + optional:
                raise self.wrong(where, key, "is not a key of this row; allowed: " + ", ".join(needed + optional))
        for key in needed:
            if key not in row:
                raise self.wrong(where, key, "is missing")

    def table(self, rows: dict[str, Any], key: str) -> list[tuple[str, Any]]:
        table = rows[key]
        if not isinstance(table, dict) or not table:
            raise self.wrong("profile", key, f"needs at least one [{key}.…] row")
        for name in table:
            self.name(key, name, name)
        return list(table.items())

    def names(self, where: str, key: str, value: Any, known: dict[str, Any], what: str) -> list[str]:
        if not isinstance(value, list) or len(set(map(str, value))) != len(value):
            raise self.wrong(where, key, "must be a list of different names")
        for one in value:
            if one not in tuple(known):
                raise self.wrong(where, key, f'"{one}" is not {what}')
        return value

    def name(self, where: str, key: str, value: Any) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.wrong(where, key, "must be a word of a-z 0-9 _, at most 40 long")
        return value

    def text(self, where: str, key: str, value: Any, most: int) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable() or not value.strip():
            raise self.wrong(where, key, f"must be one line of 1 to {most} characters")
        return value

    def flag(self, where: str, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(where, key, "must be true or false")
        return value

    def span(self, where: str, key: str, value: Any) -> int:
        found = _SPAN.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(where, key, 'must be like "10 s", "5 min", "2 h" or "90 d"')
        return int(found[1]) * _SECONDS[found[2]]

    def end(self, where: str, key: str, value: Any) -> int:
        """A date, as the second in which it begins (UTC)."""
        if type(value) is not datetime.date or not 2020 <= value.year < 2200:
            raise self.wrong(where, key, "must be a date without quotes, like 2028-06-30")
        return int(datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp())

    def clause(self, where: str, key: str, value: Any) -> str:
        if not isinstance(value, str) or not _CLAUSE.fullmatch(value):
            raise self.wrong(where, key, "must be one to three capital letters and a number, like L6")
        return value

    def wrong(self, where: str, key: str, why: str) -> ConfigError:
        return ConfigError(f"{self.file}: {where}: {key}: {why}")
