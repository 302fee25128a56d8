"""What the main process says to the camera process: BEGIN once, then ASK as often as it likes.

Each answer is a length (4 bytes, big-endian) and that many bytes.
The answer to BEGIN is the report of the lock (sandbox/report.py), the others are pictures (JPEG).
"""

BEGIN = b"B"  # on the control socket: lock yourself; main watches
ASK = b"S"  # one picture
CHECK = "check"  # as an argument: lock, report, end; no camera is touched
