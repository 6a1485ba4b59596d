"""A peer of a router with Jumpstarter's own RouterStream, led by a judge.

Arguments: ENDPOINT and, for TLS, the file of the certificate authority. Each line on standard input is a command, a
JSON object with `id`, `do` and its arguments; each line on standard output is an answer with that `id`. Bytes are
base64. It ends with its standard input.
"""

import asyncio
import base64
import json
import sys

import grpc
from anyio import BrokenResourceError, EndOfStream
from jumpstarter.common.grpc import _override_default_grpc_options, aio_secure_channel, ssl_channel_credentials
from jumpstarter.config.tls import TLSConfigV1Alpha1
from jumpstarter.streams.router import RouterStream
from jumpstarter_protocol import router_pb2, router_pb2_grpc


async def channel_to(endpoint, ca):
    # The largest message of a router is larger than gRPC's own limit for what is received.
    options = {"grpc.max_receive_message_length": 16 << 20, "grpc.max_send_message_length": 16 << 20}
    if ca is None:
        return grpc.aio.insecure_channel(endpoint, options=_override_default_grpc_options(options))
    with open(ca, "rb") as file:
        config = TLSConfigV1Alpha1(ca=base64.b64encode(file.read()).decode())
    return aio_secure_channel(endpoint, await ssl_channel_credentials(endpoint, config), options)


class Peer:
    def __init__(self, channel):
        self.channel = channel
        self.stub = router_pb2_grpc.RouterServiceStub(channel)
        self.streams = {}

    async def open(self, stream, metadata, gzip=False):
        compression = grpc.Compression.Gzip if gzip else None
        context = self.stub.Stream(metadata=tuple(map(tuple, metadata)), compression=compression)
        self.streams[stream] = RouterStream(context=context)

    async def send(self, stream, data):
        await self.streams[stream].send(base64.b64decode(data))

    async def receive(self, stream):
        return base64.b64encode(await self.streams[stream].receive()).decode()

    async def receive_bytes(self, stream, count):
        """Returns the sum of the next bytes, all of which must be there before the end."""
        received = 0
        total = 0
        while received < count:
            data = await self.streams[stream].receive()
            received += len(data)
            total = (total + sum(data)) % (1 << 32)
        return [received, total]

    async def send_bytes(self, stream, count, piece):
        data = bytes(range(256)) * (piece // 256)
        for _ in range(count // piece):
            await self.streams[stream].send(data)

    async def send_eof(self, stream):
        await self.streams[stream].send_eof()

    async def aclose(self, stream):
        await self.streams[stream].aclose()

    async def cancel(self, stream):
        self.streams[stream].context.cancel()

    async def done_writing(self, stream):
        await self.streams[stream].context.done_writing()

    async def write_frame(self, stream, type, payload):
        frame = router_pb2.StreamRequest(frame_type=type, payload=base64.b64decode(payload))
        await self.streams[stream].context.write(frame)

    async def read_frame(self, stream):
        frame = await self.streams[stream].context.read()
        if frame == grpc.aio.EOF:
            return None
        return [frame.frame_type, base64.b64encode(frame.payload).decode()]

    async def status(self, stream):
        context = self.streams[stream].context
        return [(await context.code()).name, await context.details()]

    async def raw(self, method, request):
        """Returns the first answer to one request, or to none, both without a codec."""
        call = self.channel.stream_stream(method)()
        # grpcio makes INTERNAL of a write to a call that its server has ended: a method that is not there gets none.
        if request is not None:
            await call.write(base64.b64decode(request))
        await call.done_writing()
        async for answer in call:
            return base64.b64encode(answer).decode()
        return None


def described(error):
    cause = error if isinstance(error, grpc.aio.AioRpcError) else error.__cause__
    code = cause.code().name if isinstance(cause, grpc.aio.AioRpcError) else None
    return {"kind": type(error).__name__, "code": code, "text": str(cause or error)[:500]}


async def main():
    endpoint, ca = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    peer = Peer(await channel_to(endpoint, ca))
    reader = asyncio.StreamReader(limit=64 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def answer(id, do, **arguments):
        try:
            result = {"value": await getattr(peer, do)(**arguments)}
        except EndOfStream:
            result = {"end": True}
        except (BrokenResourceError, grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError) as error:
            result = {"error": described(error)}
        except Exception as error:
            result = {"error": {"kind": type(error).__name__, "code": None, "text": str(error)[:500]}}
        print(json.dumps({"id": id, **result}), flush=True)

    print("ready", flush=True)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(**json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
