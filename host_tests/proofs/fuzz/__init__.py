"""Fuzzers of what reads bytes from outside on the camera's way; `runner.prove` runs them all."""
