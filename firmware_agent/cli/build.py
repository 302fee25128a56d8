"""From a checked configuration to the parts of an agent, each given only what it needs."""

import contextlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from firmware_agent import __version__
from firmware_agent.admissions import AdmissionGate
from firmware_agent.agent import Agent
from firmware_agent.camera.crop import WHOLE, Crop, part
from firmware_agent.camera.hub import Hub
from firmware_agent.camera.port import Port
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Adapter, Opener, Spawn, Starter
from firmware_agent.camera.stills import FIELD, Still
from firmware_agent.camera.unit import SOCKET, Unit, there
from firmware_agent.camera.upstream import Upstream
from firmware_agent.camera.viewers.book import Book
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli.sources import sources
from firmware_agent.cli.stores import HOUR, hourly, register
from firmware_agent.clock import Clock
from firmware_agent.config import SHIPPED, Config, UplinkConfig
from firmware_agent.consent import changes
from firmware_agent.consent import installed as installing
from firmware_agent.consent.alias import alias
from firmware_agent.consent.authority import MAKER, Authority
from firmware_agent.consent.pairing import Pairing
from firmware_agent.consent.people import People
from firmware_agent.consent.slots import SlotPair
from firmware_agent.consent.store import ConsentStore, storage_key
from firmware_agent.consent.texts import Texts
from firmware_agent.device.linux import LinuxDevice
from firmware_agent.egress.door import Door
from firmware_agent.egress.endpoint import Endpoint
from firmware_agent.egress.heads import Ed25519Signer, device_signer
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.intake import Intake, Mailbox
from firmware_agent.egress.ledger import KEEP, Ledger
from firmware_agent.egress.outbox import Outbox
from firmware_agent.egress.pseudonyms import Pseudonyms
from firmware_agent.egress.requests import Requests
from firmware_agent.egress.rights import Rights
from firmware_agent.egress.uplink import Uplink
from firmware_agent.egress.vault import Vault
from firmware_agent.egress.wire_mqtt import MqttWire
from firmware_agent.errors import AgentError, CatalogueError, ConfigError, StorageError
from firmware_agent.gate import Gate
from firmware_agent.model import WITHDRAWN, ConsentRecord
from firmware_agent.owner.details import Details
from firmware_agent.owner.region import Region, offered
from firmware_agent.sessions import Actor

_ROOM_SENT = 65536  # bytes for copies of what left, for each purpose
PLACES = (Path("agent.toml"), Path("/etc/firmware-agent/agent.toml"))  # where a configuration is looked for


