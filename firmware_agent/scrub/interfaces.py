"""What Bambu's printers, Moonraker with Klipper, and OctoPrint say in JSON: what of it identifies, and what never does.

Facts about public interfaces, collected by hand: the manuals of Moonraker's and OctoPrint's, what Bambu's printers are
publicly known to report. A row is a path as it ends, lists left out, "*" for any key, "^" for the top of a document.
What has no row is for the rules to judge.
"""

import re
from typing import NamedTuple


class Interface(NamedTuple):
    """marks: a document that has two of these keys is of this interface.

    identifies: path -> kind. harmless: path -> how its values look that stay, whatever a rule thinks of them.
    """

    marks: frozenset[str]
    identifies: dict[str, str]
    harmless: dict[str, "re.Pattern[str]"]


_FIGURE = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?"
_SHAPES = {
    "number": _FIGURE,
    "version": r"[vV]?[0-9]{1,5}(?:[-._+~/ ][0-9A-Za-z]{1,40}){0,12}|\?|",
    "hash": r"[0-9a-f]{7,64}",
    "count": r"[0-9A-F]{1,16}",  # of jobs, in hex
    "part": r"[A-Za-z][A-Za-z0-9]{0,9}(?:/[0-9]{1,3})?",  # of a printer
    "model": r"[A-Za-z][A-Za-z0-9 +._-]{0,39}",
    "node": r"(?:tty|video|media|can|spi|i2c|vc)[A-Za-z0-9._-]{0,30}",  # Linux's name of a device
    "bus": r"(?:usb|platform|pci)[A-Za-z0-9:._-]{0,60}|[0-9]{1,3}(?::[0-9]{1,3})+",
}


def _interface(marks: str, identifies: dict[str, str], harmless: dict[str, str]) -> Interface:
    return Interface(
        frozenset(marks.split()),
        {path: kind for kind, paths in identifies.items() for path in paths.split()},
        {path: re.compile(_SHAPES[shape]) for shape, paths in harmless.items() for path in paths.split()},
    )


BAMBU = _interface(
    """
    print info system pushing upgrade mc_print sequence_id command gcode_state gcode_file subtask_name subtask_id
    mc_percent mc_remaining_time mc_print_stage nozzle_temper bed_temper chamber_temper ams ams_status ams_rfid_status
    ams_exist_bits tray tray_info_idx tray_uuid tag_uid vt_tray vir_slot ipcam rtsp_url tutk_server lights_report
    hw_ver sw_ver module upgrade_state new_ver_list xcam wifi_signal spd_lvl home_flag hms liveview ttcode
    """,
    {
        "filename": "print.subtask_name print.gcode_file print.file",
        "cloud_id": """
            print.task_id print.project_id print.profile_id print.subtask_id print.design_id print.model_id
            print.user_id print.job_id upload.task_id info.user_id liveview.ttcode ttcode tutk.ttcode
        """,
        "printer_sn": "module.sn print.dev_id ams.sn",
        "rfid_uid": "tray.tag_uid tray.tray_uuid vt_tray.tag_uid vt_tray.tray_uuid vir_slot.tag_uid vir_slot.tray_uuid",
        "ipv4_int": "net.info.ip",
        "token": """
            ipcam.rtsp_url liveview.authkey liveview.passwd ttcode.authkey ttcode.passwd system.access_code
            upload.oss_url print.upload_url print.url
        """,
    },
    {
        "number": """
            sequence_id print.gcode_start_time net.info.mask net.conf hms.attr hms.code print.print_error
            print.home_flag upload.trouble_id queue_total queue_sts tray.remain tray.ctype tray.cali_idx
        """,
        "version": """
            module.sw_ver module.hw_ver module.loader_ver module.sw_new_ver module.new_ver new_ver_list.cur_ver
            new_ver_list.new_ver upgrade_state.ota_new_version_number upgrade_state.ams_new_version_number
            upgrade_state.ahb_new_version_number upgrade_state.ext_new_version_number
        """,
        "part": "module.name new_ver_list.name upgrade_state.module",
        "model": "module.product_name module.project_name tray.tray_sub_brands",
    },
)

BAMBU_CLOUD = _interface(  # its list of printers
    "dev_id dev_access_code dev_model_name dev_product_name dev_structure print_status nozzle_diameter online",
    {
        "device_name": "devices.name",
        "printer_sn": "dev_id",
        "token": "dev_access_code",
    },
    {"model": "dev_product_name dev_model_name dev_structure"},
)

