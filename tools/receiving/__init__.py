"""The parts of tools/receiver."""