@dataclass
class Parts:
    """What every command shares."""

    config: Config
    device: LinuxDevice
    catalogue: Catalogue
    consents: ConsentStore
    gate: Gate
    clock: Clock
    idents: Idents
    key: bytes

    @cached_property
    def installed(self) -> installing.Installed:
        return _installed(self.device, self.key)

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.device.storage)

    @cached_property
    def authority(self) -> Authority:
        return Authority(self.catalogue, self.consents, self.texts)

    @cached_property
    def people(self) -> People:
        return People(self.device.storage, self.key, self.clock.now)

    @cached_property
    def pairing(self) -> Pairing:
        return Pairing(self.device.storage, self.key, self.device)

    @cached_property
    def crop(self) -> Crop:
        """The part of the camera's picture that is shown."""
        return Crop(SlotPair(self.device.storage, "camera.crop", self.key))

    @cached_property
    def region(self) -> Region:
        """The region of the world that is told, if that is allowed."""
        return Region(SlotPair(self.device.storage, "region", self.key), offered(self.catalogue))

    @cached_property
    def viewers(self) -> Book:
        device = self.device
        slots = SlotPair(device.storage, "viewers", self.key)
        return Book(slots, device.storage.lock, device.entropy, self.clock.now)

    @cached_property
    def details(self) -> Details:
        return Details(SlotPair(self.device.storage, "details", self.key))

    def alias(self) -> bytes:
        """16 random bytes that name this device to those who are paired with it, and in receipts; never sent."""
        return alias(self.device.storage, self.key, self.device.entropy)

    def ledger(
        self,
        watch: Callable[[dict[str, Any]], None] | None = None,
        history: Callable[[dict[str, Any]], None] | None = None,
    ) -> Ledger:
        """The history; its entries end with the period of the profile."""
        # whole segments go, and each spans up to a KEEPth of it: so no entry becomes older than the profile says
        retention = (self.catalogue.device["ledger"] - HOUR) * KEEP // (KEEP + 1)
        return Ledger(
            self.device.storage,
            self.clock.now,
            watch,
            self.signer(),
            settled=self.clock.latest,
            retention=retention,
            history=history,
        )

    def vault(self, purpose: str, recipient: str) -> Vault:
        """What the consent for this purpose and recipient keeps on flash."""
        device, room = self.device, self.config.outbox * 1024
        return Vault(device.storage, device.cipher, device.entropy, (purpose, recipient), room, _ROOM_SENT)

    def signer(self) -> Ed25519Signer:
        return device_signer(self.device.storage, self.device.entropy)

    def requests(self, recipient: str) -> Requests:
        """What the owner asked a recipient to delete, and is not done."""
        device = self.device
        return Requests(device.storage, device.cipher, device.entropy, self.idents, recipient, self.clock.latest)

    def mailbox(self, recipient: str) -> Mailbox:
        """Where a recipient's commands are addressed to."""
        return Mailbox(SlotPair(self.device.storage, f"mailbox.{recipient}", self.key), self.device.entropy)


def parts(config: Config, device: LinuxDevice | None = None, lenient: bool = False) -> Parts:
    """Storage, catalogue, consent store and gate; on this machine, or on a device that is handed in.

    lenient: for what only narrows or looks; then an installed policy that is damaged or too old stops nothing.
    """
    try:
        device = device or LinuxDevice(config.state)
        key = storage_key(device.storage, device.entropy, installing.SLOTS)  # nothing is allowed then: no floor
    except OSError as error:
        raise ConfigError(
            f"{config.file}: state: {config.state} cannot be used ({error.strerror}); "
            "allowed: a directory that this user may write"
        ) from None
    catalogue = _policy(config, device, key, lenient)
    for name in config.uplinks:
        known = ", ".join(sorted(one for one in catalogue.recipients if not catalogue.local(one)))
        if name not in catalogue.recipients:
            raise ConfigError(f"{config.file}: uplink.{name}: the profile has no such recipient; allowed: {known}")
        if catalogue.local(name):
            text = f"uplink.{name}: this recipient is on the owner's own network: no message is ever made for it"
            raise ConfigError(f"{config.file}: {text}; allowed: {known}")
        if config.uplinks[name].commands and not catalogue.recipients[name]["answers"]:
            raise ConfigError(
                f"{config.file}: uplink.{name}.commands: the profile knows no key of this recipient, so nothing "
                "that it says can be believed; allowed: false, or a profile with `answers`"
            )
    consents = ConsentStore(device.storage, key)
    with contextlib.suppress(StorageError):  # then nothing is permitted, and doctor says why
        given = {(one.purpose, one.recipient): one.policy for one in consents.records()}
        changes.settle(catalogue, given, Texts(device.storage).get)
    clock = Clock(SlotPair(device.storage, "time", key), device.now, device.ticks)
    idents = Idents(device.storage, device.entropy)
    pseudonyms = Pseudonyms(device.storage, device.entropy)
    gate = Gate(catalogue, consents, device.entropy(32), idents.new, clock.now, pseudonyms.key)
    return Parts(config, device, catalogue, consents, gate, clock, idents, key)


def _installed(device: LinuxDevice, key: bytes) -> installing.Installed:
    return installing.Installed(SlotPair(device.storage, "profile", key), __version__)


