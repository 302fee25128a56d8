"""klippy.log as Klipper writes it, with an owner's names where those stand. Written for tests; no line is anyone's."""

import random
from typing import NamedTuple


class Owner(NamedTuple):
    """What must not come out."""

    user: str
    host: str
    serial: str
    can: str
    job: str
    token: str


def owner(seed: int) -> Owner:
    chance = random.Random(f"owner {seed}")

    def word() -> str:
        return "".join(chance.choice("bdfgklmnprtvz") + chance.choice("aeou") for _ in range(4))

    return Owner(
        word(),
        word(),
        f"{chance.getrandbits(96):024X}",
        f"{chance.getrandbits(48):012x}",
        f"{word()} {word()}_{chance.randrange(100)}.gcode",
        f"{chance.getrandbits(128):032x}",
    )


def log(owner: Owner, seed: int = 0, seconds: int = 200) -> str:
    """One start of the host, and what it says for so long."""
    chance = random.Random(seed)
    home = f"/home/{owner.user}"
    port = f"/dev/serial/by-id/usb-Klipper_stm32f446xx_{owner.serial}-if00"
    lines = [
        "Starting Klippy...",
        f"Args: ['{home}/klipper/klippy/klippy.py', '{home}/printer_data/config/printer.cfg', '-l', '/tmp/klippy.log']",
        "Git version: 'v0.12.0-85-gd785b396'",
        "CPU: 4 core ARMv7 Processor rev 4 (v7l)",
        f"Start printer at Thu Feb  1 20:10:11 2024 ({1706818211 + seed}.5 19.2)",
        "===== Config file =====",
        *_config(owner, port, chance),
        "=======================",
        "mcu 'mcu': Starting serial connect",
        f"mcu 'mcu': Unable to open serial port: could not open port {port}: No such file or directory: '{port}'",
        "Loaded MCU 'mcu' 121 commands (v0.12.0-85-gd785b396 / gcc: (15:12.2.rel1-1) 12.2.1 binutils: 2.40)",
        "MCU 'mcu' config: ADC_MAX=4095 BUS_PINS_spi1=PA6,PA7,PA5 CLOCK_FREQ=180000000 MCU=stm32f446xx"
        " STATS_SUMSQ_BASE=256 STEPPER_BOTH_EDGE=1",
        "Configured MCU 'mcu' (1024 moves)",
        "Configured MCU 'EBB' (512 moves)",
        f"webhooks client 3037: Client info {{'program': 'Moonraker', 'host': '{owner.host}.local', 'pid': 641}}",
        f"Reset of {owner.serial}, host name: {owner.host}",
    ]
    for second in range(seconds):
        lines.append(_stats(19.5 + second, second, chance))
        if second == seconds // 3:
            lines.append(f"Starting SD card print (position 0) of {home}/printer_data/gcodes/{owner.job}")
        if second == seconds // 2:
            lines += [
                f"Got error -1 in can write: ({chance.randrange(1, 9)})Network is down, uuid={owner.can}",
                "Dumping gcode input 2 blocks",
                "Read 80.4: 'EXCLUDE_OBJECT_START NAME=lamp_id_0_copy_0\\n'",
                "Read 80.5: 'G1 X102.331 Y10.2 E.0331\\n'",
                f"gcode state: absolute_coord=True base_position=[0.0, 0.0, 0.0, {chance.random():.6f}]",
            ]
    lines += [f"Exiting SD card print (position {chance.randrange(10**6)})", f"{owner.host} user: {owner.user}", ""]
    return "\n".join(lines)


def _config(owner: Owner, port: str, chance: random.Random) -> "list[str]":
    pid = [f"pid_{one} = {chance.uniform(0, 90):.3f}" for one in ("kp", "ki", "kd")]
    return [
        "[mcu]",
        f"serial = {port}",
        "restart_method = command",
        "",
        "[mcu EBB]",
        f"canbus_uuid = {owner.can}",
        "",
        "[virtual_sdcard]",
        f"path = /home/{owner.user}/printer_data/gcodes",
        "",
        "[extruder]",
        "nozzle_diameter = 0.400",
        "rotation_distance = 22.6789511",
        "min_temp = -10",
        *pid,
        "",
        "[stepper_x]",
        "step_pin = PB13",
        "position_max = 250",
        "homing_speed = 50",
        "",
        "[bed_mesh]",
        "mesh_min = 20, 20.5",
        "mesh_max = 230,230",
        "",
        "[gcode_macro NOTIFY]",
        "gcode = ",
        f"\t{{action_call_remote_method('tell', token='{owner.token}', to='{owner.user}@{owner.host}.lan')}}",
        "\tG1 X10 Y10 F6000",
    ]


def _stats(time: float, second: int, chance: random.Random) -> str:
    def mcu(name: str, freq: int) -> str:
        return (
            f"{name}: mcu_awake={chance.random() / 50:.3f} mcu_task_avg=0.0000{chance.randrange(10, 90)} "
            f"mcu_task_stddev=0.000013 bytes_write={1000 + second * 617} bytes_read={4000 + second * 813} "
            f"bytes_retransmit={chance.randrange(3) * 9} bytes_invalid=0 send_seq={100 + second * 7} "
            f"receive_seq={100 + second * 7} retransmit_seq=2 srtt=0.00{chance.randrange(1, 9)} rttvar=0.000 rto=0.025 "
            f"ready_bytes=0 upcoming_bytes={chance.randrange(300)} freq={freq + chance.randrange(-999, 999)}"
        )

    return (
        f"Stats {time:.1f}: gcodein=0 {mcu('mcu', 180_000_000)} {mcu('EBB', 64_000_000)} "
        f"adj={chance.randrange(63_000_000, 65_000_000)} sd_pos={second * 811} "
        f"heater_bed: target={60 if second > 60 else 0} temp={chance.uniform(20, 60):.1f} pwm={chance.random():.3f} "
        f"raspberry_pi: temp={chance.uniform(40, 60):.1f} sysload={chance.random():.2f} cputime={second * 0.31:.3f} "
        f"memavail={chance.randrange(400_000, 900_000)} print_time={second * 0.99:.3f} buffer_time=1.2 print_stall=0 "
        f"extruder: target=215 temp={chance.uniform(210, 220):.1f} pwm={chance.random():.3f}"
    )
