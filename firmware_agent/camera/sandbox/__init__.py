"""The lock of the camera's process: after it, that process cannot open, write, connect or start anything (L4)."""
