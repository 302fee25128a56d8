"""python -m firmware_agent."""

import sys

from firmware_agent.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
