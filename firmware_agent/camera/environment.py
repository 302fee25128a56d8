"""The whole environment of a camera process; its systemd unit says the same."""

import os

# Pictures come and go thirty times a second: the C library would give their memory back each time, and the kernel
# clear it anew. That cost more than all else that is done to a picture. (Bytes; other C libraries take no notice.)
_KEPT = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": os.defpath, **_KEPT}
