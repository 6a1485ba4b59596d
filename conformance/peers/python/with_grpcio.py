"""grpcio as both, with its asyncio interface. `server` prints its port; `client TARGET` reads a CallSpec a line and answers with an Outcome a line."""

import asyncio
import sys
import traceback
from contextlib import contextmanager

import grpc
import peer_pb2 as pb
import peer_pb2_grpc
from common import (
    cancelled,
    count_cancelled,
    digested,
    filled,
    reply_to,
    rich_status,
    to_entries,
    to_pairs,
)
from google.protobuf import json_format

OPTIONS = [("grpc.max_receive_message_length", 64 * 2**20), ("grpc.max_send_message_length", -1)]
DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}


@contextmanager
def counting(first):
    """Wherever the cancellation finds the handler: before it has come to wait it may still stand where it gave its reply."""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        if first.hang:
            count_cancelled(first.hang)
        raise


class Peer(peer_pb2_grpc.PeerServicer):
    async def begin(self, context, first):
        if first.compress:
            context.set_compression(grpc.Compression.Gzip)
        if first.initial or first.hang or first.compress:
            await context.send_initial_metadata(to_pairs(first.initial))

    async def end(self, context, first):
        if first.hang:
            await asyncio.sleep(3600)
        trailing = to_pairs(first.trailing)
        if first.details:
            trailing.append((DETAILS, rich_status(first).SerializeToString()))
        context.set_trailing_metadata(trailing)
        if first.code != 0:
            await context.abort(CODES[first.code], first.message, tuple(trailing))

    def reply(self, context, requests, count):
        return reply_to(requests, count, context.invocation_metadata(), context.time_remaining())

    async def Unary(self, request, context):
        with counting(request):
            await self.begin(context, request)
            await self.end(context, request)
            return self.reply(context, [request], 0)

    async def ServerStream(self, request, context):
        with counting(request):
            await self.begin(context, request)
            for count in range(request.replies):
                yield self.reply(context, [request], count)
            await self.end(context, request)

    async def ClientStream(self, requests, context):
        everything = []
        async for request in requests:
            everything.append(request)
            if len(everything) == 1:
                await self.begin(context, request)
            if request.hang:
                with counting(request):
                    await self.end(context, request)
        if everything:
            await self.end(context, everything[0])
        return self.reply(context, everything, len(everything))

    async def Bidi(self, requests, context):
        first = None
        count = 0
        async for request in requests:
            if first is None:
                first = request
                await self.begin(context, request)
            with counting(request):
                yield self.reply(context, [request], count)
                count += 1
                if request.hang:
                    await self.end(context, request)
        if first is not None:
            await self.end(context, first)

    async def Seen(self, request, context):
        return pb.SeenReply(cancelled=cancelled.get(request.text, 0))


async def serve():
    server = grpc.aio.server(options=OPTIONS)
    peer_pb2_grpc.add_PeerServicer_to_server(Peer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def call_peer(stubs, spec):
    outcome = pb.Outcome()
    options = {
        "metadata": to_pairs(spec.metadata),
        "timeout": spec.timeout_ms / 1000 if spec.timeout_ms else None,
        "compression": grpc.Compression.Gzip if spec.compress else None,
    }
    requests = [filled(request) for request in spec.requests]
    method = getattr(stubs[spec.method == "Missing"], spec.method)
    many_requests = spec.method in ("ClientStream", "Bidi")
    call = method(**options) if many_requests else method(requests[0], **options)

    def received(reply):
        if spec.method == "Seen":
            outcome.seen.CopyFrom(reply)
        else:
            outcome.replies.append(digested(reply))
            if len(outcome.replies) == spec.cancel_after_replies:
                call.cancel()

    async def send():
        for request in requests:
            await call.write(request)
            if spec.ping_pong:
                received(await call.read())
        await call.done_writing()

    timer = asyncio.get_running_loop().call_later(spec.cancel_after_ms / 1000, call.cancel) if spec.cancel_after_ms else None
    try:
        if many_requests:
            sending = asyncio.create_task(send())
            if spec.ping_pong:
                await sending
        if spec.method in ("ServerStream", "Bidi"):
            while (reply := await call.read()) is not grpc.aio.EOF:
                received(reply)
        else:
            received(await call)
    except (grpc.RpcError, asyncio.CancelledError, asyncio.InvalidStateError):
        pass
    code = await call.code()
    if timer is not None:
        timer.cancel()
    if many_requests:
        await asyncio.gather(sending, return_exceptions=True)
    outcome.code = code.value[0]
    outcome.message = (await call.details() or "") if outcome.code else ""
    outcome.initial.extend(to_entries(await call.initial_metadata()))
    trailing = await call.trailing_metadata()
    outcome.trailing.extend(to_entries(trailing))
    for key, value in trailing or ():
        if key == DETAILS:
            outcome.details.extend(pb.RichStatus.FromString(value).details)
    return outcome


async def client(target):
    loop = asyncio.get_running_loop()
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        stubs = (peer_pb2_grpc.PeerStub(channel), peer_pb2_grpc.AbsentStub(channel))
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            try:
                outcome = await call_peer(stubs, json_format.Parse(line, pb.CallSpec()))
            except BaseException:
                outcome = pb.Outcome(failure=traceback.format_exc())
            print(json_format.MessageToJson(outcome, indent=None), flush=True)


asyncio.run(serve() if sys.argv[1] == "server" else client(sys.argv[2]))
