"""Runs the core's test modules named on the command line, on MicroPython: a line a test, then the count."""

import gc
import sys

gc.threshold(4096)  # as a board's main.py does: collect often, or the small heap is shredded
passed = failed = 0
for name in sys.argv[1:]:
    module = __import__(name)
    for test in sorted(dir(module)):
        if not test.startswith("test_"):
            continue
        try:
            getattr(module, test)()
            passed += 1
            print("PASSED", name, test)
        except Exception as error:
            failed += 1
            print("FAILED", name, test)
            sys.print_exception(error)
print("COUNT", passed, failed)
