"""A camera's device nodes, and who may open them: owner, group, mode and ACL, by the kernel's own rules."""

import errno
import grp
import os
import pwd
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

ACL = "system.posix_acl_access"
_VERSION = 2
_ENTRY = struct.Struct("<HHI")  # tag, rights, id; linux/posix_acl_xattr.h
_USER, _GROUP_OWNER, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_RIGHTS = 4, 2  # to read, to write: each of them opens


@dataclass(frozen=True)
class Camera:
    """One camera as the system has it. nodes: all of it that can be opened, the named one first, and the raw USB
    device last. usb: its vendor and product, four digits of hex each, or None. kernel: what the kernel calls it.
    """

    nodes: tuple[Path, ...]
    raw: Path | None
    usb: tuple[str, str] | None
    kernel: str


def camera(root: Path, device: str) -> Camera:
    """Look the device up in /sys; alone, if that says nothing about it."""
    node = root / device.lstrip("/")
    entry = root / "sys/class/video4linux" / node.resolve().name
    if not (entry / "device").exists():
        return Camera((node,), None, None, "")
    home = (entry / "device").resolve()
    usb = next((place for place in (home, *home.parents) if (place / "idVendor").exists()), None)
    home = usb or home
    names = [node.resolve().name]
    for folder in ("sys/class/video4linux", "sys/bus/media/devices"):
        found = sorted((root / folder).iterdir()) if (root / folder).is_dir() else []
        names += [one.name for one in found if one.resolve().is_relative_to(home)]
    nodes = tuple(root / "dev" / name for name in dict.fromkeys(names) if (root / "dev" / name).exists())
    if usb is None:
        return Camera(nodes or (node,), None, None, home.name)
    bus, number, *ids = (
        (usb / name).read_text("ascii").strip() for name in ("busnum", "devnum", "idVendor", "idProduct")
    )
    raw = root / f"dev/bus/usb/{int(bus):03}/{int(number):03}"
    return Camera(nodes or (node,), raw if raw.exists() else None, (ids[0], ids[1]), usb.name)


def who(node: Path) -> list[str]:
    """Who may open it, besides root: "everybody", "group video (octo, pi)", "user kim, by an ACL". OSError."""
    found = node.stat()
    rights, users, groups, mask = stat.S_IMODE(found.st_mode), {}, {}, 7
    of_group = rights >> 3 & 7
    for tag, right, ident in _acl(node):
        if tag == _USER:
            users[ident] = right
        elif tag == _GROUP:
            groups[ident] = right
        elif tag == _GROUP_OWNER:
            of_group = right
        elif tag == _MASK:
            mask = right
    if _opens(rights & 7):
        return ["everybody"]
    said = [f"user {user(found.st_uid)}"] if found.st_uid and _opens(rights >> 6 & 7) else []
    said += [group(found.st_gid)] if _opens(of_group & mask) else []
    said += [f"user {user(one)}, by an ACL" for one, right in sorted(users.items()) if _opens(right & mask)]
    said += [f"{group(one)}, by an ACL" for one, right in sorted(groups.items()) if _opens(right & mask)]
    return said


def members(gid: int) -> list[str]:
    """Names of the users who are in this group."""
    try:
        named = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        named = set()
    return sorted(named | {one.pw_name for one in pwd.getpwall() if one.pw_gid == gid} - {"root"})


def group(gid: int) -> str:
    """ "group video (octo, pi)"; "group 44 (nobody)" if it has no name and no members."""
    try:
        name = grp.getgrgid(gid).gr_name
    except KeyError:
        name = str(gid)
    return f"group {name} ({', '.join(members(gid)) or 'nobody'})"


def user(uid: int) -> str:
    """The name, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def settle(node: Path, uid: int, gid: int, mode: int) -> None:
    """Give the node away: owner, group, mode, and no ACL. OSError."""
    os.chmod(node, 0)  # nobody opens it while it is between two states
    try:
        os.removexattr(node, ACL)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
    os.chown(node, uid, gid)
    os.chmod(node, mode)


def _acl(node: Path) -> list[tuple[int, int, int]]:
    try:
        data = os.getxattr(node, ACL)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return []
        raise
    if int.from_bytes(data[:4], "little") != _VERSION or (len(data) - 4) % _ENTRY.size:
        return []
    return [_ENTRY.unpack_from(data, place) for place in range(4, len(data), _ENTRY.size)]


def _opens(right: int) -> bool:
    return any(right & one for one in _RIGHTS)
