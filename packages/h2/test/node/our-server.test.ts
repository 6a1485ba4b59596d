/** Our server, and Node's own HTTP/2 client. */
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import type { HttpHandler, SocketTarget } from "../../src/node/index.js";
import { pattern } from "../support/endpoint.js";
import { Cleanup, certificate, type SocketKind, serve, socketKinds } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

function session(target: SocketTarget, kind: SocketKind, settings: http2.Settings = {}): http2.ClientHttp2Session {
  const createConnection = () => {
    if ("path" in target) return net.connect(target.path);
    if (kind === "tcp") return net.connect(target.port, target.host);
    return tls.connect({ ...target, ca: certificate.cert, ALPNProtocols: ["h2"], servername: "localhost" });
  };
  const client = http2.connect(kind === "tls" ? "https://localhost" : "http://localhost", {
    createConnection,
    settings,
    maxSessionMemory: 100,
  });
  cleanup.add(() => client.destroy());
  return client;
}

interface Answer {
  headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  trailers: http2.IncomingHttpHeaders | undefined;
  body: Buffer;
}

function ask(
  client: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
  trailers?: http2.OutgoingHttpHeaders,
) {
  return new Promise<Answer>((resolve, reject) => {
    const stream = client.request(
      { ":method": body === undefined ? "GET" : "POST", ...headers },
      { waitForTrailers: trailers !== undefined },
    );
    const answer: Partial<Answer> = {};
    const chunks: Buffer[] = [];
    stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
    stream.on("response", (fields) => {
      answer.headers = fields;
    });
    stream.on("trailers", (fields) => {
      answer.trailers = fields;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve({ ...(answer as Answer), body: Buffer.concat(chunks) }));
    stream.on("error", reject);
    stream.end(body);
  });
}

/** Answers with what it gets, chunk by chunk, and with the request's trailers. */
const echo: HttpHandler = async (stream) => {
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  for await (const chunk of stream) await stream.send(chunk);
  stream.sendHeaders([{ name: "x-trailers", value: String(stream.trailers?.map(({ name }) => name)) }], true);
};

describe.each(socketKinds)("our server over %s", (kind) => {
  it("echoes bodies from 0 bytes to many MiB to Node's client", async () => {
    const { target } = await serve(kind, cleanup, echo);
    const client = session(target, kind);
    for (const size of [0, 1, 16_384, 65_536, 1_000_001, sized(2 ** 22, 2 ** 24)]) {
      const body = pattern(size, size);
      const answer = await ask(client, {}, body);
      expect(answer.body.equals(body)).toBe(true);
      expect(answer.headers[":status"]).toBe(200);
    }
  });

  it("passes trailers both ways and headers larger than a frame", async () => {
    const settings = { maxHeaderListSize: 100_000 };
    const { target } = await serve(
      kind,
      cleanup,
      async (stream) => {
        const large = (await stream.headers()).find(({ name }) => name === "x-large") as {
          name: string;
          value: string;
        };
        await stream.body();
        stream.sendHeaders([{ name: ":status", value: "200" }, large]);
        stream.sendHeaders([{ name: "x-saw", value: stream.trailers?.[0]?.value ?? "" }, large], true);
      },
      { settings },
    );
    const large = "\u00fe".repeat(40_000);
    const answer = await ask(
      session(target, kind, { maxHeaderListSize: 100_000 }),
      { "x-large": large },
      Buffer.from("x"),
      {
        "x-end": "of request",
      },
    );
    expect(answer.trailers?.["x-saw"]).toBe("of request");
    expect(answer.headers["x-large"]).toBe(large);
    expect(answer.trailers?.["x-large"]).toBe(large);
  });

  it("serves 500 requests at once", async () => {
    const { target } = await serve(kind, cleanup, echo, { settings: { maxConcurrentStreams: 100 } });
    const client = session(target, kind);
    await new Promise((resolve) => client.once("remoteSettings", resolve));
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) => ask(client, {}, pattern(index * 37, index))),
    );
    for (const [index, { body }] of answers.entries()) expect(body.equals(pattern(index * 37, index))).toBe(true);
  });
});

describe("our server", () => {
  it("hears that a client has cancelled", async () => {
    const cancelled = deferred();
    const { target } = await serve("tcp", cleanup, async (stream) => {
      stream.sendHeaders([{ name: ":status", value: "200" }]);
      try {
        for (;;) await stream.send(pattern(65_536)); // the client does not read it all
      } catch (error) {
        cancelled.resolve(error);
      }
    });
    const stream = session(target, "tcp").request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.on("response", () => stream.close(http2.constants.NGHTTP2_CANCEL));
    expect(await cancelled.promise).toMatchObject({ code: "CANCEL", scope: "stream" });
  });

  it("may answer before the request has ended, and stops it without blame", async () => {
    const { target } = await serve("tcp", cleanup, async (stream) => {
      stream.sendHeaders([{ name: ":status", value: "413" }]);
      await stream.send(Buffer.from("enough"), true);
    });
    const client = session(target, "tcp");
    const stream = client.request({ ":method": "POST" });
    const code = await new Promise((resolve, reject) => {
      stream.on("error", reject);
      stream.on("close", () => resolve(stream.rstCode));
      stream.write(pattern(1_000));
      stream.resume();
    });
    expect(code).toBe(0);
    expect((await ask(client, {})).headers[":status"]).toBe(413);
  });

  it("sends GOAWAY, finishes what goes on, and closes", async () => {
    const gate = deferred();
    const begun = deferred();
    const { target, connections } = await serve("tcp", cleanup, async (stream) => {
      begun.resolve(undefined);
      await gate.promise;
      stream.sendHeaders([{ name: ":status", value: "200" }]);
      await stream.send(pattern(1_000_000), true);
    });
    const client = session(target, "tcp");
    const answer = ask(client, {});
    await begun.promise;
    const closed = connections[0]?.close();
    await new Promise((resolve) => client.once("goaway", resolve));
    gate.resolve(undefined);
    expect((await answer).body.length).toBe(1_000_000);
    await closed;
    expect(connections[0]?.error).toBeUndefined();
  });

  it("survives clients that vanish in the middle of anything", async () => {
    const failures: unknown[] = [];
    const settled = deferred();
    const { target, connections } = await serve("tcp", cleanup, async (stream) => {
      stream.sendHeaders([{ name: ":status", value: "200" }]);
      await stream.body().catch((error) => failures.push(error));
      if (failures.length === 20) settled.resolve(undefined);
      throw new Error("a handler that fails as well");
    });
    for (let turn = 0; turn < 20; turn++) {
      const client = session(target, "tcp");
      client.on("error", () => {});
      const stream = client.request({ ":method": "POST" });
      stream.on("error", () => {});
      stream.on("response", () => client.destroy());
      stream.write(pattern(100_000));
    }
    await settled.promise;
    for (const failure of failures) expect(failure).toMatchObject({ scope: "connection" });
    await Promise.all(connections.map(({ driver }) => driver.done));
    expect(connections.every(({ connection }) => connection.activeStreams === 0)).toBe(true);
  });
});

function deferred() {
  let resolve: (value: unknown) => void = () => {};
  const promise = new Promise<unknown>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
