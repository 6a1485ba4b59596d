"""A pytest plugin: the clients of Jumpstarter's drivers reach their exporter through a router.

Without it, `serve` of Jumpstarter's tests connects a client to the exporter's session by a Unix socket. With it, each
connection of the client is a stream through the router at ROUTER_ENDPOINT, opened at both ends by Jumpstarter's own
`connect_router_stream`, with tokens signed by ROUTER_KEY and TLS by the authority in ROUTER_CA.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from contextlib import asynccontextmanager

import jumpstarter.common.utils
from anyio import connect_unix, create_task_group
from jumpstarter.client import client_from_path
from jumpstarter.common import ExporterStatus, TemporaryUnixListener
from jumpstarter.common.streams import connect_router_stream
from jumpstarter.config.tls import TLSConfigV1Alpha1
from jumpstarter.exporter import Session

endpoint = os.environ["ROUTER_ENDPOINT"]
key = os.environ["ROUTER_KEY"].encode()
with open(os.environ["ROUTER_CA"], "rb") as file:
    tls = TLSConfigV1Alpha1(ca=base64.b64encode(file.read()).decode())


def encoded(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def new_token():
    """Returns a token for one new stream, as Jumpstarter's controller makes it."""
    now = int(time.time())
    claims = {
        "iss": "https://jumpstarter.dev/stream",
        "sub": str(uuid.uuid4()),
        "aud": ["https://jumpstarter.dev/router"],
        "exp": now + 1800,
        "nbf": now,
        "iat": now,
        "jti": str(uuid.uuid4()),
    }
    parts = [encoded(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(key, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, encoded(signature)]).decode()


async def stay_joined(token, stream):
    """Passes bytes between a stream of this machine and the router, until both directions have ended."""
    async with connect_router_stream(endpoint, token, stream, tls, {}):
        pass


@asynccontextmanager
async def serve_through_router(root_device, portal, stack):
    with Session(root_device=root_device) as session:
        async with session.serve_unix_async() as path:
            session.update_status(ExporterStatus.LEASE_READY)

            async def offer(token):
                async with await connect_unix(path) as stream:
                    await stay_joined(token, stream)

            async with create_task_group() as exporter:

                async def dial(stream):
                    token = new_token()
                    exporter.start_soon(offer, token)
                    await stay_joined(token, stream)

                async with TemporaryUnixListener(dial) as client_path:
                    async with client_from_path(client_path, portal, stack, allow=[], unsafe=True) as client:
                        try:
                            yield client
                        finally:
                            if hasattr(client, "close"):
                                client.close()
                exporter.cancel_scope.cancel()


jumpstarter.common.utils.serve_async = serve_through_router
