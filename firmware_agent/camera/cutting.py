"""Main's hold on a socket that a viewer's pictures go through: a duplicate, by which it is cut whoever else holds it.

Killing the camera process stops nothing while a duplicate is open, and closing sends what the kernel still holds. Only
`connect` to no address (AF_UNSPEC) takes a connection apart at once, for everybody who holds it: the peer gets a reset,
what was queued is thrown away. Python's own `connect` cannot say that address, so libc's is called.
"""

import errno
import logging
import socket
from ctypes import CDLL, get_errno

log = logging.getLogger(__name__)

_NOBODY = bytes(16)  # a sockaddr of the family AF_UNSPEC, which is 0
_OVER = (errno.ENOTCONN, errno.ECONNRESET)  # it is gone already
_connect = CDLL(None, use_errno=True).connect


class Leash:
    """`sock` is connected; it stays the caller's, who closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock.dup()

    def ready(self) -> int:
        """The descriptor to be passed on, for a process that may set no option any more: non-blocking. Its small queue,
        and that nothing lingers, was set when it was accepted (viewers/call.py)."""
        self._socket.setblocking(False)
        return self._socket.fileno()

    def cut(self) -> None:
        """Nothing goes out any more, from whatever process. Twice is once."""
        number = self._socket.fileno()
        if number < 0:
            return
        if _connect(number, _NOBODY, len(_NOBODY)) != 0 and get_errno() not in _OVER:
            log.warning("camera: a viewer could not be cut, only shut (error %d)", get_errno())
            self._shut()
        self._socket.close()

    def close(self) -> None:
        """The viewer has gone by itself."""
        self._socket.close()

    def _shut(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.warning("camera: a viewer could not be shut either")
