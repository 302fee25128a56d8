"""The scrubber and its peers, each run by a script in a Python of its own, on the same texts."""