MOONRAKER = _interface(
    """
    jsonrpc method result params klippy_state klippy_connected moonraker_version api_version_string eventtime webhooks
    print_stats virtual_sdcard display_status toolhead configfile exclude_object gcode_move print_duration
    total_duration filament_used filament_total slicer slicer_version object_height layer_height thumbnails
    relative_path job_id queued_jobs queue_state state_message klipper_path python_path software_version log_file
    config_file cpu_info sd_info instance_ids available_services service_state canbus version_info full_version_string
    remote_alias current_hash remote_hash configured_type stream_url snapshot_url target_fps aspect_ratio usb_devices
    serial_devices v4l2_devices libcamera_devices path_by_id path_by_hardware usb_location can_uuids websocket_count
    moonraker_stats system_cpu_usage disk_usage root_info registered_directories created_on refresh_token new_password
    api_key username password notifiers pending_reports connection_id client_name mcu_version mcu_build_versions
    entry_id date_dismissed
    """,
    {
        "filename": "print_stats.filename virtual_sdcard.file_path jobs.filename queued_jobs.filename job.filename",
        "object_name": "exclude_object.objects.name exclude_object.current_object exclude_object.excluded_objects",
        "message": "display_status.message",
        "hostname": "system_info.hostname ^result.hostname ^hostname",
        "user": "users.username jobs.user job.user",
        "token": """
            params.access_token params.api_key params.password params.new_password params.refresh_token params.token
            result.token result.refresh_token ^token ^refresh_token ^password ^new_password notifiers.url
        """,
        "hw_serial": "cpu_info.serial_number sd_info.serial_number",
        "usb_serial": "usb_devices.serial",
        "canbus_uuid": "can_uuids.uuid",
        "mac": "network.*.mac_address",
        "author": "commits_behind.author",
    },
    {
        "number": """
            ^id eventtime result.connection_id params.connection_id ^connection_id result.user_id result.group_id
            result.process_id ^user_id ^group_id ^process_id created_on modified start_time end_time time_added
            sd_info.manufacturer_id sd_info.oem_id sd_info.product_revision usb_devices.device_num usb_devices.bus_num
        """,
        "count": "jobs.job_id job.job_id queued_jobs.job_id",
        "version": """
            software_version moonraker_version api_version_string slicer_version mcu_version version_info.*.version
            version_info.*.remote_version version_info.*.full_version_string version_info.*.rollback_version
            python.version_string distribution.version distribution.kernel_version
            release_info.version_id
        """,
        "hash": "version_info.*.current_hash version_info.*.remote_hash commits_behind.sha",
        "node": "serial_devices.device_name v4l2_devices.device_name canbus.*.device_name",
        "bus": "v4l2_devices.hardware_bus usb_devices.usb_location serial_devices.usb_location",
        "model": """
            sd_info.manufacturer sd_info.product_name cpu_info.model cpu_info.hardware_desc cpu_info.processor
            distribution.id distribution.codename instance_ids.moonraker instance_ids.klipper
        """,
    },
)

OCTOPRINT = _interface(
    """
    current history connected event payload state job progress flags closedOrError operational sdReady printTime
    printTimeLeft completion filepos estimatedPrintTime averagePrintTime lastPrintTime display origin typePath refs
    resource gcodeAnalysis busyFiles serverTime plugin_hash config_hash display_version safe_mode printerProfile
    portPreference printerProfilePreference remoteAddress appearance feature ffmpegPath streamUrl snapshotUrl
    gcodeViewer terminalFilters formFactor printerProfiles movie_basename
    """,
    {
        "filename": """
            job.file.name job.file.path job.file.display files.name files.path files.display children.name
            children.path children.display payload.path payload.name payload.gcode payload.movie payload.movie_basename
            file.display
        """,
        "user": "job.user payload.username payload.user",
        "token": "api.key api.apikey connected.apikey",
        "device_name": "appearance.name profiles.*.name printerProfiles.name",
    },
    {
        "number": "estimatedPrintTime averagePrintTime lastPrintTime printTime filepos serverTime date file.size",
        "version": "connected.version connected.display_version ^api ^server",
        "hash": "connected.plugin_hash connected.config_hash files.hash children.hash file.hash",
    },
)

PEOPLE = _interface(  # OctoPrint's users: of such a document a name is a person's
    "apikey session permissions groups roles is_external_client _is_external_client active admin",
    {"user": "^name users.name", "session_id": "^session", "token": "^apikey users.apikey", "email": "users.email"},
    {},
)

INTERFACES = (BAMBU, BAMBU_CLOUD, MOONRAKER, OCTOPRINT, PEOPLE)
