"""What a camera's adapter command is refused (weaker.py): one row a call. What is not here goes on.

A list of what is forbidden is weaker than one of what is allowed: it is for programs that are not ours, and that
change. Landlock keeps them from opening what they could write to; this is what Landlock does not know: attributes of
files, sockets, what other processes share, who leaves the group that main ends, and what changes the system. A call
that is newer than this list (NEWEST) answers as on a kernel without it. Numbers: the kernel's asm/unistd.h.
"""

from firmware_agent.camera.sandbox.table import ALLOW, REFUSE, Check, Row

NEWEST = 469  # file_setattr, Linux 6.17
_UNIX, _NETLINK, _UEVENTS = 1, 16, 15
_STREAM, _PACKETS = 1, 5  # SOCK_STREAM, SOCK_SEQPACKET: joined for good; a datagram could be sent to any address
_FLAGS = 0x800 | 0x80000  # SOCK_NONBLOCK, SOCK_CLOEXEC
_JOINED = tuple(kind | flags for kind in (_STREAM, _PACKETS) for flags in (0, 0x800, 0x80000, _FLAGS))

# Requests that write to a file which is open to be read only (linux/fs.h, fsverity.h, fscrypt.h, btrfs.h).
_MARKS = (
    *(0x40086602, 0x401C5820),  # FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
    *(0x40087602, 0x40086604),  # FS_IOC_SETVERSION, ext4's own
    *(0x40806685, 0x800C6613),  # FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY
    *(0x50009401, 0x50009417, 0x5000940E, 0x50009418),  # Btrfs: SNAP_CREATE, SUBVOL_CREATE; the same, V2
    *(0x5000940F, 0x5000943F, 0x4008941A),  # SNAP_DESTROY, V2; SUBVOL_SETFLAGS
)

# call: (x86-64, aarch64)
_FILES = {
    "truncate": (76, 45),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_SHARED = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
}
_GROUP = {
    "setpgid": (109, 154),
    "setsid": (112, 157),
}
_SYSTEM = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
}
_REASONS = (
    (_FILES, "files keep more than their content"),
    (_SHARED, "what other processes hold, or would find"),
    (_GROUP, "main ends the command with its group, where it must find all that the command started"),
    (_SYSTEM, "changes what the rest of this lock rests on"),
)

ROWS: tuple[Row, ...] = (
    Row(
        *(
            "socket",
            41,
            198,
            "libcamera hears of devices from the kernel; all else is a network's or a neighbour's",
        ),
        (Check(0, (_NETLINK,)), Check(2, (_UEVENTS,))),
        *(ALLOW, REFUSE),
    ),
    Row(
        *("socketpair", 53, 199, "parts of one program speak to each other"),
        (Check(0, (_UNIX,)), Check(1, _JOINED)),
        *(ALLOW, REFUSE),
    ),
    Row("connect", 42, 203, "nothing is there to connect to", (), REFUSE),
    Row("ioctl", 16, 29, "files keep more than their content", (Check(1, _MARKS),), REFUSE, ALLOW),
    *(Row(name, *numbers, reason, (), REFUSE) for calls, reason in _REASONS for name, numbers in calls.items()),
)
