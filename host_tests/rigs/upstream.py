"""Another camera's stream, as a camera process gets it: main's end of the connection is passed, the far end is here.

Also pictures of any content for it, with what must never leave in every place that has room for it.
"""

import io
import random
import time

from PIL import Image

from firmware_agent import jpeg
from firmware_agent.camera.settings import SourceSettings
from host_tests.rigs.camera import Worker
from host_tests.rigs.looking import pair

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=upstream\r\n\r\n"
CANARIES = {
    "EXIF": b"canary-exif-48.8583N",
    "XMP": b"canary-xmp-serial-4711",
    "comment": b"canary-comment",
    "thumbnail": b"canary-thumbnail",
    "after the end": b"canary-after-the-end",
}


class Upstream:
    """`with Upstream() as upstream`: upstream.worker reads from it. options: the Worker's."""

    def __init__(self, *, head=HEAD, **options):
        self._head, self._options = head, options

    def __enter__(self):
        self.socket, theirs = pair()
        theirs.setsockopt(1, 13, bytes(8))  # SO_LINGER off: as a client's socket is
        settings = SourceSettings("mjpeg", rate=120)
        with theirs:
            self.worker = Worker(settings, passed=[theirs.fileno()], **self._options).__enter__()
        self.socket.sendall(self._head)
        return self

    def __exit__(self, *_):
        self.worker.__exit__()
        self.socket.close()

    def send(self, picture):
        """One more picture, not sooner after the one before than the rate allows."""
        time.sleep(0.01)
        self.socket.sendall(
            b"--upstream\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(picture), picture)
        )


def segment(kind, body):
    """A segment of a JPEG."""
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body


def telling(number=0):
    """A real picture with every canary, and its number, in its metadata."""
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12), "white").save(thumbnail, "JPEG", comment=CANARIES["thumbnail"])
    exif = Image.Exif()
    exif[0x010E] = CANARIES["EXIF"].decode() + str(number)
    plain = io.BytesIO()
    Image.effect_noise((64, 48), 40).convert("RGB").save(
        plain, "JPEG", exif=exif, comment=CANARIES["comment"], xmp=CANARIES["XMP"]
    )
    data = plain.getvalue()
    return data[:2] + segment(0xE2, thumbnail.getvalue()) + data[2:] + CANARIES["after the end"]


def large(size, number=0):
    """A picture of `size` bytes: what a camera's look like to everybody but a decoder; no metadata."""
    small = io.BytesIO()
    Image.new("RGB", (1920, 1080)).save(small, "JPEG")
    head = jpeg.strip(small.getvalue())
    head = head[: head.index(b"\xff\xda") + 14]
    scan = random.Random(number).randbytes(size - len(head) - 2).replace(b"\xff", b"\xfe")
    return head + scan + b"\xff\xd9"
