"""The makers' socket: what the owner's page can do, for programs on the same device (docs/socket.md)."""
