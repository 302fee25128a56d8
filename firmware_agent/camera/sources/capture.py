"""A V4L2 camera that is open: pictures and its privacy switch, by five requests (videodev.AFTER_LOCK)."""

from contextlib import suppress
from errno import EBUSY, EINVAL, EIO, ENODEV, ENOSPC
from mmap import mmap

from firmware_agent.camera.sources import videodev
from firmware_agent.camera.sources.node import Node
from firmware_agent.camera.sources.raw import Converter

MOST = 16  # buffers
BUSY = "another program uses the camera; `doctor` says which, and how to take it over"
_LOOK = 0.25  # s between two looks at the privacy switch while it streams
_STREAM_ADVICE = {
    EBUSY: BUSY,
    ENOSPC: "this USB bus carries no more; plug the camera into another port, or choose a smaller picture",
    ENODEV: "the camera was unplugged",
}


class Camera:
    """Implements Source. converter: None if the camera gives JPEG itself."""

    def __init__(
        self, node: Node, maps: list[mmap], facts: dict[str, str | int], converter: Converter | None = None
    ) -> None:
        self.fd = node.fd
        self.camera: int | None = node.fd
        self.facts = facts
        self._node = node
        self._maps = maps
        self._converter = converter
        self._streams = False
        self._covered = False
        self._has_switch = True
        self._look()
        self._next_look = 0.0

    def on(self) -> None:
        """See Source. What the camera saw before is not in its buffers any more."""
        if self._streams:
            return
        self._look()
        self._next_look = 0.0
        for index in range(len(self._maps)):
            self._node.ask(videodev.QBUF, videodev.buffer(index))
        try:
            self._node.ask(videodev.STREAMON, bytearray(videodev.KIND.pack(videodev.CAPTURE)))
        except OSError as error:
            self._stop()  # takes the buffers back
            raise OSError(error.errno, _STREAM_ADVICE.get(error.errno or 0, "the camera does not stream")) from None
        self._streams = True

    def off(self) -> None:
        """See Source."""
        if self._streams:
            self._streams = False
            self._stop()

    def due(self, now: float) -> float | None:
        """See Source: the privacy switch is looked at while the camera streams, and only then."""
        return max(0.0, self._next_look - now) if self._streams and self._has_switch else None

    def take(self, now: float) -> bytes | None:
        """See Source. None as well while the camera is covered, and for a picture that the driver calls damaged."""
        if not self._streams:
            return None
        if self._has_switch and now >= self._next_look:
            self._look()
            self._next_look = now + _LOOK
        newest = self._newest()
        if newest is None:
            return None
        try:
            return None if self._covered else self._read(newest)
        finally:
            self._give_back(newest)

    def covered(self) -> bool:
        """See Source: when it was looked at last."""
        return self._covered

    def _newest(self) -> videodev.Filled | None:
        """The newest good picture; those before it go back to the camera unread."""
        newest = None
        for _ in range(MOST):  # a camera that is faster than this loop does not hold it
            answer = videodev.buffer(0)
            try:
                self._node.ask(videodev.DQBUF, answer)
            except BlockingIOError:
                break
            found = videodev.filled(answer)
            if not 0 <= found.number < len(self._maps):
                raise OSError(EIO, "the camera names a buffer that is not there")
            if found.flags & videodev.ERROR or not self._least() <= found.used <= len(self._maps[found.number]):
                self._give_back(found)
                continue
            if newest is not None:
                self._give_back(newest)
            newest = found
        return newest

    def _least(self) -> int:
        return 1 if self._converter is None else self._converter.needs

    def _read(self, found: videodev.Filled) -> bytes:
        buffer = self._maps[found.number]
        # A copy, so that the buffer goes back at once: lent out, a slow viewer would hold it.
        return buffer[: found.used] if self._converter is None else self._converter.jpeg(buffer)

    def _give_back(self, found: videodev.Filled) -> None:
        self._node.ask(videodev.QBUF, videodev.buffer(found.number))

    def _stop(self) -> None:
        with suppress(OSError):  # it is gone, and streams no more
            self._node.ask(videodev.STREAMOFF, bytearray(videodev.KIND.pack(videodev.CAPTURE)))

    def _look(self) -> None:
        if not self._has_switch:
            return
        answer = bytearray(videodev.CONTROL.pack(videodev.PRIVACY, 0))
        try:
            self._node.ask(videodev.G_CTRL, answer)
        except OSError as error:
            if error.errno != EINVAL:
                raise
            self._has_switch = False
        else:
            self._covered = videodev.CONTROL.unpack(answer)[1] != 0
