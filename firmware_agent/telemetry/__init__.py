"""What printers say about themselves, read-only and raw; the gate decides what of it leaves."""
