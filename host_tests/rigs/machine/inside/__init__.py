"""What runs in the emulated machine. Started there with `python -m host_tests.rigs.machine.inside.NAME`."""
