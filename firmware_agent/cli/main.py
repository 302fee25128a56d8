"""Arguments in, exit code out. Errors are one line each; a refusal exits with 3, bad configuration with 2."""

import argparse
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from firmware_agent import __version__, config
from firmware_agent.cli import (
    consent,
    doctor,
    erase,
    export,
    key,
    ledger,
    logs,
    people,
    policy,
    region,
    rights,
    run,
    show,
    takeover,
    viewers,
)
from firmware_agent.cli.build import PLACES, Parts, parts
from firmware_agent.cli.coexist import GROUP
from firmware_agent.consent.authority import PEOPLE
from firmware_agent.errors import AgentError, ConfigError, Refused
from firmware_agent.scrub.content import KINDS

Command = Callable[[Parts, argparse.Namespace], int]
Alone = Callable[[argparse.Namespace], int]  # needs no configuration


def main(arguments: list[str] | None = None) -> int:
    """The console script `firmware-agent`."""
    parser = _parser()
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if "command" not in options:
        parser.print_help()
        return 2
    logs.set_up(options.log)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # people's names, on a terminal that cannot show them
    try:
        if options.command is None:
            alone: Alone = options.alone
            return alone(options)
        command: Command = options.command
        return command(parts(config.load(options.config or _find()), lenient=options.lenient), options)
    except BrokenPipeError:  # piped into `head`: whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 3
    except AgentError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1


def _withdraw(made: Parts, options: argparse.Namespace) -> int:
    done = consent.withdraw(made, options)
    pairs = made.catalogue.pairs()
    rights.hint(made, [pair for pair in pairs if options.all or pair[0] == options.purpose])
    return done


def _demo(options: argparse.Namespace) -> int:
    from firmware_agent.demo.demo import demo  # here: it brings a broker, which no other command needs

    return demo(options.directory, options.seconds)


def _scrub(options: argparse.Namespace) -> int:
    from firmware_agent.cli.scrub import scrub  # here: its tables are large

    return scrub(options)


def _bundle(options: argparse.Namespace) -> int:
    from firmware_agent.cli.bundle import bundle  # here: the scrubber's tables are large

    readable = (place for place in PLACES if os.access(place, os.R_OK))
    found = options.config or next(readable, None)
    return bundle(options, None if found is None else config.load(found))


def _hex32(text: str) -> str:
    from firmware_agent.egress.verify import hex32  # here: no other command reads what an auditor reads

    return hex32(text)


# What narrows or looks must work whatever became of the installed policy.
_NARROWING = (
    _withdraw,
    consent.refuse,
    erase.erase,
    people.age,
    doctor.doctor,
    consent.show,
    export.export,
    policy.install,
    takeover.take,
    takeover.give_back,
    viewers.show,
    viewers.remove,
    region.region,
)


