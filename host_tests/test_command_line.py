"""The command line as a person meets it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from firmware_agent import addresses
from firmware_agent.egress.ledger import entries
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import free_port
from host_tests.rigs.certificates import Authority

PROGRAM = str(Path(sys.executable).parent / "firmware-agent")


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, plain(free_port()), sources='[source.demo]\n[source.camera]\nkind = "pattern"')


def call(rig, *arguments, typed=""):
    """(exit code, output, errors) without a terminal."""
    command = [PROGRAM, *arguments, "--config", str(rig.file)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def flat(shown):
    """What was shown, however its lines were broken."""
    return " ".join(shown.split())


def at_the_terminal(rig, *arguments, answer=None):
    """(exit code, everything shown) on a pseudo-terminal; answer None types the code that is shown."""
    child = pexpect.spawn(PROGRAM, [*arguments, "--config", str(rig.file)], encoding="utf-8", timeout=30)
    child.expect(r"type ([0-9]{4}) and press Enter")
    shown = child.before + child.after
    child.sendline(child.match[1] if answer is None else answer)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, shown + child.before


def events(rig):
    return [(row["event"], row["detail"]) for row, _, _ in entries(rig.device.storage)]


@pytest.mark.clause("L1", "L12")
def test_ok__grant_show_withdraw(rig):
    code, shown = at_the_terminal(rig, "consent", "grant", "improvement_program")
    assert code == 0 and "rounded; its firmware" in shown and "Allowed: improvement_program -> lightmake" in shown
    code, shown, _ = call(rig, "consent", "show")
    assert code == 0 and re.search(r"improvement_program -> lightmake\n  ALLOWED  .* by owner \(terminal\)", shown)
    code, shown, _ = call(rig, "show")
    assert code == 0 and "Leaves now:" in shown and "state = " in shown
    assert "Stays, declared as never leaving, clause L9: job_file, job_path" in flat(shown)
    assert "the policy does not declare it: temperature_sensor anns_secret_chamber, wifi.ssid" in flat(shown)
    assert "The camera is off for it: nobody has decided yet (consent_missing)" in shown
    code, shown, _ = call(rig, "consent", "withdraw", "improvement_program")
    assert code == 0 and "Nothing of it leaves from now on" in shown
    assert "no       the owner withdrew consent" in call(rig, "consent", "show")[1]
    said = [("decided", "ConsentGiven")]  # that everybody is old enough, once
    assert events(rig) == said + [("decided", "ConsentGiven"), ("decided", "ConsentWithdrawn")]
    assert call(rig, "ledger", "verify")[1].startswith("ok: 3 entries, none changed, head ")


@pytest.mark.attack(1)
def test_fail__a_grant_without_a_person(rig):
    for typed in ("", "yes\n", "1234\n" * 100):
        code, _, errors = call(rig, "consent", "grant", "failure_detection", typed=typed)
        assert code == 3 and "no_presence" in errors and "device's own console" in errors
    for answer in ("yes", "", "0"):
        code, shown = at_the_terminal(rig, "consent", "grant", "failure_detection", answer=answer)
        assert code == 3 and "Nothing changed: failure_detection -> lightmake is not allowed" in shown
    assert events(rig) == [("refused", "no_presence")] * 3
    assert "ALLOWED" not in call(rig, "consent", "show")[1]


@pytest.mark.attack(1)
def test_fail__a_remote_terminal_where_only_the_console_counts(rig):
    rig.file.write_text(rig.file.read_text().replace('presence = "terminal"', 'presence = "console"'))
    child = pexpect.spawn(
        PROGRAM, ["consent", "grant", "failure_detection", "--config", str(rig.file)], encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3 and "no_presence" in child.before


def test_ok__refuse_withdraw_all_and_a_grant_with_an_end(rig):
    assert at_the_terminal(rig, "consent", "grant", "failure_detection", "--for", "12h")[0] == 0
    assert ", until " in call(rig, "consent", "show")[1]
    assert call(rig, "consent", "refuse", "print_history")[0] == 0
    assert "the owner refused" in call(rig, "consent", "show")[1]
    code, shown = at_the_terminal(rig, "consent", "grant", "failure_detection", answer="no")
    assert code == 3 and "Nothing changed: failure_detection -> lightmake is STILL ALLOWED" in shown
    assert "print_history -> lightmake was not allowed" in call(rig, "consent", "withdraw", "print_history")[1]
    shown = call(rig, "consent", "withdraw", "--all")[1]
    assert shown.count("Withdrawn:") == 1 and "was not allowed" not in shown
    before = events(rig)
    assert "Nothing was allowed" in call(rig, "consent", "withdraw", "--all")[1]
    assert events(rig) == before
    shown = call(rig, "consent", "show")[1]
    assert "the owner refused" in shown and "the owner withdrew" in shown and "nobody has decided" in shown
    assert "ALLOWED" not in call(rig, "consent", "show")[1]


def test_ok__to_narrow_no_recipient_need_be_named(rig):
    recipients = rig.parts.catalogue.purposes["snapshot"]["recipients"]
    assert len(recipients) > 1
    code, shown = at_the_terminal(rig, "consent", "grant", "snapshot", "--recipient", "owner")
    assert code == 0 and "consent withdraw snapshot --recipient owner" in shown
    assert at_the_terminal(rig, "consent", "grant", "snapshot", "--recipient", "lightmake")[0] == 0
    assert call(rig, "consent", "withdraw", "snapshot")[1].count("Withdrawn:") == 2
    shown = call(rig, "consent", "refuse", "snapshot")[1]
    assert [shown.count(f"Refused: snapshot -> {one}") for one in recipients] == [1] * len(recipients)
    code, shown, _ = call(rig, "consent", "refuse", "snapshot", "--recipient", "owner")
    assert code == 0 and "lightmake" not in shown


def test_fail__wrong_names_say_what_is_allowed(rig):
    for arguments in (("grant", "advertising"), ("refuse", "x"), ("withdraw",)):
        code, _, errors = call(rig, "consent", *arguments)
        assert code == 1 and "failure_detection, improvement_program, live_view" in errors
    code, _, errors = call(rig, "consent", "grant", "failure_detection", "--for", "ever")
    assert code == 1 and "30min" in errors
    code, _, errors = call(rig, "consent", "grant", "failure_detection", "--recipient", "partner")
    assert code == 1 and "lightmake" in errors


WRONG = (
    ("", "source: there is none; allowed: at least one [source.KIND]"),
    ("[source.demo]\nspeed = 'fast'", "source.demo.speed: is wrong; allowed: how many times"),
    ("[source.demo]\nspeed = true", "source.demo.speed: is wrong"),
    ("[source.demo]\nspeedy = 1", "source.demo.speedy: is not a key; allowed: one of speed"),
    (
        "[source.klipper]",
        "source.klipper: there is no such source; allowed: one of bambu, camera, demo, grbl, intake, marlin, "
        "moonraker, octoprint",
    ),
    ("[source.bambu]", "source.bambu.host: is missing"),
    (
        "[source.bambu]\nhost='10.0.0.5'\nserial_file='s'\ncode_file='c'",
        "source.bambu.fingerprint: is missing; allowed: SHA-256 of its certificate",
    ),
    (
        "[source.bambu]\nhost='10.0.0.5'\nserial_file='s'\ncode_file='c'\nfingerprint='12ab'",
        "source.bambu.fingerprint: is wrong; allowed: SHA-256 of its certificate",
    ),
    ("[source]\ndemo = 1", "source: is not a section"),
    ("[source.octoprint]", "source.octoprint.url: is missing"),
    (
        "[source.octoprint]\nkey_file='k'\nurl='http://192.168.1.5'",
        'source.octoprint.url: is wrong; allowed: "http://127',
    ),
    (
        "outbox = 0\n[source.demo]",
        "outbox: is wrong; allowed: KiB of flash for what waits of each purpose, 16 to 1048576",
    ),
    ("consent = true\n[source.demo]", "consent: is not a key; allowed: one of profile"),
    (
        "[source.demo]\n[uplink.partner]\nhost = 'x'",
        "uplink.partner: the profile has no such recipient; allowed: lightmake",
    ),
    ("[source.demo]\n[uplink.lightmake]", "uplink.lightmake.host: is missing"),
    (
        "[source.demo]\n[uplink.lightmake]\nhost='broker.example'\ntls=false",
        "uplink.lightmake.tls: false would send in the",
    ),
    (
        "[source.demo]\n[uplink.lightmake]\nhost='x'\nport=99999",
        "uplink.lightmake.port: is wrong; allowed: a whole number",
    ),
    (
        "[source.demo]\n[uplink.lightmake]\nhost='x'\ncertificate='c'",
        "uplink.lightmake.key: certificate and key go together",
    ),
    (
        "[source.demo]\n[uplink.lightmake]\nhost='a..b'",
        "uplink.lightmake.host: is wrong; allowed: a host name or address",
    ),
    ("[source.demo]\n[uplink.lightmake]\nhost='mqtts://broker.example'", "uplink.lightmake.host: is wrong"),
    ("[source.demo]\n[uplink.lightmake]\nhost='broker.example:8883'", "uplink.lightmake.host: is wrong"),
    ("[source.demo\n", "not TOML"),
    ("[source.camera]", 'source.camera.kind: is missing; allowed: one of "pattern", "v4l2", "mjpeg", "adapter"'),
    ("[source.camera]\nkind = 5", "source.camera.kind: is wrong"),
    ("[source.camera]\nkind = 'v4l2'", "source.camera.device: is missing; allowed: a camera, like /dev/video0"),
    ("[source.camera]\nkind = 'v4l2'\ndevice = '/etc/passwd'", "source.camera.device: is wrong"),
    ("[source.camera]\nkind = 'v4l2'\ndevice = '/dev/../etc/passwd'", "source.camera.device: is wrong"),
    ("[source.camera]\nkind = 'v4l2'\ndevice = '/dev/video0'\nrate = 0", "source.camera.rate: is wrong"),
    (
        "[source.camera]\nkind = 'v4l2'\ndevice = '/dev/video0'\ncrop = [900, 0, 200, 500]",
        "source.camera.crop: is wrong; allowed: the part that is shown",
    ),
    ("[source.camera]\nkind = 'mjpeg'\nurl = 'http://8.8.8.8/'", "source.camera.url: is wrong"),
    ("[source.camera]\nkind = 'mjpeg'\nurl = 'http://u:p@cam.local/'", "source.camera.url: is wrong"),
    ("[source.camera]\nkind = 'adapter'\ncommand = ['rpicam-vid']", "source.camera.command: is wrong"),
    ("[source.camera]\nkind = 'pattern'\nurl = 'http://h/'", "source.camera.url: is not a key; allowed: one of kind"),
    ("[source.demo]\n[uplink.lightmake]\nhost='x'\nmedia_key='00'", "uplink.lightmake.media_key: is wrong"),
)


@pytest.mark.parametrize("text,expected", WRONG)
def test_fail__wrong_configuration_is_one_line_and_nothing_starts(tmp_path, text, expected):
    file = tmp_path / "agent.toml"
    file.write_text(f'profile = "lightmake"\nstate = "state"\n{text}\n')
    done = subprocess.run([PROGRAM, "run", "--config", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{file}: {expected}"), done.stderr


def test_fail__no_configuration_no_profile(tmp_path):
    done = subprocess.run([PROGRAM, "run"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and "name one with --config" in done.stderr
    file = tmp_path / "agent.toml"
    file.write_text('profile = "maker"\nstate = "state"\n[source.demo]\n')
    done = subprocess.run([PROGRAM, "run"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (
        done.returncode == 2 and 'profile: "maker" is not there; allowed: one of laserpecker, lightmake' in done.stderr
    )


def test_fail__a_second_agent_on_the_same_state(rig):
    with rig.device.storage.claim():
        code, _, errors = call(rig, "run")
    assert code == 2 and "another agent runs on it" in errors


@pytest.mark.clause("L17")
def test_fail__a_changed_ledger_is_found(rig):
    assert at_the_terminal(rig, "consent", "grant", "failure_detection")[0] == 0
    call(rig, "consent", "refuse", "print_history")
    file = rig.device.storage.directory / "ledger.0"
    data = bytearray(file.read_bytes())
    data[50] ^= 1
    file.write_bytes(bytes(data))
    code, shown, _ = call(rig, "ledger", "verify")
    assert code == 1 and "wrong: ledger.0: entry 1 at byte 9" in shown
    code, shown, _ = call(rig, "doctor")
    assert code == 1 and "entry 1 at byte 9" in shown and "move it away" in shown
    code, shown, _ = call(rig, "consent", "withdraw", "failure_detection")  # a withdrawal holds all the same
    assert code == 1 and "Withdrawn: failure_detection" in shown and "could not be recorded" in shown


@pytest.mark.clause("L17")
def test_fail__a_ledger_cut_or_replaced_is_found_by_the_decisions_it_lacks(rig):
    call(rig, "consent", "refuse", "failure_detection")
    whole = (rig.device.storage.directory / "ledger.0").read_bytes()
    call(rig, "consent", "refuse", "print_history")
    assert call(rig, "ledger", "verify")[0] == 0
    (rig.device.storage.directory / "ledger.head").unlink()  # which would tell before the decisions do
    for cut, missing in ((whole, 1), (b"", 2)):
        (rig.device.storage.directory / "ledger.0").write_bytes(cut)
        code, shown, _ = call(rig, "ledger", "verify")
        assert code == 1 and shown.count("entries were removed") == missing
        assert call(rig, "doctor")[0] == 1 and call(rig, "ledger", "show")[0] == 1


@pytest.mark.attack(2)
def test_fail__a_consent_that_damage_hides_is_withdrawn_all_the_same(rig):
    call(rig, "consent", "refuse", "failure_detection")
    assert at_the_terminal(rig, "consent", "grant", "failure_detection")[0] == 0
    state = rig.device.storage.directory
    for name in ("consent.0", "consent.1", "floor.0", "floor.1"):
        kept = {path.name: path.read_bytes() for path in state.iterdir()}
        (state / name).unlink()
        assert call(rig, "consent", "withdraw", "failure_detection")[0] == 0
        (state / name).write_bytes(kept[name])
        assert "ALLOWED" not in call(rig, "consent", "show")[1], name
        for other, data in kept.items():
            (state / other).write_bytes(data)


@pytest.mark.clause("L17")
def test_ok__a_head_that_was_kept_shows_a_cut_end(rig):
    call(rig, "consent", "refuse", "failure_detection")
    state = rig.device.storage.directory
    whole = (state / "ledger.0").read_bytes()
    call(rig, "consent", "grant", "print_history")  # refused: there is no terminal; and signed
    head = re.search(r"head ([0-9a-f]{64})", call(rig, "ledger", "verify")[1])[1]
    assert call(rig, "ledger", "verify", "--head", head)[0] == 0
    (state / "ledger.0").write_bytes(whole)
    code, shown, _ = call(rig, "ledger", "verify")
    assert code == 1 and "entries after 2 were cut off: entry 3 was signed" in shown
    (state / "ledger.head").unlink()
    assert call(rig, "ledger", "verify")[0] == 0  # who may write everything may remove that, too
    code, shown, _ = call(rig, "ledger", "verify", "--head", head)
    assert code == 1 and "no entry has the head you gave" in shown


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (("ledger", "verify", "--head", "ab"), "argument --head: must be 64 hex digits"),
        (("ledger", "verify", "--head", "g" * 64), "argument --head: must be 64 hex digits"),
        (("ledger", "show", "--last", "0"), "argument --last: must be a whole number, 1 to"),
        (("ledger", "show", "--last", "many"), "argument --last: must be a whole number, 1 to"),
    ],
)
def test_fail__a_wrong_argument_says_what_is_allowed(rig, arguments, expected):
    code, shown, errors = call(rig, *arguments)
    assert code == 2 and shown == "" and expected in flat(errors)


@pytest.mark.parametrize(
    "host", ["a..b", "a_b.example", "bücher.example", "::1", "192.0.2.1", "fe80::1%eth0", "b.example."]
)
def test_ok__a_host_is_a_name_or_an_address(host):
    assert addresses.host(host) == (host != "a..b")


def test_fail__doctor_ends_at_a_host_that_is_no_name(rig):
    rig.file.write_text(re.sub("host = .*", 'host = "a..b"', rig.file.read_text()))
    code, _, errors = call(rig, "doctor", "--connect")
    assert code == 2 and "uplink.lightmake.host: is wrong; allowed: a host name or address" in errors


def test_ok__what_root_writes_belongs_to_the_directory_s_owner(rig):
    state = rig.device.storage.directory
    root = os.geteuid() == 0
    owner = 65534 if root else os.geteuid()  # without root there is only one user to write for
    for path in (state, *state.iterdir()):
        os.chown(path, owner, -1)
    call(rig, "consent", "refuse", "failure_detection")
    assert {path.stat().st_uid for path in state.iterdir()} == {owner}
    if root:
        os.chown(state / "ledger.0", 0, 0)
    code, shown, _ = call(rig, "doctor")
    assert (code == 1) == root == ("does not belong to the owner of the directory" in flat(shown))


def test_fail__doctor_names_a_consent_store_that_is_gone(rig):
    call(rig, "consent", "refuse", "failure_detection")
    for name in ("consent.0", "consent.1"):
        (rig.device.storage.directory / name).unlink(missing_ok=True)
    code, shown, _ = call(rig, "doctor")
    assert code == 1 and "(consent_unreadable)" in shown


def test_ok__small_things_people_do(rig):
    assert subprocess.run([PROGRAM], capture_output=True, text=True).stdout.startswith("usage: firmware-agent")
    piped = subprocess.run(f"{PROGRAM} show --config {rig.file} | head -1", shell=True, capture_output=True, text=True)  # noqa: S602
    assert piped.returncode == 0 and "Traceback" not in piped.stderr
    for number in ("0", "-1", "x"):
        assert call(rig, "ledger", "show", "--last", number)[0] == 2


class Doctor:
    """Runs `doctor` on a TLS configuration and returns its lines."""

    def __init__(self, directory):
        self.directory = directory
        self.authority = Authority(directory, "ours")
        self.port = free_port()

    def lines(self, certificate, *arguments):
        endpoint = f'host = "127.0.0.1"\nport = {self.port}\ntimeout = 2\nauthority = "{self.authority.path}"\n'
        endpoint += f'certificate = "{certificate[0]}"\nkey = "{certificate[1]}"'
        rig = Rig(self.directory, endpoint)
        code, shown, _ = call(rig, "doctor", *arguments)
        return code, flat(shown)


def test_ok__doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path):
    doctor = Doctor(tmp_path)
    code, shown = doctor.lines(doctor.authority.issue("device", end=300))
    assert code == 0 and "wrong" not in shown and "not tried, for nothing is allowed" in shown
    code, shown = doctor.lines(doctor.authority.issue("device", end=300), "--connect")
    assert code == 1 and "nothing listens there" in shown and "start the broker" in shown
    code, shown = doctor.lines(doctor.authority.issue("old", start=-9, end=-2))
    assert code == 1 and "expired on" in shown and "renew it" in shown
    code, shown = doctor.lines((tmp_path / "none.pem", tmp_path / "none.key"))
    assert code == 1 and "put the PEM file there" in shown
    certificate = doctor.authority.issue("loose", end=300)
    os.chmod(certificate[1], 0o644)
    code, shown = doctor.lines(certificate)
    assert code == 1 and "other users can read" in shown and "chmod go=" in shown
    os.chmod(certificate[1], 0o600)
    os.chmod(tmp_path / "state", 0o755)  # noqa: S103 - that is the point
    code, shown = doctor.lines(certificate)
    assert code == 1 and "other users can get at it" in shown


@pytest.mark.attack(16)
@pytest.mark.clause("L22")
def test_ok__no_value_is_logged_at_any_level(rig):
    from firmware_agent.telemetry.sources.demo import BLURTED

    assert at_the_terminal(rig, "consent", "grant", "improvement_program")[0] == 0
    command = [PROGRAM, "run", "--log", "debug", "--config", str(rig.file)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        running.wait(4)
    except subprocess.TimeoutExpired:
        running.terminate()
    shown, _ = running.communicate(timeout=30)
    assert running.returncode == 0 and "link to lightmake" in shown  # the control: it did log
    for value in BLURTED.values():
        assert str(value) not in shown
