/** The limits of the HTTP/2 engine as options of a server: each reaches its connections. */
import { afterEach, describe, expect, it } from "vitest";
import { Channel, Server, type ServerOptions } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { RawClient, until } from "../support.js";

const say = "/trunkline.test.v1.Echo/Say";

let close: () => Promise<void> = async () => {};

afterEach(async () => {
  await close();
  close = async () => {};
});

/** A raw client on a server whose handlers never answer. */
function serve(options: ServerOptions): RawClient {
  const server = new Server(options).add(Echo, { say: () => new Promise(() => {}) });
  const client = new RawClient();
  void server.serve(client.serverSide);
  close = async () => {
    client.driver.destroy();
    await server.close({ closeTimeoutMs: 0 });
  };
  return client;
}

describe("the limits of a server's connections", () => {
  it("are options: far more PINGs than are allowed end the connection, a few do not", async () => {
    for (const [pings, isClosed] of [
      [1, false],
      [60, true],
    ] as const) {
      const client = serve({ http2: { limits: { pings: { burst: 1, perSecond: 0 } } } });
      for (let count = 0; count < pings; count++) client.http2.ping(performance.now());
      if (isClosed) await until(() => client.http2.closed, "the end of the connection");
      else {
        const request = client.request(say);
        await until(() => client.http2.activeStreams === 1, "the request");
        expect(client.http2.closed).toBe(false);
        expect(request.reset).toBeUndefined();
      }
      await close();
    }
  });

  it("are checked when the server or the channel is made, and named", () => {
    const limits = { pings: { burst: 0, perSecond: 1 } };
    expect(() => new Server({ http2: { limits } })).toThrow("burst");
    expect(() => new Channel("127.0.0.1:1", { http2: { limits } })).toThrow("burst");
    expect(() => new Server({ http2: { limits: { maxBufferedBytesPerConnection: 1 } } })).toThrow(
      "maxBufferedBytesPerConnection",
    );
  });
});
