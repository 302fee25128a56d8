"""What a printer's programs write, of any size, and where in it something identifies. Seeded; nobody's own words.

Logs of Klipper and Moonraker, configuration of both, JSON that Moonraker and Bambu printers answer, G-code with its
slicers' settings. Written after what the programs are known to print; no line is from anyone's file. It was written by
people who knew the rules of the scrubber, so a score on it flatters: compare tools on it, and sizes, not promises.
"""

from collections.abc import Callable
from random import Random

from host_tests.rigs.identifiers import made, word
from host_tests.rigs.printer_gcode import gcode
from host_tests.rigs.printer_lines import BAMBU, JOB, KLIPPY_HEAD, MOONRAKER_CONF, MOONRAKER_HEAD, PRINTER_CFG, TRACE
from host_tests.rigs.sheet import Label, Sheet


def house(chance: Random) -> "dict[str, tuple[str, str]]":
    """name -> (kind, value): one owner's names, addresses and things; files are other ones from job to job."""
    kinds = {"user": "home_user", "host": "hostname", "person": "user", "mcu": "usb_serial", "mcu2": "usb_serial"}
    kinds |= {"can": "canbus_uuid", "self": "ipv4", "peer": "ipv4", "phone": "ipv4", "broker": "ipv4", "ip6": "ipv6"}
    kinds |= {"mac": "mac", "key": "token", "secret": "token", "instance": "instance_uuid", "cpu": "hw_serial"}
    kinds |= {"network": "ssid", "mail": "email", "sn": "printer_sn", "task": "cloud_id", "project": "cloud_id"}
    kinds |= {"tag": "rfid_uid", "tray": "rfid_uid", "packed": "ipv4_int", "account": "account", "part": "uuid"}
    kinds |= {f"file{one}": "filename" for one in range(4)}
    return {name: (kind, made(chance, kind)) for name, kind in kinds.items()}


def another(sheet: Sheet, chance: Random) -> str:
    """The mark of a job's file; three in ten are new ones."""
    name = f"file{chance.randrange(4)}"
    if chance.random() < 0.3:
        sheet.house = {**sheet.house, name: ("filename", made(chance, "filename"))}
    return name


def _stats(chance: Random, at: float) -> str:
    """A line as Klipper writes each second."""
    number, load = chance.randint(10_000, 9_999_999), chance.uniform(0.05, 1.9)
    return (
        f"Stats {at:.1f}: gcodein={number % 977}  mcu: mcu_awake=0.0{number % 90 + 10} mcu_task_avg=0.0000{number % 23}"
        f" mcu_task_stddev=0.0000{number % 31} bytes_write={number} bytes_read={number // 3} bytes_retransmit=9"
        f" bytes_invalid=0 send_seq={number // 41} receive_seq={number // 41} retransmit_seq=2 srtt=0.001 rttvar=0.000"
        f" rto=0.025 ready_bytes={number % 43} upcoming_bytes={number % 51} freq=1799{number % 9000 + 1000}"
        f"  heater_bed: target=60 temp={chance.uniform(59, 61):.1f} pwm={load / 3:.3f}  EBB: mcu_awake=0.001"
        f" mcu_task_avg=0.000003 bytes_write={number // 7} bytes_read={number // 9} freq=6400{number % 9000 + 1000}"
        f" adj=6399{number % 9000 + 1000} sd_pos={number} raspberry_pi: temp={chance.uniform(40, 60):.1f}"
        f" sysload={load:.2f} cputime={at / 9:.3f} memavail={number // 20} print_time={at:.3f} buffer_time=2.06"
        f" print_stall=0 extruder: target=215 temp={chance.uniform(214, 216):.1f} pwm={load / 4:.3f}\n"
    )


def klippy(sheet: Sheet, chance: Random, size: int) -> None:
    """One start of Klipper, its configuration, and a print of about `size` characters."""
    sheet.say(KLIPPY_HEAD)
    end, at = sheet.size + size, chance.uniform(20, 9000)
    sheet.say("webhooks client 1973511104: Client info {'program': 'Moonraker', 'version': 'v0.9.3-1-g4ab9f0'}\n")
    while sheet.size < end:
        at += 1.0
        sheet.plain(_stats(chance, at))
        if chance.random() < 0.02:
            sheet.say(f"Starting SD card print (position 0)\nFile opened: [[{another(sheet, chance)}]] Size: 48213\n")
        if chance.random() < 0.004:
            sheet.say(TRACE)
            sheet.plain(
                "".join(
                    f"Sent {one} {at:.6f} {at:.6f} {20 + one}: seq: 1{one % 10:x}, queue_step oid={one % 8}"
                    f" interval={chance.randint(900, 99_999)} count={one} add=-{one}\n"
                    for one in range(60)
                )
            )