def _policy(config: Config, device: LinuxDevice, key: bytes, lenient: bool) -> Catalogue:
    """The policy of the configuration, or a newer one of the same name that was installed here since."""
    path, shipped = config.profile, config.profile.is_relative_to(SHIPPED)
    try:
        compiled = path.read_bytes()
        catalogue = Catalogue(compiled)
    except (CatalogueError, OSError) as error:
        raise ConfigError(f"{config.file}: profile: {path}: {error}") from None
    try:
        installed = device.storage.read(installing.FILE)
        if installed is not None:
            newer = Catalogue(installed)
            if newer.profile == catalogue.profile and newer.order > catalogue.order:
                compiled, catalogue, shipped = installed, newer, True
            elif installed == compiled:
                shipped = True
        _installed(device, key).accept(compiled, catalogue, shipped)
    except (CatalogueError, ConfigError, StorageError) as error:
        if not lenient:
            where = config.state / installing.FILE
            text = (
                f"{where}: {error}; or `policy install` it again" if isinstance(error, CatalogueError) else str(error)
            )
            raise ConfigError(text) from None
    return catalogue


def agent(
    made: Parts,
    watch: Callable[[dict[str, Any]], None] | None = None,
    history: Callable[[dict[str, Any]], None] | None = None,
) -> Agent:
    """The whole agent; nothing is opened or connected yet."""
    ledger = made.ledger(watch, history)
    wires = {name: MqttWire(name, endpoint(made.catalogue, name, row)) for name, row in made.config.uplinks.items()}
    door = Door(made.gate, ledger, dict(wires))
    uplinks = []
    for name, wire in wires.items():
        purposes = [purpose for purpose, recipient in made.catalogue.pairs() if recipient == name]
        outboxes = [
            Outbox(purpose, name, made.gate, made.vault(purpose, name), made.device.storage) for purpose in purposes
        ]
        window, clock, ticks = made.config.window, made.clock, made.device.ticks
        uplinks.append(Uplink(wire, door, made.gate, ledger, outboxes, window, clock.latest, ticks))
    kept = register(made, uplinks, ledger)
    asks = rights(made, ledger)
    ticks = made.device.ticks
    expiries = [*kept.expiries(), hourly(lambda now: made.people.expire())]
    camera = hub(made, ledger)
    read = sources(made.config, made.catalogue, ticks, made.device.now, made.region.read)
    if camera is not None:
        read += [one for one in stills(made, camera) if not made.catalogue.on_request(one.to[0])]
    built = Agent(made.gate, ledger, uplinks, read, made.clock, ticks, expiries, asks, camera)
    for name, wire in wires.items():
        if made.config.uplinks[name].commands:
            listen(made, built, name, wire)
    return built


def rights(made: Parts, ledger: Ledger) -> list[Rights]:
    """Deletion upstream: for each recipient a wire of its own, so that a request is not joined with telemetry."""
    found = []
    for name, row in made.config.uplinks.items():
        wire = MqttWire(name, endpoint(made.catalogue, name, row))
        door, device = Door(made.gate, ledger, {name: wire}), made.device
        requests = made.requests(name)
        found.append(Rights(requests, wire, door, made.gate, ledger, device.verify, device.entropy, device.ticks))
    return found


def listen(made: Parts, built: Agent, recipient: str, wire: MqttWire) -> None:
    """Let a recipient withdraw consent from afar, on the connection that carries its messages."""
    row = made.catalogue.recipients[recipient]
    mailbox = made.mailbox(recipient)
    pairs = [pair for pair in made.catalogue.pairs() if pair[1] == recipient]

    def withdraw(purpose: str) -> None:
        given = [pair for pair in pairs if purpose in ("", pair[0]) and made.consents.may_be_given(*pair)]
        narrow(made, built, given, WITHDRAWN, Actor(MAKER, "remote command"))

    intake = Intake(
        recipient, row["answers"], mailbox, [pair[0] for pair in pairs], withdraw, built.ledger, made.device.verify
    )
    wire.subscriptions = [f"{row['topic']}/to/{mailbox.read()[1].hex()}"]
    wire.on_heard = intake.heard


