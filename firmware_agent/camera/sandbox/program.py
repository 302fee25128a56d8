"""The table as a program for the kernel (classic BPF): little-endian, over struct seccomp_data of linux/seccomp.h."""

from struct import pack

from firmware_agent.camera.sandbox.table import KILL, UNKNOWN, Check, Row

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_..., linux/audit.h
_X32 = 0x40000000  # the bit of x86-64's second, 32-bit numbering
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_WORD = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]  # code, steps over if true, steps over if false, constant


def program(machine: str, table: tuple[Row, ...], other: int = KILL, newest: int = _X32) -> bytes:
    """The filter, 8 bytes an instruction. Another architecture and the x32 bit: KILL. other: what has no row.

    newest: calls beyond this number answer as on a kernel that does not have them.
    """
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, KILL),
    ]
    if newest < _X32:
        code += [(_AT_LEAST, 0, 1, newest + 1), (_RETURN, 0, 0, UNKNOWN)]
    for row in table:
        number = row.x86_64 if machine == "x86_64" else row.aarch64
        if number is not None:
            body = [step for check in row.checks for step in _check(check, row.otherwise)]
            body.append((_RETURN, 0, 0, row.verdict))
            code += [(_EQUAL, 0, len(body), number), *body]
    code.append((_RETURN, 0, 0, other))
    return b"".join(pack("@HBBI", *step) for step in code)


def _check(check: Check, otherwise: int) -> list[Instruction]:
    """Falls through if the check holds, else returns `otherwise`."""
    low = _ARGUMENTS_AT + 8 * check.argument
    fail = (_RETURN, 0, 0, otherwise)
    if check.values:  # the kernel itself looks at the low word of such an argument, an int
        count = len(check.values)
        return [
            (_LOAD, 0, 0, low),
            *((_EQUAL, count - index, 0, value & _WORD) for index, value in enumerate(check.values)),
            fail,
        ]
    return [
        (_LOAD, 0, 0, low),
        (_ANY_BIT, 0, 1, ~check.mask & _WORD),
        fail,
        (_LOAD, 0, 0, low + 4),
        (_EQUAL, 1, 0, 0),
        fail,
    ]
