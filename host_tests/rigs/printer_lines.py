# ruff: noqa: E501 - lines are as long as the programs write them
"""The fixed parts of what printer_texts writes. [[name]]: something that identifies; all else is anybody's."""

PRINTER_CFG = """[mcu]
serial: /dev/serial/by-id/usb-Klipper_stm32h723xx_[[mcu]]-if00

[mcu EBB]
canbus_uuid: [[can]]

[printer]
kinematics: corexy
max_velocity: 350
max_accel: 7500
square_corner_velocity: 5.0

[stepper_x]
step_pin: PE2
dir_pin: !PB4
enable_pin: !PC11
rotation_distance: 40
microsteps: 64
endstop_pin: ^EBB:PB6
position_endstop: 352.5
position_max: 353
homing_speed: 80

[tmc5160 stepper_x]
cs_pin: PC6
spi_software_sclk_pin: PA5
run_current: 1.1
sense_resistor: 0.075
driver_SGT: 1

[extruder]
heater_pin: EBB:PB13
sensor_type: ATC Semitec 104NT-4-R025H42G
control: pid
pid_kp: 26.213
pid_ki: 1.304
pid_kd: 131.721
pressure_advance: 0.0375

[bed_mesh]
mesh_min: 35, 30
mesh_max: 315, 300
probe_count: 7, 7
points:
    -0.021250, 0.003125, 0.018750, 0.042500
    0.001875, -0.013750, 0.005000, 0.031250

[virtual_sdcard]
path: /home/[[user]]/printer_data/gcodes

[include mainsail.cfg]

#*# <---------------------- SAVE_CONFIG ---------------------->
#*# [probe]
#*# z_offset = 1.942

"""
MOONRAKER_CONF = """[server]
host: 0.0.0.0
port: 7125
klippy_uds_address: /home/[[user]]/printer_data/comms/klippy.sock

[authorization]
trusted_clients:
    10.0.0.0/8
    127.0.0.0/8
    192.168.0.0/16
    [[peer]]
cors_domains:
    *.lan
    http://[[host]].local

[mqtt]
address: [[broker]]
port: 1883
username: [[person]]
password: [[secret]]
instance_name: [[host]]

[octoprint_compat]
enable_ufp: False

[webcam front]
location: printer
stream_url: http://[[self]]/webcam/?action=stream

[notifier telegram]
url: tgram://[[key]]/12
body: print is done

[update_manager macros]
type: git_repo
origin: https://github.com/[[account]]/klipper-macros.git
path: /home/[[user]]/klipper-macros

"""
KLIPPY_HEAD = (
    """Starting Klippy...
Args: ['/home/[[user]]/klipper/klippy/klippy.py', '/home/[[user]]/printer_data/config/printer.cfg', '-l', '/home/[[user]]/printer_data/logs/klippy.log']
Git version: 'v0.12.0-271-g5d24122e'
CPU: 4 core ARMv8 Processor rev 3 (v8l)
Python: '3.9.2 (default, Feb 28 2021, 17:03:44) \\n[GCC 10.2.1 20210110]'
webhooks client 1973511104: New connection
Start printer at Tue Mar 12 18:44:02 2024 (1710265442.7 31.4)
===== Config file =====
"""
    + PRINTER_CFG
    + """=======================
mcu 'mcu': Starting serial connect
Loaded MCU 'mcu' 121 commands (v0.12.0-114-ga77d0790 / gcc: (15:8-2019-q3-1+b1) 8.3.1 20190703 binutils: (2.35.2) 2.35.2)
MCU 'mcu' config: ADC_MAX=4095 CLOCK_FREQ=520000000 MCU=stm32h723xx STATS_SUMSQ_BASE=256
Configured MCU 'mcu' (1024 moves)
mcu 'EBB': Starting CAN connect
mcu 'EBB': Timeout on connect to [[can]]
Extruder max_extrude_ratio=0.266081
"""
)
TRACE = """Unhandled exception during run
Traceback (most recent call last):
  File "/home/[[user]]/klipper/klippy/klippy.py", line 176, in _connect
    cb()
  File "/home/[[user]]/klipper/klippy/extras/mcp4018.py", line 41, in set_value
    self.i2c.i2c_write([value])
serial.serialutil.SerialException: could not open port /dev/serial/by-id/usb-Klipper_rp2040_[[mcu2]]-if00
Transition to shutdown state: MCU 'mcu' shutdown: Timer too close
Dumping gcode input 50 blocks
Read 1710269.118: b'SDCARD_PRINT_FILE FILENAME="[[file0]]"\\n'
"""
MOONRAKER_HEAD = (
    """--------------------Log Start | Tue Mar 12 18:43:51 2024--------------------
platform: Linux-6.1.21-v8+-aarch64-with-glibc2.31
data_path: /home/[[user]]/printer_data
config_file: /home/[[user]]/printer_data/config/moonraker.conf
software_version: v0.9.3-1-g4ab9f0
python_version: 3.9.2
uuid: [[instance]]

#################### Moonraker Configuration ####################

"""
    + MOONRAKER_CONF
    + """
***** System Info *****
hostname: [[host]]
serial_number: [[cpu]]
'network': {'wlan0': {'mac_address': '[[mac]]', 'ip_addresses': [{'family': 'ipv4', 'address': '[[self]]'}, {'family': 'ipv6', 'address': '[[ip6]]'}]}}
Connected to SSID "[[network]]"
"""
)
JOB = """ {
  "job_id": "0001%(n)dF",
  "exists": true,
  "filename": "[[%(file)s]]",
  "metadata": {"size": 4926481, "slicer": "PrusaSlicer", "slicer_version": "2.7.1", "layer_height": 0.2, "uuid": "[[part]]"},
  "print_duration": %(seconds).6f,
  "filament_used": %(mm).4f,
  "start_time": 1710265442.7182,
  "status": "completed",
  "user": "[[person]]"
 }"""
BAMBU = """ {
  "print": {
   "command": "push_status", "sequence_id": "2021", "msg": 0, "nozzle_temper": 219.96875, "bed_temper": 54.8125,
   "gcode_file": "[[file1]]", "subtask_name": "[[file2]]", "task_id": "[[task]]", "project_id": "[[project]]",
   "mc_percent": 41, "mc_remaining_time": 97, "layer_num": 120, "total_layer_num": 302, "wifi_signal": "-51dBm",
   "upgrade_state": {"status": "IDLE", "sn": "[[sn]]", "ota_new_version_number": "01.07.00.00"},
   "ipcam": {"ipcam_dev": "1", "rtsp_url": "rtsps://[[self]]:322/streaming/live/1"},
   "ams": {"ams": [{"id": "0", "humidity": "4", "tray": [{"id": "0", "tag_uid": "[[tag]]", "tray_color": "F2754EFF"}]}]},
   "net": {"conf": 0, "info": [{"ip": [[packed]], "mask": 16777215}]}
  }
 },
 {
  "result": {
   "hostname": "[[host]]", "software_version": "v0.12.0-271-g5d24122e", "cpu_info": "4 core ARMv8",
   "klipper_path": "/home/[[user]]/klipper", "config_file": "/home/[[user]]/printer_data/config/printer.cfg",
   "instance_id": "[[instance]]", "api_key": "[[key]]",
   "network": {"wlan0": {"mac_address": "[[mac]]", "ip_addresses": [{"family": "ipv4", "address": "[[self]]"}]}},
   "moonraker_version": "v0.9.3-1-g4ab9f0", "api_version": [1, 5, 0], "websocket_count": 3
  }
 }"""
