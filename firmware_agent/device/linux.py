"""Linux: files of one private directory, the kernel's entropy, the system clock."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firmware_agent.errors import ConfigError, FormatError, StorageError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_BUILT = 1_760_000_000  # no device runs this agent before it was written: an earlier clock was never set
_SECONDS = 3_000_000_000  # ns
_TICK = 50_000_000  # ns; coarser than any kernel's time stamps of files


class LinuxStorage:
    """Named files in `directory` (mode 0700, files 0600). Every write is on the disk when it returns.

    What root writes belongs to the directory's owner, so that an owner's `sudo` never locks the service out.

    StorageError, naming the file and the system's reason, if one cannot be read or written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._prefix = str(directory) + "/"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes | None:
        """Bytes from `offset`, or None if there is no such file."""
        with self._told(name):
            try:
                handle = os.open(self._prefix + name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:  # no file object: the ledger is read in hundreds of pieces, again and again
                rest = os.fstat(handle).st_size - offset
                return os.pread(handle, max(0, rest if size < 0 else min(size, rest)), offset)
            finally:
                os.close(handle)

    def size(self, name: str) -> int:
        """Length in bytes; 0 if there is no such file."""
        with self._told(name):
            try:
                return (self.directory / name).stat().st_size
            except FileNotFoundError:
                return 0

    def write(self, name: str, data: bytes) -> None:
        """Overwrite in place: no second copy of the old bytes is left in a renamed file."""
        with self._told(name):
            self._put(name, data, os.O_RDWR, truncate=True)

    def append(self, name: str, data: bytes, sync: bool = True) -> None:
        """Add `data` to the end."""
        with self._told(name):
            self._put(name, data, os.O_RDWR | os.O_APPEND, truncate=False, sync=sync)

    def truncate(self, name: str, size: int) -> None:
        """Cut to `size` bytes."""
        with self._told(name):
            os.truncate(self.directory / name, size)

    def allocate(self, name: str, size: int) -> None:
        """Make the file at least `size` bytes long, with zeros written to the disk where there was nothing."""
        with self._told(name):
            missing = size - self.size(name)
            if missing > 0:
                self._put(name, bytes(missing), os.O_RDWR | os.O_APPEND, truncate=False)

    def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None:
        """Overwrite bytes inside the file, in place; without `sync` the disk has them only after `sync`."""
        with self._told(name):
            fd = os.open(self.directory / name, os.O_WRONLY | os.O_CLOEXEC)
            try:
                view = memoryview(data)
                while view:
                    done = os.pwrite(fd, view, offset)
                    view, offset = view[done:], offset + done
                if sync:
                    os.fdatasync(fd)
            finally:
                os.close(fd)

    def sync(self, name: str) -> None:
        """What was patched into the file is on the disk when this returns."""
        with self._told(name):
            fd = os.open(self.directory / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def remove(self, name: str) -> None:
        """Take the file away; nothing if there is none. What it held must have been overwritten before."""
        with self._told(name):
            (self.directory / name).unlink(missing_ok=True)
            self._sync_directory()

    def names(self) -> list[str]:
        """Every file that is there, sorted."""
        with self._told("."):
            return sorted(one.name for one in self.directory.iterdir())

    def stamp(self, name: str) -> object:
        """Equal to an earlier stamp of the file only if nobody wrote to it since; None if that cannot be told."""
        try:
            found = os.stat(f"{self._prefix}{name}")
        except FileNotFoundError:
            return 0
        except OSError:
            return None
        grain = _TICK if found.st_ctime_ns % 1_000_000_000 else _SECONDS  # some file systems count whole seconds
        if found.st_ctime_ns > time.time_ns() - grain:  # a second write within the clock's grain would not show
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time, across processes."""
        with self._told("lock"):
            fd = self._open("lock", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Be the one running agent on this directory; ConfigError if there is one."""
        with self._told("running"):
            fd = self._open("running", os.O_RDWR)
        try:
            for patience in (True, True, False):
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not patience:
                        raise ConfigError(f"{self.directory}: another agent runs on it; stop that one first") from None
                    time.sleep(0.05)  # it may be `claimed` of another process, which holds it for an instant
            yield
        finally:
            os.close(fd)

    def claimed(self) -> bool:
        """Whether an agent runs on this directory."""
        with self._told("running"):
            fd = self._open("running", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.directory / name}: {error.strerror}; {self._todo(error)}") from None

    def _todo(self, error: OSError) -> str:
        if error.errno not in (errno.EACCES, errno.EPERM):
            return "make room, or repair the file system"
        return f"run this as the owner of {self.directory} (user {self.directory.stat().st_uid}), or as root"

    def _open(self, name: str, flags: int) -> int:
        fd = os.open(self.directory / name, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            owner = self.directory.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)
        return fd

    def _put(self, name: str, data: bytes, flags: int, truncate: bool, sync: bool = True) -> None:
        fresh = not (self.directory / name).exists()
        fd = self._open(name, flags)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if truncate:
                os.ftruncate(fd, len(data))
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        if fresh and sync:
            self._sync_directory()

    def _sync_directory(self) -> None:
        fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class AesGcm:
    """AES-256-GCM (NIST SP 800-38D) by OpenSSL: 12-byte nonces, 16-byte tags at the end. Keeps no key."""

    def seal(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes:
        """Encrypt `data` and bind it to `about`."""
        return AESGCM(key).encrypt(nonce, data, about)

    def open(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes:
        """What was sealed; FormatError if any of the four parts differs."""
        try:
            return AESGCM(key).decrypt(nonce, data, about)
        except InvalidTag:
            raise FormatError("sealed bytes: damaged, or of another key") from None


def verify(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the holder of the Ed25519 key (RFC 8032) `public`, 32 bytes, signed `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_p256(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the holder of the P-256 key `public` (a point, 65 bytes, SEC 1) signed `data`.

    ECDSA with SHA-256 (FIPS 186-5); the signature is r and s, 32 bytes each, as browsers make it (WebCrypto).
    """
    if len(signature) != 64:
        return False
    numbers = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


class LinuxDevice:
    """What the agent needs of the machine it runs on."""

    def __init__(self, directory: Path) -> None:
        self.storage = LinuxStorage(directory)
        self.cipher = AesGcm()

    def verify(self, public: bytes, signature: bytes, data: bytes) -> bool:
        """Whether the holder of the Ed25519 key `public` signed `data`."""
        return verify(public, signature, data)

    def verify_p256(self, public: bytes, signature: bytes, data: bytes) -> bool:
        """Whether the holder of the P-256 key `public` signed `data`."""
        return verify_p256(public, signature, data)

    def boot(self) -> bytes:
        """Names this start of the machine: `ticks` of another one mean nothing."""
        try:
            return _BOOT.read_bytes().strip()
        except OSError:
            return b""

    def entropy(self, count: int) -> bytes:
        """Unpredictable bytes from the operating system."""
        return os.urandom(count)

    def now(self) -> int | None:
        """Seconds since 1970 UTC; None if the clock was never set."""
        seconds = int(time.time())
        return seconds if seconds > _BUILT else None

    def ticks(self) -> float:
        """Seconds that only go forward, from any start."""
        return time.monotonic()