def _positive(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 9 or not int(text):
        raise argparse.ArgumentTypeError("must be a whole number, 1 to 999999999")
    return int(text)


def _hours(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 2 or not 1 <= int(text) <= 72:
        raise argparse.ArgumentTypeError("must be a whole number of hours, 1 to 72")
    return int(text)


def _case(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 ._#/-]{1,40}", text):
        raise argparse.ArgumentTypeError("must be 1 to 40 plain letters, digits and . _ # / -")
    return text


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return number


def _find() -> Path:
    for place in PLACES:
        if place.exists():
            return place
    hint = " (the demonstration's is .demo/agent.toml)" if Path(".demo/agent.toml").exists() else ""
    raise ConfigError(f"no configuration: none of {', '.join(map(str, PLACES))}; name one with --config{hint}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firmware-agent", description="Nothing leaves this printer without consent.")
    parser.add_argument("--version", action="version", version=__version__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, help="default: the first of " + ", ".join(map(str, PLACES)))
    shared.add_argument("--log", choices=("debug", "info", "warning", "error"), default="warning", help="names only")
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(
        group: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command | None, text: str
    ) -> argparse.ArgumentParser:
        one = group.add_parser(name, help=text, description=text, parents=[shared])
        one.set_defaults(command=command, lenient=command in _NARROWING)
        return one

    add(commands, "run", run.run, "run the agent")
    trial = add(commands, "demo", None, "try it: a demo printer, a test picture and a broker, all on this machine")
    trial.set_defaults(alone=_demo)
    trial.add_argument("--directory", type=Path, default=Path(".demo"), help="where it keeps its state (.demo)")
    trial.add_argument("--seconds", type=_seconds, help="end by itself after so many")
    decisions = commands.add_parser("consent", help="decide what may leave").add_subparsers(
        required=True, metavar="grant|refuse|withdraw|show"
    )
    for name, command, text in (
        ("grant", consent.grant, "allow a purpose (at the device)"),
        ("refuse", consent.refuse, "say no to a purpose"),
        ("withdraw", _withdraw, "take a consent back; it counts before the next publish"),
    ):
        one = add(decisions, name, command, text)
        one.add_argument("purpose", nargs=None if name != "withdraw" else "?", help="as `consent show` names it")
        whom = "needed only where a purpose has several" if name == "grant" else "one only; without it: all of them"
        one.add_argument("--recipient", help=whom)
        if name == "grant":
            one.add_argument("--for", dest="time", metavar="TIME", help="30min, 12h or 7d; without it: until withdrawn")
        if name == "withdraw":
            one.add_argument("--all", action="store_true", help="stop everything")
    add(decisions, "show", consent.show, "every purpose, what it means, and what was decided")
    preview = add(commands, "show", show.show, "the exact payload that would leave now, and why each other field stays")
    either_way = preview.add_mutually_exclusive_group()
    either_way.add_argument("--sent", nargs="?", const="", metavar="PURPOSE", help="instead: the last that left")
    either_way.add_argument(
        "--live", action="store_true", help="drawn anew as it changes, by the running agent; Ctrl-C ends"
    )
    either_way.add_argument("--json", action="store_true", help="JSON, as docs/socket.md has it")
    books = commands.add_parser("ledger", help="what left, what was refused").add_subparsers(
        required=True, metavar="show|verify|export"
    )
    add(books, "show", ledger.show, "the last entries").add_argument(
        "--last", type=_positive, default=40, metavar="N", help="how many (40)"
    )
    add(books, "verify", ledger.verify, "check the whole chain").add_argument(
        "--head", type=_hex32, metavar="H", help="a head that you kept: the ledger must still contain it"
    )
    add(books, "export", ledger.export, "write it as JSON lines, signed, for whoever audits").add_argument(
        "file", type=Path, metavar="FILE"
    )
    add(commands, "export", export.export, "everything that is kept here, as one file for you").add_argument(
        "file", type=Path, metavar="FILE.zip", help="a new file"
    )
    end = add(commands, "erase", erase.erase, "withdraw everything, then destroy everything that is kept here")
    end.add_argument("--yes", action="store_true", help="do not ask")
    end.add_argument("--receipt", type=Path, metavar="FILE", help="write what was destroyed to a new file, too")
    asks = commands.add_parser("rights", help="ask those who received something").add_subparsers(
        required=True, metavar="delete|show"
    )
    one = add(asks, "delete", rights.delete, "have a recipient delete all that it has of a purpose")
    one.add_argument("purpose", help="as `consent show` names it")
    one.add_argument("--recipient", help="needed only where a purpose has several")
    add(asks, "show", rights.show, "what was asked, and how it stands")
    one = add(commands, "pair", people.pair, "let a phone see the owner's page (at the device)")
    one.add_argument("--role", choices=PEOPLE, default="owner", help="what it may (owner)")
    one.add_argument("--hours", type=_hours, help="of a service: how long")
    one.add_argument("--case", type=_case, help="of a service: for what")
    paired = commands.add_parser("people", help="which phones are paired").add_subparsers(
        required=True, metavar="show|remove"
    )
    add(paired, "show", people.show, "everybody who is paired")
    add(paired, "remove", people.remove, "unpair one (at the device)").add_argument(
        "key", help="as `people show` has it"
    )
    looking = commands.add_parser("viewer", help="which programs may look through the camera").add_subparsers(
        required=True, metavar="add|list|remove"
    )
    one = add(looking, "add", viewers.add, "let a program in (at the device), and show what to enter there")
    one.add_argument("name", help="what you call it")
    one.add_argument("--for", dest="purpose", required=True, metavar="PURPOSE[:RECIPIENT]", help="why it may look")
    way = one.add_mutually_exclusive_group()
    way.add_argument("--address", action="store_true", help="by an address of its own (this, unless --basic)")
    way.add_argument("--basic", action="store_true", help="by a name and a password, where a program asks for both")
    add(looking, "list", viewers.show, "every program that may look")
    add(looking, "remove", viewers.remove, "take one out").add_argument("name", help="as in the list")
    one = add(commands, "age", people.age, "whether everybody who uses this device is old enough for the policy")
    one.add_argument("answer", nargs="?", choices=("of-age", "minor"), help="without it: what was said")
    texts = commands.add_parser("policy", help="what a consent means, in full").add_subparsers(
        required=True, metavar="show|install"
    )
    one = add(texts, "show", policy.show, "the text whose hash stands in the record of a decision")
    one.add_argument("purpose", help="as `consent show` names it")
    one.add_argument("--recipient", help="needed only where a purpose has several")
    one = add(texts, "install", policy.install, "take a newer profile (at the device, or signed by the maker)")
    one.add_argument("file", type=Path, metavar="FILE.cbor")
    one.add_argument("--signature", type=Path, metavar="FILE", help="128 digits of hex")
    one = add(commands, "receipt", policy.receipt, "the proof of a decision, as JSON-LD")
    one.add_argument(
        "sequence", nargs="?", type=_positive, metavar="NUMBER", help="of the decision; without it: a list"
    )
    one.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a new file; without it: printed")
    one = add(commands, "details", policy.details, "your name for this device, and its country for receipts")
    one.add_argument("--name", help="it never leaves")
    one.add_argument("--region", help="two capital letters, or empty")
    one = add(commands, "region", region.region, "the region of the world that you tell, if you allow that")
    one.add_argument("choice", nargs="?", default="show", metavar="show|NAME|none", help="what to do (show)")
    cameras = commands.add_parser("camera", help="who else gets at the camera").add_subparsers(
        required=True, metavar="take|give-back"
    )
    one = add(cameras, "take", takeover.take, "stop other camera programs, and give the device to the agent's group")
    one.add_argument("--device", metavar="/dev/videoN", help="default: the configuration's")
    one.add_argument("--group", default=GROUP, help="of the agent (%(default)s)")
    for either in (one, add(cameras, "give-back", takeover.give_back, "undo that")):
        either.add_argument("--dry-run", action="store_true", help="only say what would be done")
        either.add_argument("--yes", action="store_true", help="do not ask")
    one = add(commands, "key", key.ask, "have a printer's program make the key that the agent reads it with")
    one.add_argument("kind", choices=key.KINDS, help="of which [source.KIND]; you confirm it on that program's page")
    one = add(commands, "scrub", None, "take names, addresses and serial numbers out of logs, configuration and G-code")
    one.set_defaults(alone=_scrub)
    one.add_argument("file", nargs="*", metavar="FILE", help="without one: standard input")
    one.add_argument("--kind", choices=KINDS, default="auto", help="what the files are (%(default)s: by their content)")
    one.add_argument("--spans", action="store_true", help="instead: where what stands, as JSON lines")
    one.add_argument(
        "--words", action="store_true", help="words that no public firmware knows go as well: names, mostly"
    )
    one.add_argument("--to", type=Path, metavar="DIRECTORY", help="where the files are written; needed for several")
    one.add_argument("--thumbnails", action="store_true", help="pictures in G-code stay; they show the part")
    one.add_argument("--opaque", action="store_true", help="blocks in G-code that nobody can read stay")
    one = add(commands, "bundle", None, "logs and configuration for support, as one scrubbed file that you see first")
    one.set_defaults(alone=_bundle)
    names = "agent, klippy, moonraker, octoprint, config, gcode"
    one.add_argument("--with", dest="parts", metavar="NAMES", help=f"of {names}; without it: all but gcode")
    one.add_argument("--serial", action="store_true", help="tell the serial number of the printer")
    one.add_argument("--remove", action="append", metavar="TEXT", help="take this out, too, wherever it stands")
    one.add_argument("--to", type=Path, metavar="FILE", help="a new file (support-bundle.txt)")
    one.add_argument("--send", action="store_true", help="have the running agent make and send it; asks before")
    add(commands, "doctor", doctor.doctor, "what is wrong and what to do").add_argument(
        "--connect",
        action="store_true",
        help="try the broker, and a camera with an address, even if nothing is allowed: they see this device",
    )
    return parser
