/** Our client, and Node's own HTTP/2 server. */
import http2 from "node:http2";
import type { Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { ErrorCode, type HeaderField } from "../../src/index.js";
import { pattern } from "../support/endpoint.js";
import { Cleanup, certificate, dial, listen, type SocketKind, socketKinds } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function nodeServer(
  kind: SocketKind,
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  options: http2.ServerOptions = {},
) {
  const server =
    kind === "tls" ? http2.createSecureServer({ ...options, ...certificate }) : http2.createServer(options);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    onStream(stream, headers);
  });
  server.on("sessionError", () => {});
  return { target: await listen(server as unknown as Server, kind, cleanup), server };
}

const get: readonly HeaderField[] = [
  { name: ":method", value: "GET" },
  { name: ":scheme", value: "http" },
  { name: ":authority", value: "localhost" },
  { name: ":path", value: "/" },
];
const post: readonly HeaderField[] = [{ name: ":method", value: "POST" }, ...get.slice(1)];

describe.each(socketKinds)("our client over %s", (kind) => {
  it("sends and receives bodies from 0 bytes to many MiB", async () => {
    const { target } = await nodeServer(kind, (stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    const client = await dial(target, kind, cleanup);
    for (const size of [0, 1, 16_384, 65_536, 1_000_001, sized(2 ** 22, 2 ** 24)]) {
      const body = pattern(size, size);
      const stream = await client.request(post);
      const sent = stream.send(body).then(() => stream.send(new Uint8Array(0), true));
      expect(Buffer.from(await stream.body()).equals(body)).toBe(true);
      await sent;
      stream.release();
    }
    expect(client.connection.activeStreams).toBe(0);
    await client.close();
    expect(client.error).toBeUndefined();
  });

  it("passes trailers both ways, 1xx, and headers larger than a frame", async () => {
    const large = "\u00fe".repeat(40_000);
    const { target } = await nodeServer(
      kind,
      (stream, headers) => {
        stream.additionalHeaders({ ":status": 103, link: "</a>" });
        stream.on("trailers", (trailers) => {
          stream.respond({ ":status": 200, "x-large": headers["x-large"] as string }, { waitForTrailers: true });
          stream.on("wantTrailers", () => stream.sendTrailers({ "x-saw": trailers["x-end"] }));
          stream.end("body");
        });
        stream.resume();
      },
      { settings: { maxHeaderListSize: 100_000 } },
    );
    const client = await dial(target, kind, cleanup, { settings: { maxHeaderListSize: 100_000 } });
    const stream = await client.request([...post, { name: "x-large", value: large }]);
    await stream.send(Buffer.from("x"));
    stream.sendHeaders([{ name: "x-end", value: "of request" }], true);
    const headers = await stream.headers();
    expect(headers.find(({ name }) => name === "x-large")?.value).toBe(large);
    expect(Buffer.from(await stream.body()).toString()).toBe("body");
    expect(stream.trailers).toMatchObject([{ name: "x-saw", value: "of request" }]);
    expect(stream.informational[0]?.[0]).toMatchObject({ name: ":status", value: "103" });
    stream.release();
  });
});

describe("our client", () => {
  it("keeps to the server's limit of streams", async () => {
    let most = 0;
    let now = 0;
    const { target } = await nodeServer(
      "tcp",
      (stream) => {
        now += 1;
        most = Math.max(most, now);
        setImmediate(() => {
          now -= 1;
          stream.respond({ ":status": 200 });
          stream.end("x");
        });
      },
      { settings: { maxConcurrentStreams: 5 } },
    );
    const client = await dial(target, "tcp", cleanup);
    await (await client.request(get, true)).body();
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        const stream = await client.request(get, true);
        expect(Buffer.from(await stream.body()).toString()).toBe("x");
        stream.release();
      }),
    );
    expect(most).toBeLessThanOrEqual(5);
  });

  it("hears of a stream that the server has reset, and cancels its own", async () => {
    const cancelled: number[] = [];
    const { target } = await nodeServer("tcp", (stream, headers) => {
      if (headers[":method"] === "POST") stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else {
        stream.respond({ ":status": 200 });
        stream.write(pattern(100_000));
        stream.on("aborted", () => cancelled.push(stream.rstCode));
      }
    });
    const client = await dial(target, "tcp", cleanup);
    const refused = await client.request(post);
    await expect(refused.headers()).rejects.toMatchObject({ code: "REFUSED_STREAM", scope: "stream" });
    refused.release();
    const stream = await client.request(get);
    await stream.headers();
    stream.release();
    const pong = await client.request(get);
    await pong.headers(); // the server has read the reset before this
    expect(cancelled).toEqual([ErrorCode.CANCEL]);
  });

  it("finishes what goes on when the server sends GOAWAY, and opens nothing more", async () => {
    let finish: () => void = () => {};
    const { target, server } = await nodeServer("tcp", (stream) => {
      stream.respond({ ":status": 200 });
      finish = () => stream.end("done");
    });
    const sessions: http2.ServerHttp2Session[] = [];
    server.on("session", (session) => sessions.push(session as http2.ServerHttp2Session));
    const client = await dial(target, "tcp", cleanup);
    const stream = await client.request(get, true);
    await stream.headers();
    sessions[0]?.close();
    const { onGoAway } = client;
    await new Promise<void>((resolve) => {
      client.onGoAway = () => {
        onGoAway.call(client);
        resolve();
      };
    });
    await expect(client.request(get, true)).rejects.toThrow("the connection takes no more requests");
    finish();
    expect(Buffer.from(await stream.body()).toString()).toBe("done");
    stream.release();
    await client.driver.done;
    expect(client.error).toBeUndefined();
  });

  it("reports a connection that is lost in the middle of a body as a break, never as an end", async () => {
    const { target, server } = await nodeServer("tcp", (stream) => {
      stream.respond({ ":status": 200 });
      stream.write(pattern(10_000));
    });
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    const client = await dial(target, "tcp", cleanup);
    const stream = await client.request(get, true);
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        bytes += chunk.length;
        if (bytes === 10_000) sockets[0]?.resetAndDestroy();
      }
    })();
    await expect(reading).rejects.toMatchObject({ scope: "connection" });
    expect(bytes).toBe(10_000);
    await client.driver.done;
    expect(client.connection.closed).toBe(true);
  });
});
