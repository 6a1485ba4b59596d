"""grpclib as both. `server` prints its port; `client TARGET` reads a CallSpec a line and answers with an Outcome a line."""

import asyncio
import sys
import traceback

import peer_grpc
import peer_pb2 as pb
from common import (
    cancelled,
    count_cancelled,
    digested,
    filled,
    reply_to,
    to_entries,
    to_pairs,
)
from google.protobuf import json_format
from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Server
from multidict import MultiDict


class DetailsCodec(StatusDetailsCodecBase):
    """Details stay packed."""

    def encode(self, status, message, details):
        return pb.RichStatus(code=status.value, message=message, details=details).SerializeToString()

    def decode(self, status, message, data):
        return pb.RichStatus.FromString(data).details


class Peer(peer_grpc.PeerBase):
    async def begin(self, stream, first):
        if first.initial or first.hang:
            await stream.send_initial_metadata(metadata=MultiDict(to_pairs(first.initial)))

    async def end(self, stream, first):
        if first.hang:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                count_cancelled(first.hang)
                raise
        if first.code != 0 or first.trailing:
            await stream.send_trailing_metadata(
                status=Status(first.code),
                status_message=first.message,
                status_details=list(first.details) or None,
                metadata=MultiDict(to_pairs(first.trailing)),
            )

    def reply(self, stream, requests, count):
        timeout = None if stream.deadline is None else stream.deadline.time_remaining()
        return reply_to(requests, count, stream.metadata.items(), timeout)

    async def Unary(self, stream):
        request = await stream.recv_message()
        await self.begin(stream, request)
        if request.code == 0 and not request.hang:
            await stream.send_message(self.reply(stream, [request], 0))
        await self.end(stream, request)

    async def ServerStream(self, stream):
        request = await stream.recv_message()
        await self.begin(stream, request)
        for count in range(request.replies):
            await stream.send_message(self.reply(stream, [request], count))
        await self.end(stream, request)

    async def ClientStream(self, stream):
        everything = []
        async for request in stream:
            everything.append(request)
            if len(everything) == 1:
                await self.begin(stream, request)
            if request.hang:
                await self.end(stream, request)
        if not everything or everything[0].code == 0:
            await stream.send_message(self.reply(stream, everything, len(everything)))
        if everything:
            await self.end(stream, everything[0])

    async def Bidi(self, stream):
        first = None
        count = 0
        async for request in stream:
            if first is None:
                first = request
                await self.begin(stream, request)
            await stream.send_message(self.reply(stream, [request], count))
            count += 1
            if request.hang:
                break
        if first is not None:
            await self.end(stream, first)

    async def Seen(self, stream):
        request = await stream.recv_message()
        await stream.send_message(pb.SeenReply(cancelled=cancelled.get(request.text, 0)))


async def serve():
    server = Server([Peer()], status_details_codec=DetailsCodec())
    await server.start("127.0.0.1", 0)
    print(server._server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


async def call_peer(stubs, spec):
    outcome = pb.Outcome()
    many_requests = spec.method in ("ClientStream", "Bidi")
    requests = [filled(request) for request in spec.requests]
    timeout = spec.timeout_ms / 1000 if spec.timeout_ms else None
    try:
        async with getattr(stubs[spec.method == "Missing"], spec.method).open(timeout=timeout, metadata=MultiDict(to_pairs(spec.metadata))) as stream:

            async def cancel():
                await stream.cancel()
                raise GRPCError(Status.CANCELLED)

            async def receive():
                reply = await stream.recv_message()
                if reply is None:
                    return False
                if spec.method == "Seen":
                    outcome.seen.CopyFrom(reply)
                else:
                    outcome.replies.append(digested(reply))
                    if len(outcome.replies) == spec.cancel_after_replies:
                        await cancel()
                return True

            async def send():
                for index, request in enumerate(requests):
                    await stream.send_message(request, end=not many_requests)
                    if spec.ping_pong:
                        await receive()
                if many_requests:
                    await stream.end()

            async def run():
                await stream.send_request()
                sending = asyncio.create_task(send())
                try:
                    if spec.ping_pong:
                        await sending
                    while await receive():
                        pass
                    await sending
                    await stream.recv_trailing_metadata()
                finally:
                    sending.cancel()

            if spec.cancel_after_ms:
                running = asyncio.create_task(run())
                await asyncio.sleep(spec.cancel_after_ms / 1000)
                running.cancel()
                await cancel()
            await run()
    except GRPCError as error:
        outcome.code = error.status.value
        outcome.message = error.message or ""
        outcome.details.extend(error.details or ())
    except asyncio.TimeoutError:
        outcome.code = Status.DEADLINE_EXCEEDED.value
    except StreamTerminatedError as error:
        outcome.code = Status.UNAVAILABLE.value
        outcome.message = str(error)
    if stream.initial_metadata is not None:
        outcome.initial.extend(to_entries(stream.initial_metadata.items()))
    if stream.trailing_metadata is not None:
        outcome.trailing.extend(to_entries(stream.trailing_metadata.items()))
    return outcome


async def client(target):
    loop = asyncio.get_running_loop()
    host, port = target.split(":")
    # Its windows are 65,535 bytes by default, of which 16 MB would take long.
    config = Configuration(http2_connection_window_size=2**26, http2_stream_window_size=2**26)
    channel = Channel(host, int(port), config=config, status_details_codec=DetailsCodec())
    stubs = (peer_grpc.PeerStub(channel), peer_grpc.AbsentStub(channel))
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            outcome = await call_peer(stubs, json_format.Parse(line, pb.CallSpec()))
        except BaseException:
            outcome = pb.Outcome(failure=traceback.format_exc())
        print(json_format.MessageToJson(outcome, indent=None), flush=True)
    channel.close()


asyncio.run(serve() if sys.argv[1] == "server" else client(sys.argv[2]))
