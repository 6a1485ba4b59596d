"""
Decodes our header blocks by one of two decoders: `hpack` of python-hyper, or nghttp2's own library, called through ctypes.
Usage: hpack-decode.py hpack|nghttp2; connections come as lines of JSON, and go out as what ../hpack.mjs compares.

in:  [{"tableSizes": [4096], "wire": "8286"}, ...]            a connection: its blocks in order, and the table sizes allowed before each
out: [[["name", "value", neverIndexed], ...], ...]            or {"error": "...", "block": 3}
"""

import ctypes
import ctypes.util
import json
import sys


class Hyper:
    def __init__(self):
        import hpack

        self.never = hpack.NeverIndexedHeaderTuple
        self.decoder = hpack.Decoder(max_header_list_size=2**24)

    def allow(self, size):
        self.decoder.max_allowed_table_size = size

    def decode(self, block):
        fields = self.decoder.decode(block, raw=True)
        return [(field[0], field[1], isinstance(field, self.never)) for field in fields]


class Field(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.POINTER(ctypes.c_uint8)),
        ("value", ctypes.POINTER(ctypes.c_uint8)),
        ("name_length", ctypes.c_size_t),
        ("value_length", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    ]


FINAL, EMITTED, NO_INDEX = 0x01, 0x02, 0x01


class Nghttp2:
    def __init__(self):
        self.library = ctypes.CDLL(ctypes.util.find_library("nghttp2"))
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.inflater = ctypes.c_void_p()
        self.check(self.library.nghttp2_hd_inflate_new(ctypes.byref(self.inflater)))

    def check(self, status):
        if status < 0:
            raise ValueError(f"nghttp2 error {status}")
        return status

    def allow(self, size):
        self.check(self.library.nghttp2_hd_inflate_change_table_size(self.inflater, ctypes.c_size_t(size)))

    def decode(self, block):
        fields, field, flags = [], Field(), ctypes.c_int()
        data = (ctypes.c_uint8 * len(block)).from_buffer_copy(block)
        at = 0
        while True:
            used = self.check(
                self.library.nghttp2_hd_inflate_hd2(
                    self.inflater,
                    ctypes.byref(field),
                    ctypes.byref(flags),
                    ctypes.byref(data, at),
                    ctypes.c_size_t(len(block) - at),
                    1,
                )
            )
            at += used
            if flags.value & EMITTED:
                name = bytes(field.name[: field.name_length])
                value = bytes(field.value[: field.value_length])
                fields.append((name, value, bool(field.flags & NO_INDEX)))
            if flags.value & FINAL:
                break
            if not flags.value & EMITTED and at == len(block):
                break
        self.check(self.library.nghttp2_hd_inflate_end_headers(self.inflater))
        return fields

    def __del__(self):
        if self.inflater:
            self.library.nghttp2_hd_inflate_del(self.inflater)


def decoded(connection, decoder):
    blocks = []
    for number, block in enumerate(connection):
        try:
            for size in block["tableSizes"]:
                decoder.allow(size)
            fields = decoder.decode(bytes.fromhex(block["wire"]))
        except Exception as error:  # whatever the decoder throws is its verdict
            return {"error": f"{type(error).__name__}: {error}", "block": number}
        blocks.append([[name.decode("latin-1"), value.decode("latin-1"), never] for name, value, never in fields])
    return blocks


decoders = {"hpack": Hyper, "nghttp2": Nghttp2}
for line in sys.stdin:
    print(json.dumps(decoded(json.loads(line), decoders[sys.argv[1]]())), flush=True)
