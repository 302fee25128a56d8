"""Keys whose value identifies, in JSON, in what Python prints and in configuration; numbers too.

A packed address such as 135440576 is a number that nothing but its key tells from a counter.
"""

from firmware_agent.scrub import checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_DIGITS = "0123456789"
# kind: the keys, without case, spaces, _ and -
_TABLE = {
    "printer_sn": "sn serial serialnumber serialno printersn printerserial machineserial devid devsn devserial partserial boardserial",
    "cloud_id": "taskid jobid projectid profileid subtaskid designid modelid userid accountid groupid teamid ownerid memberid creatorid plateid "
    "instanceidx designerid",
    "rfid_uid": "taguid trayuuid rfid rfiduid nfcuid spooluid tagid trayuid",
    "filename": "gcodefile subtaskname filename jobname gcodename designtitle modelname displayname origfilename printname "
    "currentfile printfile lastfile jobfile plate3mf",
    "ssid": "ssid essid wifissid apssid wifiname networkname stassid",
    "mac": "bssid mac macaddress hwaddr hwaddress ethaddr wifimac btmac",
    "ipv4": "ip ipaddr ipaddress localip lanip stationip wifiip remoteip clientip",
    "user": "username user creator nickname nick login fullname displayuser realname contact",
    "account": "owner remotealias account accountname email mail emailaddress phone phonenumber mobile chatid telegramid",
    "author": "author designer",
    "hostname": "hostname mdns mdnsname computername fqdn netbiosname",
    "device_name": "printername devicename devname machinename instancename botname robotname printeralias",
    "token": "token apikey accesscode password passwd pass secret authkey psk accesstoken refreshtoken idtoken privatekey cookie "
    "authorization xapikey passphrase oneshottoken bearer clientsecret appkey appsecret bottoken webhook signature credential "
    "credentials pincode bindcode wifipassword wifipass ossurl rtspurl licensekey",
    "session_id": "session sessionid sessionkey sid",
    "uuid": "uuid uid guid machineid machineuuid instanceid instanceuuid installid installationid deviceid printerid clientid hwid cpuid "
    "hardwareid boardid udid",
    "canbus_uuid": "canbusuuid",
    "gps": "latitude longitude lat lon lng gps location timezonecity",
    "timezone": "",
}
KEYS = {key: kind for kind, keys in _TABLE.items() for key in keys.split()}


def keyed(line: str, low: str, starts: bool) -> "Iterator[tuple[int, int, str]]":
    """(start, end, kind) of each value whose key stands in the table. starts: also a line of "key: value" or "key = value"."""
    at = low.find(":")
    while at >= 0:
        quote = low[at - 1 : at]
        if quote in ("'", '"'):
            begin = low.rfind(quote, 0, at - 1)
            kind = KEYS.get(_bare(low[begin + 1 : at - 1]), "") if 0 <= begin and at - begin < 40 else ""
            if kind:
                yield from _value(line, at + 1, kind)
        at = low.find(":", at + 1)
    if starts:
        end = _separator(low)
        kind = KEYS.get(_bare(low[:end]), "") if 0 < end < 40 else ""
        if kind:
            yield from _rest(line, end + 1, kind)


def _separator(low: str) -> int:
    found = [at for at in (low.find(":"), low.find("=")) if at > 0]
    return min(found) if found else -1


def _bare(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").strip("\t#;")


def _value(line: str, at: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    """What stands in quotes from there, or the number."""
    while line[at : at + 1] == " ":
        at += 1
    if line[at : at + 1] in ("u", "b") and line[at + 1 : at + 2] in ("'", '"'):
        at += 1
    quote = line[at : at + 1]
    if quote in ("'", '"'):
        end = at + 1
        while end < len(line) and line[end] != quote:
            end += 2 if line[end] == "\\" else 1
        yield from _shaped(line, at + 1, min(end, len(line)), kind)
        return
    end = at
    while end < len(line) and line[end] in "0123456789-.":
        end += 1
    if end > at and line[end : end + 1] in ("", ",", "}", "]", " ", "\r"):
        yield from _shaped(line, at, end, "ipv4_int" if kind == "ipv4" else kind)


def _rest(line: str, at: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    """The rest of a line of configuration, without its comment and quotes."""
    end = len(line.rstrip())
    for mark in (" #", "\t#", " ;", "\t;"):
        found = line.find(mark, at)
        if 0 <= found < end:
            end = found
    while at < end and line[at] in " \t'\"":
        at += 1
    while end > at and line[end - 1] in " \t'\"":
        end -= 1
    yield from _shaped(line, at, end, kind)


def _shaped(line: str, start: int, end: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    text = line[start:end]
    bare = text.strip()
    number = all([one in _DIGITS for one in bare])
    if "redacted" in bare.lower() or not bare or len(set(bare)) < 2 or bare.lower() in checks.NOBODY or bare[0] in "{<$[" or bare[0] == bare[-1] == "_" or "mock" in bare.lower():
        return
    if kind in ("printer_sn", "uuid", "rfid_uid", "session_id") and (len(bare) < 6 or not any([one in _DIGITS for one in bare])):
        return
    if kind in ("printer_sn", "device_name", "hostname", "token", "uuid") and (bare[0] in "/~" or bare.lower().startswith(("tty", "video", "mmcblk", "wlan", "eth", "can", "0000:")) or bare.endswith(".usb")):
        return
    if kind in ("cloud_id", "ipv4_int") and (len(bare) < 3 or not number and len(bare) < 8 or set(bare[:2]) == {"0"}):
        return
    if kind == "account" and bare.lower() in checks.PUBLIC:
        return
    if kind == "cloud_id" and number and len(bare) < 6 and bare[-3:] in ("000", "001"):  # ids of users and groups of Linux
        return
    if kind in ("printer_sn", "rfid_uid") and len(set(bare)) < 4:
        return
    if kind == "filename" and bare.lower().endswith((".conf", ".cfg", ".log", ".ini", ".json", ".py", ".png", ".txt")):
        return
    if kind == "filename":
        start = start + text.rfind("/") + 1
    if kind in ("ipv4", "mac", "gps") and not any([one in ".:" for one in bare]):
        return
    if kind == "ipv4" and (bare.count(".") != 3 or not checks.ipv4(bare, 0, len(bare))) or kind in ("user", "author") and number:
        return
    if start < end:
        yield start, end, kind