def moonraker(sheet: Sheet, chance: Random, size: int) -> None:
    """One start of Moonraker and its clients, of about `size` characters."""
    sheet.say(MOONRAKER_HEAD)
    end, at = sheet.size + size, chance.randrange(3600)
    while sheet.size < end:
        at += chance.randint(0, 40)
        when = f"2024-03-1{at // 86400 % 10} {at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}"
        when += f",{chance.randint(100, 999)}"
        which, who = another(sheet, chance), chance.choice(("peer", "phone"))
        sheet.say(
            chance.choice(
                (
                    f"{when} [application.py:log_request()] - 200 GET /server/files/metadata?filename=[[{which}]]"
                    f" ([[{who}]]) [[[person]]] 7.{at % 90}ms\n",
                    f"{when} [websockets.py:open()] - Websocket Opened: ID: 5481{at % 9000}, Proxied: True, User Agent:"
                    f" Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/12{at % 9}.0.0.0, IP: [[{who}]]\n",
                    f"{when} [file_manager.py:_handle_metadata()] - Processing metadata for [[{which}]]: layers {at}\n",
                    f"{when} [update_manager.py:refresh()] - Repo klipper: v0.12.0-{at % 300}-g1f43be0 is current\n",
                    f"{when} [klippy_connection.py:_request()] - Method gcode/script took {at % 7}.2{at % 90} s\n",
                    f"{when} [proc_stats.py:_handle_stat()] - CPU {at % 90}.{at % 10} C, {at * 77 % 900000} kB\n",
                    f"{when} [history.py:save_job()] - Job 0003{at % 10}F finished: 'file': '[[{which}]]', ok\n",
                    f"{when} [zeroconf.py:_update()] - [[host]].local is at [[self]], [[ip6]]\n",
                )
            )
        )


def logs(chance: Random, size: int, session: int) -> Sheet:
    """Klipper's and Moonraker's by turns, two thirds Klipper's; each session may be another owner's."""
    sheet = Sheet(house(chance))
    while sheet.size < size:
        klippy(sheet, chance, session * 2 // 3)
        moonraker(sheet, chance, session // 3)
        sheet.house = house(chance)
    return sheet


def configuration(chance: Random, size: int, session: int) -> Sheet:
    """printer.cfg and moonraker.conf by turns."""
    sheet, until = Sheet(house(chance)), session
    while sheet.size < size:
        sheet.say(PRINTER_CFG)
        for one in range(chance.randint(4, 12)):
            sheet.plain(
                f"[gcode_macro {word(chance).upper()}_{one}]\ngcode:\n    G91\n    G1 Z{one}.5 F600\n    "
                "{% set t = params.T|default(215)|float %}\n    M104 S{t}\n    G90\n\n"
            )
        sheet.say(MOONRAKER_CONF)
        if sheet.size >= until:
            sheet.house, until = house(chance), sheet.size + session
    return sheet


def documents(chance: Random, size: int, session: int) -> Sheet:
    """One JSON list of what Moonraker and a Bambu printer answer."""
    sheet, until = Sheet(house(chance)), session
    sheet.plain("[\n")
    while True:
        sheet.say(BAMBU)
        for one in range(chance.randint(3, 9)):
            sheet.plain(",\n")
            seconds = chance.uniform(300, 90_000)
            sheet.say(JOB % {"file": another(sheet, chance), "seconds": seconds, "mm": seconds * 1.7, "n": one})
        if sheet.size >= size:
            break
        sheet.plain(",\n")
        if sheet.size >= until:
            sheet.house, until = house(chance), sheet.size + session
    sheet.plain("\n]\n")
    return sheet


def klipper_log(chance: Random, size: int, session: int) -> Sheet:
    """Klipper's alone; nearly all of it is figures."""
    sheet = Sheet(house(chance))
    while sheet.size < size:
        klippy(sheet, chance, session)
    return sheet


def moonraker_log(chance: Random, size: int, session: int) -> Sheet:
    """Moonraker's alone; something stands in every second line."""
    sheet = Sheet(house(chance))
    while sheet.size < size:
        moonraker(sheet, chance, session)
    return sheet


FAMILIES: "dict[str, Callable[[Random, int, int], Sheet]]" = {
    "logs": logs,
    "configuration": configuration,
    "JSON": documents,
    "G-code": gcode,
    "klippy.log": klipper_log,
    "moonraker.log": moonraker_log,
}


def written(family: str, seed: int, size: int, session: int = 200_000) -> "tuple[str, list[Label]]":
    """A text of at least `size` characters and its labels, in order. session: characters until the owner changes."""
    sheet = FAMILIES[family](Random(f"{family} {seed}"), size, session)
    return sheet.text(), sheet.labels
