"""firmware-agent doctor: what is wrong, where, and what to do."""

import asyncio
import datetime
import logging
import stat
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.addresses import is_loopback
from firmware_agent.cli import words
from firmware_agent.cli.addresses import addresses, plain
from firmware_agent.cli.build import Parts, endpoint, opener, starter
from firmware_agent.cli.camera import camera, source
from firmware_agent.cli.coexist import findings as others
from firmware_agent.cli.ledger import cut_off
from firmware_agent.cli.sources import sources
from firmware_agent.cli.stores import register
from firmware_agent.config import UplinkConfig
from firmware_agent.egress.ledger import Broken, entries
from firmware_agent.egress.wire_mqtt import probe
from firmware_agent.errors import SourceError

Finding = tuple[str, str]  # "ok" | "note" | "wrong", sentence
# source: keys whose files only we may read
_SECRETS = {"octoprint": ("key_file",), "moonraker": ("key_file",), "bambu": ("code_file",)}


def doctor(made: Parts, options: Namespace) -> int:
    """Print every finding; 1 if anything is wrong."""
    logging.getLogger("firmware_agent").setLevel(logging.ERROR)  # the findings say it
    findings = asyncio.run(every(made, options.connect))
    for level, sentence in findings:
        print(words.wrap(sentence, f"{level:<6} "))
    return 1 if any(level == "wrong" for level, _ in findings) else 0


def quick(made: Parts) -> list[Finding]:
    """What can be said within a running agent: nothing is asked, and no long file is read."""
    return [*_clock(made), *_people(made), *_viewers(made)]


async def every(made: Parts, connect: bool) -> list[Finding]:
    """All of it. connect: brokers and cameras are asked even if nothing is allowed."""
    findings = [("ok", f"configuration {made.config.file}, profile {made.catalogue.profile} {made.catalogue.version}")]
    findings += _state(made)
    findings += _clock(made)
    findings += _people(made)
    findings += _viewers(made)
    for name, row in made.config.uplinks.items():
        findings += _certificates(name, row)
        findings += _commands(made, name, row)
    findings += await _sources(made, connect)
    findings += await _brokers(made, connect)
    return findings


def _state(made: Parts) -> Iterator[Finding]:
    directory = made.config.state
    # Sockets are for others: who may use one, the configuration and the kernel say.
    there = [path for path in directory.iterdir() if not path.is_socket()]
    open_to_others = [path for path in (directory, *there) if path.stat().st_mode & 0o077]
    for path in open_to_others:
        yield "wrong", f"{path}: other users can get at it; chmod go= {path}"
    owner = directory.stat().st_uid
    strange = [path for path in directory.iterdir() if path.stat().st_uid != owner]
    for path in strange:
        yield "wrong", f"{path}: does not belong to the owner of the directory; chown --reference={directory} {path}"
    if not open_to_others and not strange:
        yield "ok", f"{directory}: only its owner, user {owner}, can get at it"
    for file in register(made).unknown(made.device.storage.names()):
        yield "note", f"{directory / file}: belongs to no store of this agent, and erase leaves it: look at it"
    for line in made.consents.trouble():
        yield "wrong", f"consent store, {line}; what it held counts as not allowed: decide again"
    reasons = {made.gate.decide(*pair).reason for pair in made.catalogue.pairs()}
    for reason in ("consent_unreadable", "consent_stale"):
        if reason in reasons:
            yield "wrong", f"consent store: {words.why(reason)}; it counts as not allowed: decide again"
    if not reasons & {"consent_unreadable", "consent_stale"}:
        yield "ok", f"consent store: {len(made.consents.records())} decisions"
    try:
        count = sum(1 for _ in entries(made.device.storage))
        missing = cut_off(made)
        for line in missing:
            yield "wrong", line
        if not missing:
            yield "ok", f"ledger: {count} entries verify"
    except Broken as error:
        yield "wrong", str(error)


def _people(made: Parts) -> Iterator[Finding]:
    page = made.config.panel
    if page is None:
        yield "note", "there is no owner's page: the configuration has no [panel]"
    elif page.tls or is_loopback(page.host):
        yield "ok", f"the owner's page: {addresses(page)[0]}"
    else:
        yield "note", f"the owner's page, {addresses(page)[0]}, is not encrypted: whoever listens can act as a session"
    for line in made.people.trouble():
        yield "wrong", f"paired phones, {line}: look at `people show`, and pair again who is missing"
    paired = [one.role for one in made.people.all()]
    if page is not None and not paired:
        yield "note", "no phone is paired: `pair` at the device"
    elif paired:
        yield "ok", f"paired: {', '.join(f'{paired.count(role)} {role}' for role in sorted(set(paired)))}"
    if made.config.presence == "terminal":
        yield "note", 'presence = "terminal": any interactive terminal counts as being at the device'


