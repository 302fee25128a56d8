"""The command line (Linux): one file a group of commands."""
