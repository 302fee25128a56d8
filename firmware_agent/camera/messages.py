"""What the main process says to the camera process. Each answer is a length (4 bytes, big-endian) and that many bytes.

The first answer comes unasked and is the report of the lock (sandbox/report.py), the others are pictures (JPEG).
"""

ASK = b"S"  # on the control socket: one picture
CHECK = "check"  # as an argument: lock, report, end; no camera is touched
