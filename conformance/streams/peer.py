"""The other side of the streams judge: `peer.py pack|unpack|echo FORMAT`, from stdin to stdout."""

import sys
import zlib


def gzip_format():
    import gzip

    def compressor():
        return zlib.compressobj(wbits=31)

    return gzip.compress, gzip.decompress, compressor, lambda: zlib.decompressobj(wbits=31), zlib.Z_SYNC_FLUSH


def deflate_format():
    def unpack(data):
        decoder = zlib.decompressobj()
        out = decoder.decompress(data) + decoder.flush()
        if not decoder.eof or decoder.unused_data:
            raise EOFError("truncated, or garbage at the end")
        return out

    return zlib.compress, unpack, zlib.compressobj, zlib.decompressobj, zlib.Z_SYNC_FLUSH


def bzip2_format():
    import bz2

    return bz2.compress, bz2.decompress, None, None, None


def xz_format():
    import lzma

    return lzma.compress, lzma.decompress, None, None, None


def zstd_format():
    import zstandard

    def unpack(data):
        out = b""
        while data:
            decoder = zstandard.ZstdDecompressor().decompressobj()
            out += decoder.decompress(data)
            if not decoder.eof:
                raise EOFError("truncated")
            data = decoder.unused_data
        return out

    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return (
        lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
        unpack,
        lambda: zstandard.ZstdCompressor().compressobj(),
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        flush,
    )


def brotli_format():
    import brotli

    class Compressor:
        def __init__(self):
            self.inner = brotli.Compressor()

        def compress(self, data):
            return self.inner.process(data)

        def flush(self, mode=None):
            return self.inner.flush() if mode is not None else self.inner.finish()

    class Decompressor:
        def __init__(self):
            self.inner = brotli.Decompressor()

        def decompress(self, data):
            return self.inner.process(data)

    return brotli.compress, brotli.decompress, Compressor, Decompressor, "flush"


formats = {
    "gzip": gzip_format,
    "deflate": deflate_format,
    "bzip2": bzip2_format,
    "xz": xz_format,
    "zstd": zstd_format,
    "brotli": brotli_format,
}


def echo(compressor, decompressor, flush):
    """Sends back each message in capitals, as soon as it is there: neither side may keep anything to itself."""
    out, decode = compressor(), decompressor()
    while data := sys.stdin.buffer.raw.read(65536):
        message = decode.decompress(data)
        if message:
            sys.stdout.buffer.write(out.compress(message.upper()) + out.flush(flush))
            sys.stdout.buffer.flush()
    sys.stdout.buffer.write(out.flush())


def main(job, name):
    pack, unpack, compressor, decompressor, flush = formats[name]()
    if job == "echo":
        echo(compressor, decompressor, flush)
    else:
        sys.stdout.buffer.write((pack if job == "pack" else unpack)(sys.stdin.buffer.read()))


main(*sys.argv[1:])
