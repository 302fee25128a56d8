"""Runs a seccomp program as the kernel would, for machines that are not here."""

import struct

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def verdict(program, architecture, number, arguments=()):
    """What `program` answers to a call; unsigned 64-bit arguments, the rest is zero. ValueError: not a program."""
    padded = [argument % 2**64 for argument in (*arguments, *(0,) * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    place, word = 0, 0
    while place < len(program) // 8:
        code, true, false, constant = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == _LOAD:
            (word,) = struct.unpack_from("<I", data, constant)
        elif code == _RETURN:
            return constant
        else:
            holds = {_EQUAL: word == constant, _AT_LEAST: word >= constant, _ANY_BIT: bool(word & constant)}[code]
            place += true if holds else false
    raise ValueError("the program runs past its end")
