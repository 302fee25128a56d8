"""The way out: outbox, door, ledger and the remote link."""
