"""A small emulated computer with a kernel that has a real camera stack, and a webcam for it. See machine.py."""