def narrow(made: Parts, built: Agent, pairs: list[tuple[str, str]], state: str, actor: Actor) -> int:
    """Store `state` for all of them in the running agent and destroy what waits; how many events that was.

    All gates are shut before anything else happens. A part that fails stops no other; the first error is raised then.
    """
    for pair in pairs:
        built.shut(*pair)
    count = 0
    failed: AgentError | None = None
    for pair in pairs:
        records: list[ConsentRecord] = []

        def put(pair: tuple[str, str] = pair, records: list[ConsentRecord] = records) -> None:
            records.append(made.authority.narrow(*pair, state, actor, made.clock.now()))

        try:
            count += built.withdraw(*pair, put)
            built.ledger.decided(records[0])
        except AgentError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return count


def endpoint(catalogue: Catalogue, name: str, row: UplinkConfig) -> Endpoint:
    """Where one recipient listens; the topic comes from the policy, the rest from the configuration."""
    return Endpoint(
        host=row.host,
        port=row.port,
        topic=catalogue.recipients[name]["topic"],
        tls=row.tls,
        authority=row.authority,
        certificate=row.certificate,
        key=row.key,
        timeout=row.timeout,
    )


def hub(made: Parts, ledger: Ledger) -> Hub | None:
    """The camera, if there is one in the configuration; nothing is started."""
    row = made.config.sources.get("camera")
    if row is None:
        return None
    device = made.device
    admissions = AdmissionGate(made.gate, device.entropy(32), device.entropy)
    port = Port(row["port"], row["device"]) if row.get("port") else None
    return Hub(admissions, starter(row), camera_source(row, made.crop), ledger, device.ticks, opener(row), port)


def starter(row: dict[str, Any]) -> Starter:
    """Who starts the camera process: the unit whose socket `unit` names, or the usual one if it is there; else this."""
    path = Path(row["unit"]) if row.get("unit") else SOCKET
    return Unit(path) if row.get("unit") or there(path) else Spawn()


def camera_source(row: dict[str, Any], crop: Crop) -> SourceSettings:
    """What the camera process is told: the configuration, and the part of the picture that the owner chose."""
    chosen = crop.read()
    return SourceSettings(
        row["kind"],
        row.get("device", ""),
        row.get("width", 0),
        row.get("height", 0),
        row.get("rate", 30),
        part(row.get("crop", list(WHOLE))) if chosen is None else chosen,
    )


def opener(row: dict[str, Any]) -> Opener | None:
    """Where it is main that opens the camera's source: who does that."""
    if row["kind"] == "mjpeg":
        return Upstream(row["url"])
    return Adapter(row["command"]) if row["kind"] == "adapter" else None


def stills(made: Parts, camera: Hub) -> list[Still]:
    """One for each purpose of pictures and recipient whose configuration has a key to seal them to. Without that key
    pictures to a recipient stay."""
    found = []
    for purpose, recipient in made.catalogue.pairs():
        row = made.config.uplinks.get(recipient)
        field = dict(made.catalogue.fields_of(purpose)).get(FIELD)
        if row is not None and row.media_key and field is not None:
            key = bytes.fromhex(row.media_key)
            found.append(Still(camera, purpose, recipient, key, field["parameters"]["max"]))
    return found


def typed(made: Parts, rest: str) -> str:
    """The command `rest` as it can be typed in this folder, for the same configuration."""
    program = Path(sys.argv[0])
    try:
        name = str(program.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        name = program.name if shutil.which(program.name) else str(program)
    default = next((str(place) for place in PLACES if place.exists()), None)
    return f"{name} {rest}" + ("" if made.config.file == default else f" --config {made.config.file}")