def _viewers(made: Parts) -> Iterator[Finding]:
    for line in made.viewers.trouble():
        yield "wrong", f"viewers, {line}: look at `viewer list`, and add again who is missing"
    count = len(made.viewers.all())
    if count and made.config.viewers is None:
        yield "note", f"{count} viewers are in the book and cannot look: the configuration has no [viewers]"
    elif count and made.config.viewers is not None:
        where = plain(made.config.viewers, made.config.panel)[0]
        heard = "this device only" if is_loopback(made.config.viewers.host) else "plain HTTP, so the network can listen"
        yield "note", f"{count} in the book may look, while you allow it and the agent runs, at {where}: {heard}"


def _clock(made: Parts) -> Iterator[Finding]:
    if made.device.now() is None:
        yield "wrong", "clock: it was never set; certificates and consents with an end do not work: set it"


def _certificates(name: str, row: UplinkConfig) -> Iterator[Finding]:
    if not row.tls:
        yield "note", f"uplink.{name}: no TLS, to a broker on this machine only"
        return
    if row.certificate is None or row.key is None:
        yield "note", f"uplink.{name}: no client certificate; a broker that asks for one will refuse"
    else:
        yield from _secret(f"uplink.{name}.key", Path(row.key))
    for key, path in (("authority", row.authority), ("certificate", row.certificate)):
        if path is not None:
            yield _certificate(f"uplink.{name}.{key}", Path(path))


def _commands(made: Parts, name: str, row: UplinkConfig) -> Iterator[Finding]:
    if row.commands:
        address = made.mailbox(name).read()[1].hex()
        yield "note", f"uplink.{name}: it may withdraw consent from afar; give it this mailbox: {address}"


def _secret(where: str, path: Path) -> Iterator[Finding]:
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield "wrong", f"{where}: other users can read {path}; chmod go= {path}"


def _certificate(where: str, path: Path) -> Finding:
    from cryptography import x509  # here, for no other command needs that megabyte

    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except OSError as error:
        return "wrong", f"{where}: {path}: {error.strerror}; put the PEM file there"
    except ValueError:
        return "wrong", f"{where}: {path}: not a PEM certificate"
    days = (end - datetime.datetime.now(datetime.UTC)).days
    if days < 0:
        return "wrong", f"{where}: {path} expired on {end:%Y-%m-%d}; renew it"
    return ("note" if days < 30 else "ok"), f"{where}: valid until {end:%Y-%m-%d}"


async def _sources(made: Parts, connect: bool) -> list[Finding]:
    findings: list[Finding] = []
    for kind, keys in _SECRETS.items():
        files = made.config.sources.get(kind, {})
        for key in keys:
            if files.get(key):
                findings += _secret(f"source.{kind}.{key}", Path(files[key]))
    row = made.config.sources.get("camera")
    if row is not None:
        shown = [pair for pair in made.catalogue.pairs() if made.catalogue.pictured(pair[0])]
        findings += await camera(starter(row))
        findings += await source(row, opener(row), connect or any(made.gate.decide(*pair).allowed for pair in shown))
        findings += others(row.get("device", ""), row.get("url", ""))
        findings += _keys(made)
    try:
        for one in sources(made.config, made.catalogue, made.device.ticks, made.device.now, made.region.read):
            if one.exclusive:
                said = "only the running agent can read it; `firmware-agent show` and its page say how it is"
                findings.append(("note", f"{one.name}: {said}"))
                continue
            try:
                records = await one.read()
                said = f"with {len(records[0].fields)} fields" if records else "and has nothing to tell just now"
                findings.append(("ok", f"{one.name}: answers {said}"))
            except SourceError as error:
                findings.append(("wrong", f"{one.name}: {error}"))
            finally:
                await one.rest()
    except SourceError as error:
        findings.append(("wrong", str(error)))
    return findings


def _keys(made: Parts) -> Iterator[Finding]:
    """Recipients of pictures that cannot get any."""
    media = {name for purpose, name in made.catalogue.pairs() if made.catalogue.purposes[purpose]["media"]}
    for name, row in made.config.uplinks.items():
        if name in media and not row.media_key:
            yield "note", f"uplink.{name}: no media_key, so pictures to this recipient stay, whatever is allowed"


async def _brokers(made: Parts, connect: bool) -> list[Finding]:
    findings: list[Finding] = []
    for name, row in made.config.uplinks.items():
        allowed = any(made.gate.decide(*pair).allowed for pair in made.catalogue.pairs() if pair[1] == name)
        if not (allowed or connect):
            findings.append(
                ("note", f"uplink.{name}: not tried, for nothing is allowed; --connect tries it all the same")
            )
            continue
        trouble = await probe(name, endpoint(made.catalogue, name, row))
        if trouble is None:
            findings.append(("ok", f"uplink.{name}: the broker at {row.host}:{row.port} accepts us"))
        else:
            findings.append(("wrong", f"uplink.{name}: {trouble}"))
    if not made.config.uplinks:
        findings.append(("note", "no [uplink.RECIPIENT] is configured: no message can leave, whatever is allowed"))
    return findings
