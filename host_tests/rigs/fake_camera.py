"""A camera without hardware: implements Node as the kernel's V4L2 core would answer, and is strict about its rules."""

import errno
import mmap
import os

from firmware_agent.camera.sources import videodev as v

CAPTURE_AND_STREAM = 0x1 | 0x04000000
MJPG, YUYV = v.fourcc("MJPG"), v.fourcc("YUYV")


class FakeCamera:
    """formats: {fourcc: (bytes a row for a pixel, ...)} in the camera's order. privacy: None, or 0 or 1.

    asked: the requests so far. fails: {request: errno}. fill(data, flags) puts a picture into the next free buffer.
    """

    def __init__(self, formats=(MJPG,), able=CAPTURE_AND_STREAM, node_able=None, privacy=None, most=(1280, 720)):
        self.fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.formats, self.able, self.node_able, self.privacy, self.most = formats, able, node_able, privacy, most
        self.asked, self.fails, self.buffers, self.queued, self.ready = [], {}, [], [], []
        self.count, self.streams = 4, False
        self.pixels, self.size = formats[0] if formats else 0, (640, 480)
        self.rate = None

    def ask(self, request, argument):
        self.asked.append(request)
        if request in self.fails:
            raise OSError(self.fails[request], os.strerror(self.fails[request]))
        answer = self._answer(request, argument)
        if answer is not None:
            assert len(answer) == len(argument) == request >> 16 & 0x3FFF
            argument[:] = answer

    def map(self, length, offset):
        assert offset == 4096 * 100 * len(self.buffers)
        self.buffers.append(mmap.mmap(-1, length))
        return self.buffers[-1]

    def fill(self, data, flags=0, used=None, number=None):
        """The camera took a picture; False if it has no buffer to put it into."""
        assert self.streams
        if not self.queued:
            return False
        index = self.queued.pop(0)
        self.buffers[index][: len(data)] = data
        self.ready.append((index if number is None else number, len(data) if used is None else used, flags))
        return True

    def _answer(self, request, argument):
        if request == v.QUERYCAP:
            node = self.able if self.node_able is None else self.node_able
            whole = self.able | (0x80000000 if self.node_able is not None else 0)
            return v.CAPABILITY.pack(b"fakedrv", b"A camera \xff\n", b"usb-SERIAL-0001", 6, whole, node, 0, 0, 0)
        if request == v.ENUM_FMT:
            index = v.DESCRIPTION.unpack(argument)[0]
            if index >= len(self.formats):
                raise OSError(errno.EINVAL, "no more")
            return v.DESCRIPTION.pack(index, v.CAPTURE, 0, b"a format", self.formats[index], 0, 0, 0, 0)
        if request in (v.G_FMT, v.S_FMT):
            return self._format(request, argument)
        if request == v.S_PARM:
            self.rate = v.RATE.unpack(argument)[3:5]
            return None
        if request == v.REQBUFS:
            return v.BUFFERS.pack(self.count, v.CAPTURE, v.MMAP, 0, 0)
        if request == v.G_CTRL:
            assert v.CONTROL.unpack(argument)[0] == v.PRIVACY
            if self.privacy is None:
                raise OSError(errno.EINVAL, "no such control")
            return v.CONTROL.pack(v.PRIVACY, self.privacy)
        return self._stream(request, argument)

    def _format(self, request, argument):
        kind, _, width, height, pixels, *_ = v.FORMAT.unpack(argument)
        assert kind == v.CAPTURE and not self.streams
        if request == v.S_FMT:
            self.pixels = pixels if pixels in self.formats else self.formats[0]
            self.size = min(width, self.most[0]), min(height, self.most[1])
        width, height = self.size
        line = width * 2 if self.pixels == YUYV else 0
        size = line * height or width * height * 2
        self.largest = size
        return v.FORMAT.pack(v.CAPTURE, 0, width, height, self.pixels, 1, line, size, 8, 0, 0, 0, 0, 0)

    def _stream(self, request, argument):
        if request in (v.STREAMON, v.STREAMOFF):
            assert v.KIND.unpack(argument) == (v.CAPTURE,)
            self.streams = request == v.STREAMON
            if not self.streams:
                self.queued, self.ready = [], []
            return None
        index, kind, _, _, _, _, _, _, _, memory, *_ = v.BUFFER.unpack(argument)
        assert (kind, memory) == (v.CAPTURE, v.MMAP)
        if request == v.QUERYBUF:
            return v.BUFFER.pack(index, 1, 0, 0, 1, 0, 0, b"", 0, 1, 4096 * 100 * index, self.largest, 0, 0)
        if request == v.QBUF:
            if index in self.queued or index in [number for number, _, _ in self.ready] or index >= len(self.buffers):
                raise OSError(errno.EINVAL, "that buffer is the driver's")
            self.queued.append(index)
            return None
        assert request == v.DQBUF
        if not self.ready:
            raise BlockingIOError(errno.EAGAIN, "none")
        index, used, flags = self.ready.pop(0)
        return v.BUFFER.pack(index, 1, used, flags, 1, 0, 0, b"", 0, 1, 4096 * 100 * index, self.largest, 0, 0)
