"""Every attempt of rigs/attempts.py in here, where the camera is one: `escapes MODE...`; answers in /out/answers.

As in rigs/locked.py, whose modes these are.
"""

import subprocess
import sys

from host_tests.rigs.machine.inside.guest import OUT, Webcam


def main() -> None:
    """As the top of this file says."""
    webcam = Webcam(OUT / "frames")
    command = [sys.executable, "-m", "host_tests.rigs.locked", "/tmp/attempts", str(webcam.node), *sys.argv[1:]]  # noqa: S108
    with open(OUT / "answers", "wb") as file:
        subprocess.run(command, stdout=file, check=True)


if __name__ == "__main__":
    main()
