"""What a camera process that turned bad could try, each as one raw system call, in a folder of its own.

An attempt is (name, call, arguments, what the kernel answers without the lock): None is success, otherwise the names
of errno that show that the kernel itself looked at the call. Strings among the arguments are paths below the folder
("file", "folder", "none" and so on), numbers are numbers, bytes are a buffer.
"""

import struct

AT_CWD = -100
SEND = b"x"
CONTROL, OTHER, CAMERA = "<control>", "<other>", "<camera>"  # descriptors; OTHER is /dev/null
PAGE, RUNNING = "<page>", "<memory>"
NONE, FILE, FOLDER, NEW = "none", "file", "folder", "new"
_HOW = struct.pack("QQQ", 0, 0, 0)
_VECTOR = "<vector>"
_FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40}
_NEW_PLACE = struct.pack("HH12x", 2, 0)  # sockaddr_in
_THREAD = 0x10000  # CLONE_THREAD
_SIGCHLD = 17

OPEN = [
    ("open to read", "open", (FILE, 0), None),
    ("open to write", "open", (FILE, 1), None),
    ("open a device", "open", ("/dev/null", 2), None),
    ("openat to read", "openat", (AT_CWD, FILE, 0), None),
    ("openat to write", "openat", (AT_CWD, NEW, 0o102, 0o600), None),
    ("openat without a name", "openat", (AT_CWD, FOLDER, 0o20200002, 0o600), None),
    ("openat in shared memory", "openat", (AT_CWD, "/dev/shm/camera-attempt", 0o102, 0o600), None),  # noqa: S108
    ("openat2", "openat2", (AT_CWD, FILE, _HOW, len(_HOW)), None),
    ("creat", "creat", (NEW, 0o600), None),
    ("open_by_handle_at", "open_by_handle_at", (AT_CWD, 0, 0), "EFAULT"),
    ("truncate", "truncate", (FILE, 0), None),
    ("mkdir", "mkdir", ("new2", 0o700), None),
    ("mkdirat", "mkdirat", (AT_CWD, "new3", 0o700), None),
    ("mknodat", "mknodat", (AT_CWD, "new4", 0o010600, 0), None),
    ("linkat", "linkat", (AT_CWD, FILE, AT_CWD, "new5", 0), None),
    ("symlinkat", "symlinkat", (FILE, AT_CWD, "new6"), None),
    ("renameat2", "renameat2", (AT_CWD, "spare", AT_CWD, "new7", 0), None),
    ("rename", "rename", ("spare", "new8"), None),
    ("unlink", "unlink", ("spare",), None),
    ("unlinkat", "unlinkat", (AT_CWD, "spare", 0), None),
    ("chmod", "fchmodat", (AT_CWD, FILE, 0o644), None),
    ("chown", "fchownat", (AT_CWD, FILE, -1, -1, 0), None),
    ("setxattr", "setxattr", (FILE, b"user.a\0", SEND, 1, 0), "ENOTSUP"),
    ("fsetxattr", "fsetxattr", (OTHER, b"user.a\0", SEND, 1, 0), "ENOTSUP EPERM EACCES"),
    ("removexattr", "removexattr", (FILE, b"user.none\0"), "ENODATA ENOTSUP"),
    ("utimensat", "utimensat", (AT_CWD, FILE, 0, 0), None),
    ("stat", "stat", (FILE, PAGE), None),
    ("newfstatat", "newfstatat", (AT_CWD, FILE, PAGE, 0), None),
    ("statx", "statx", (AT_CWD, FILE, 0, 0x7FF, PAGE), None),
    ("access", "access", (FILE, 0), None),
    ("readlinkat", "readlinkat", (AT_CWD, "link", PAGE, 100), None),
    ("getcwd", "getcwd", (PAGE, 4096), None),
    ("getdents", "getdents64", (OTHER, PAGE, 4096), "ENOTDIR"),
    ("name_to_handle_at", "name_to_handle_at", (AT_CWD, FILE, PAGE, PAGE, 0), "EOVERFLOW ENOTSUP"),
    ("chdir", "chdir", (FOLDER,), None),
    ("chroot", "chroot", ("/",), None),
    ("mount", "mount", (0, NONE, 0, 0, 0), "ENOENT EFAULT"),
    ("umount2", "umount2", (NONE, 0), "ENOENT"),
    ("swapon", "swapon", (NONE, 0), "ENOENT"),
    ("fsopen", "fsopen", (b"tmpfs\0", 0), None),
    ("inotify", "inotify_init1", (0,), None),
    ("fanotify", "fanotify_init", (0, 0), "ENOSYS"),
]
WRITE = [
    ("write to the control socket", "write", (CONTROL, b"", 0), None),
    ("write to /dev/null", "write", (OTHER, SEND, 1), None),
    ("writev", "writev", (OTHER, _VECTOR, 1), None),
    ("pwrite", "pwrite64", (OTHER, SEND, 1, 0), None),
    ("pwritev", "pwritev", (OTHER, _VECTOR, 1, 0, 0), None),
    ("pwritev2", "pwritev2", (OTHER, _VECTOR, 1, 0, 0, 0), None),
    ("read", "read", (OTHER, PAGE, 1), None),
    ("pread", "pread64", (OTHER, PAGE, 1, 0), None),
    ("sendfile", "sendfile", (OTHER, OTHER, 0, 1), "EINVAL"),
    ("splice", "splice", (OTHER, 0, OTHER, 0, 1, 0), "EINVAL EBADF"),
    ("tee", "tee", (OTHER, OTHER, 1, 0), "EINVAL EBADF"),
    ("vmsplice", "vmsplice", (OTHER, _VECTOR, 1, 0), "EINVAL EBADF"),
    ("copy_file_range", "copy_file_range", (OTHER, 0, OTHER, 0, 1, 0), "EINVAL"),
    ("fallocate", "fallocate", (OTHER, 0, 0, 1), "ENODEV EBADF EINVAL"),
    ("ftruncate", "ftruncate", (OTHER, 0), "EINVAL EBADF"),
    ("fsync", "fsync", (OTHER,), "EINVAL"),
]
CONNECT = [
    *(
        (f"socket {name}", "socket", (number, 2 if name == "inet6" else 1, 0), "EAFNOSUPPORT ESOCKTNOSUPPORT EPERM")
        for name, number in _FAMILIES.items()
        if name not in ("unix", "inet")
    ),
    ("socket unix", "socket", (1, 1, 0), None),
    ("socket inet", "socket", (2, 1, 0), None),
    ("socket inet, datagrams", "socket", (2, 2, 0), None),
    ("socketpair", "socketpair", (1, 1, 0, PAGE), None),
    ("connect", "connect", (CONTROL, _NEW_PLACE, 16), "EINVAL EISCONN"),
    ("bind", "bind", (CONTROL, b"\x01\x00\x00attempt", 10), None),
    ("listen", "listen", (CONTROL, 1), "EINVAL"),
    ("accept", "accept", (CONTROL, 0, 0), "EINVAL"),
    ("accept4", "accept4", (CONTROL, 0, 0, 0), "EINVAL"),
    ("setsockopt", "setsockopt", (CONTROL, 1, 7, struct.pack("I", 4096), 4), None),
    ("getsockopt of the peer", "getsockopt", (CONTROL, 1, 17, PAGE, "<length>"), None),
    ("sendto somebody else", "sendto", (CONTROL, b"", 0, 0, _NEW_PLACE, 16), "EISCONN ENOTSUP"),
    ("sendto that connects", "sendto", (CONTROL, b"", 0, 0x20000000, 0, 0), None),
    ("sendmsg that connects", "sendmsg", (CONTROL, "<message>", 0x20000000), None),
    ("sendmmsg", "sendmmsg", (CONTROL, 0, 0, 0), None),
    ("recvmmsg", "recvmmsg", (CONTROL, 0, 0, 0, 0), None),
    ("recvmsg elsewhere", "recvmsg", (OTHER, "<message>", 0), "ENOTSOCK"),
]
START = [
    ("fork", "fork", (), None),
    ("vfork", "vfork", (), None),
    ("clone", "clone", (_SIGCHLD, 0, 0, 0, 0), None),
    ("clone, a thread", "clone", (_THREAD, 0, 0, 0, 0), "EINVAL"),
    ("clone3", "clone3", (struct.pack("8Q", 0, 0, 0, 0, _SIGCHLD, 0, 0, 0), 64), None),
    ("execve", "execve", ("/bin/true", 0, 0), None),
    ("execveat", "execveat", (AT_CWD, "/bin/true", 0, 0, 0), None),
    ("kill", "kill", (0, 0), None),
    ("tgkill", "tgkill", (1, 1, 0), None),
    ("pidfd_open", "pidfd_open", (1, 0), None),
    ("pidfd_send_signal", "pidfd_send_signal", (OTHER, 0, 0, 0), "EBADF"),
    ("pidfd_getfd", "pidfd_getfd", (OTHER, 0, 0), "EBADF"),
    ("ptrace", "ptrace", (0, 0, 0, 0), None),
    ("process_vm_readv", "process_vm_readv", ("<self>", _VECTOR, 1, _VECTOR, 1, 0), None),
    ("process_vm_writev", "process_vm_writev", ("<self>", _VECTOR, 1, _VECTOR, 1, 0), None),
    ("process_madvise", "process_madvise", (OTHER, _VECTOR, 1, 4, 0), "EBADF"),
    ("kcmp", "kcmp", ("<self>", "<self>", 0, 0, 0), "ENOSYS"),
    ("wait4", "wait4", (-1, 0, 1, 0), "ECHILD"),
]
MEMORY = [
    ("memfd_create", "memfd_create", (b"a\0", 0), None),
    ("memfd_secret", "memfd_secret", (0,), "ENOSYS"),
    ("mmap that runs and writes", "mmap", (0, 4096, 7, 0x22, -1, 0), None),
    ("mmap that runs", "mmap", (0, 4096, 5, 0x22, -1, 0), None),
    ("mmap of a foreign file", "mmap", (0, 4096, 1, 1, OTHER, 0), "ENODEV"),
    ("mprotect that runs", "mprotect", (PAGE, 4096, 5), None),
    ("pkey_mprotect that runs", "pkey_mprotect", (PAGE, 4096, 5, -1), None),
    ("remap_file_pages", "remap_file_pages", (PAGE, 0, 0, 0, 0), "EINVAL"),
    ("madvise of another kind", "madvise", (PAGE, 4096, 17), None),
    ("munlockall", "munlockall", (), None),
    ("mlockall", "mlockall", (2,), None),
    ("shmget", "shmget", (0, 4096, 0o600), None),
    ("shmat", "shmat", (-1, 0, 0), "EINVAL"),
    ("semget", "semget", (0, 1, 0o600), None),
    ("msgget", "msgget", (0, 0o600), None),
    ("mq_open", "mq_open", (b"attempt\0", 0o101, 0o600, 0), "ENOSYS"),
    ("userfaultfd", "userfaultfd", (0,), None),
    ("io_uring_setup", "io_uring_setup", (1, "<empty>"), "EPERM ENOSYS"),
    ("io_uring_enter", "io_uring_enter", (OTHER, 1, 0, 0, 0, 0), "ENOTSUP EBADF ENOSYS"),
    ("io_uring_register", "io_uring_register", (OTHER, 0, 0, 0), "ENOTSUP EBADF EINVAL ENOSYS"),
]
DESCRIPTORS = [
    ("dup", "dup", (CONTROL,), None),
    ("dup2", "dup2", (CONTROL, 50), None),
    ("dup3", "dup3", (CONTROL, 51, 0), None),
    ("fcntl", "fcntl", (CONTROL, 0, 60), None),
    ("pipe", "pipe", (PAGE,), None),
    ("pipe2", "pipe2", (PAGE, 0), None),
    ("eventfd", "eventfd2", (0, 0), None),
    ("timerfd", "timerfd_create", (1, 0), None),
    ("signalfd", "signalfd4", (-1, "<empty>", 8, 0), None),
    ("epoll_create", "epoll_create1", (0,), None),
    ("perf_event_open", "perf_event_open", (0, 0, -1, -1, 0), "EFAULT ENOSYS EACCES"),
    ("bpf", "bpf", (0, 0, 0), "EFAULT EINVAL ENOSYS EPERM"),
    ("ioctl without a camera", "ioctl", (OTHER, 0x5401, PAGE), "ENOTTY"),
    ("ioctl FIONBIO", "ioctl", (CONTROL, 0x5421, "<empty>"), None),
]
UNDO = [
    ("prctl: dumpable again", "prctl", (4, 1, 0, 0, 0), None),
    ("prctl: seccomp", "prctl", (22, 1, 0, 0, 0), "SIGKILL"),
    ("prctl: capabilities", "prctl", (47, 4, 0, 0, 0), None),
    ("seccomp again", "seccomp", (2, 0, struct.pack("I", 0x7FFF0000)), None),
    ("landlock again", "landlock_create_ruleset", (0, 0, 1), "ENOSYS ENOTSUP"),
    ("landlock_restrict_self", "landlock_restrict_self", (-1, 0), "EBADF EPERM ENOSYS ENOTSUP"),
    ("setrlimit", "setrlimit", (4, struct.pack("QQ", 1, 1)), None),
    ("prlimit", "prlimit64", (0, 4, struct.pack("QQ", 1, 1), 0), None),
    ("setuid", "setuid", ("<uid>",), None),
    ("capset", "capset", (0, 0), "EFAULT EINVAL"),
    ("unshare", "unshare", (0,), None),
    ("setns", "setns", (OTHER, 0), "EINVAL"),
    ("personality", "personality", (0x0400000,), None),
    ("arch_prctl", "arch_prctl", (0x1003, PAGE), None),
    ("add_key", "add_key", (0, 0, 0, 0, 0), "EFAULT ENOSYS"),
    ("keyctl", "keyctl", (-1, 0, 0, 0, 0), "ENOTSUP ENOSYS"),
    ("init_module", "init_module", (0, 0, 0), "EFAULT EPERM ENOSYS ENOEXEC"),
    ("finit_module", "finit_module", (-1, 0, 0), "EFAULT EPERM ENOSYS EBADF"),
    ("reboot", "reboot", (0, 0, 0, 0), "EINVAL EPERM"),
    ("syslog", "syslog", (10, 0, 0), None),
    ("setpriority", "setpriority", (0, 0, 1), None),
    ("getpid", "getpid", (), None),
]
OTHER_NUMBERS = [  # of x86-64 only
    ("x32: write", "write", (OTHER, SEND, 1), "ENOSYS"),
    ("x32: openat", "openat", (AT_CWD, FILE, 0), "ENOSYS"),
    ("x32: getpid", "getpid", (), "ENOSYS"),
    ("x32: sendto, which has a row", "sendto", (CONTROL, b"", 0, 0x4000, 0, 0), "ENOSYS"),
    ("32-bit: getpid", "32-bit", (), "ENOSYS SIGSEGV"),
]
_CAPTURE = struct.pack("I204x", 1)  # any request's structure begins with the kind of buffers: those of capture
_FRAME = struct.pack("II52xI24x", 0, 1, 1)  # v4l2_buffer: the first, of capture, mapped
WITH_CAMERA = [  # /dev/zero can stand in: the kernel answers a request that passed the filter with ENOTTY
    ("camera: hand out a buffer", "ioctl", (CAMERA, 0xC0405610, struct.pack("II56x", 1, 0)), "ENOTTY"),
    ("camera: another format", "ioctl", (CAMERA, 0xC0D05605, _CAPTURE), "ENOTTY EBUSY"),
    ("camera: other buffers", "ioctl", (CAMERA, 0xC0145608, struct.pack("III8x", 2, 1, 1)), "ENOTTY"),
    ("camera: a control", "ioctl", (CAMERA, 0xC008561C, struct.pack("II", 0x009A0910, 0)), "ENOTTY EACCES EINVAL"),
    ("camera: its maker's own requests", "ioctl", (CAMERA, 0xC0107521, bytes(16)), "ENOTTY ENOENT"),
    ("camera: a request of terminals", "ioctl", (CAMERA, 0x5412, PAGE), "ENOTTY"),
    ("camera: its request elsewhere", "ioctl", (CONTROL, 0x40045612, PAGE), "ENOTTY"),
    ("camera: written to", "write", (CAMERA, SEND, 1), "EINVAL"),
    ("camera: read", "read", (CAMERA, PAGE, 1), "EINVAL EBUSY EAGAIN"),
    ("camera: mapped to run", "mmap", (0, 4096, 5, 1, CAMERA, 0), None),
    ("camera: a foreign file mapped", "mmap", (0, 4096, 1, 1, OTHER, 0), "ENODEV"),
]
ALLOWED = [  # what must go on
    ("camera: a frame", "ioctl", (CAMERA, 0xC0585611, _FRAME), "ENOTTY EAGAIN EINVAL"),
    ("camera: begin", "ioctl", (CAMERA, 0x40045612, struct.pack("I", 1)), "ENOTTY"),
    ("camera: its switch", "ioctl", (CAMERA, 0xC008561B, struct.pack("II", 0x009A0910, 0)), "ENOTTY"),
    ("camera: its buffer", "mmap", (0, 4096, 3, 1, CAMERA, 0), None),
    ("memory", "mmap", (0, 4096, 3, 0x22, -1, 0), None),
    ("send", "sendto", (CONTROL, b"", 0, 0x4000, 0, 0), None),
    ("send in pieces", "sendmsg", (CONTROL, "<message>", 0x40), None),
    ("random", "getrandom", (PAGE, 16, 0), None),
    ("getpeername", "getpeername", (CONTROL, PAGE, "<length>"), None),
    ("fstat", "fstat", (CONTROL, PAGE), None),
    ("advice", "madvise", (PAGE, 4096, 4), "EINVAL"),
]
ALL = [*OPEN, *WRITE, *CONNECT, *START, *MEMORY, *DESCRIPTORS, *UNDO, *OTHER_NUMBERS]
REFUSED = {  # what the table answers with EPERM; all else is killed
    "newfstatat",
    "madvise of another kind",
    "prctl: dumpable again",
    "prctl: seccomp",
    "prctl: capabilities",
}
