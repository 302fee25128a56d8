"""The camera process: one picture for each byte asked for on its control socket, until that closes.

Run by the supervisor as `python -m firmware_agent.camera.worker FD`. It opens nothing, listens nowhere, writes no
file. (The camera issue puts a real camera and the kernel's lock behind the same two messages.)
"""

import socket
import sys

from firmware_agent.camera.pattern import jpeg

ASK = b"S"


def serve(control: socket.socket) -> None:
    """Answer each ASK with a length (4 bytes, big-endian) and a JPEG; anything else ends the process."""
    number = 0
    while control.recv(1) == ASK:
        picture = jpeg(number)
        control.sendall(len(picture).to_bytes(4, "big") + picture)
        number += 1


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        serve(inherited)
