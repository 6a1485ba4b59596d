"""What the programs of the peers in Python share."""

import base64
import hashlib
from functools import lru_cache

import peer_pb2 as pb


@lru_cache(maxsize=4)
def pattern(length):
    # The pattern of peer.proto repeats after 65,536 bytes.
    block = bytes((index * 31 + (index >> 8) * 17) % 256 for index in range(min(length, 65536)))
    return (block * (length // 65536 + 1))[:length]


def filled(request):
    if request.payload_bytes != 0:
        request.payload = pattern(request.payload_bytes)
    return request


def sha256(chunks):
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def reply_to(requests, count, metadata, timeout):
    payloads = [request.payload for request in requests]
    return pb.Reply(
        text="".join(request.text for request in requests),
        count=count,
        metadata=to_entries(metadata),
        timeout_ms=-1 if timeout is None else round(timeout * 1000),
        payload=pattern(requests[0].reply_bytes if requests else 0),
        request_bytes=sum(len(payload) for payload in payloads),
        request_sha256=sha256(payloads),
    )


def digested(reply):
    payload = reply.payload
    reply.payload = b""
    reply.reply_bytes = len(payload)
    reply.reply_sha256 = sha256([payload])
    return reply


def to_pairs(entries):
    return [(entry.key, entry.value if entry.key.endswith("-bin") else entry.value.decode("latin1")) for entry in entries]


def to_entries(pairs):
    return [
        pb.Entry(key=key, value=value if isinstance(value, bytes) else value.encode("latin1"))
        for key, value in pairs or ()
        if key.startswith("x-")
    ]


def rich_status(request):
    return pb.RichStatus(code=request.code, message=request.message, details=request.details)


cancelled = {}


def count_cancelled(name):
    cancelled[name] = cancelled.get(name, 0) + 1
