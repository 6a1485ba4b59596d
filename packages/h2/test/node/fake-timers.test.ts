/** The fake timers of vitest and Jest replace the global ones (nock#2200); a connection goes on under them. */
import { afterEach, expect, it, vi } from "vitest";
import { HttpConnection } from "../../src/node/index.js";
import { request } from "../support/endpoint.js";
import { duplexPair } from "../support/sockets.js";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("a request is answered though the global timers stand still", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "Date"] });
  const [a, b] = duplexPair();
  const server = HttpConnection.accept(a, async (stream) => {
    stream.sendHeaders([{ name: ":status", value: "200" }]);
    await stream.send(await stream.body(), true);
  });
  const client = HttpConnection.connect(b);
  const stream = await client.request(request);
  await stream.send(new TextEncoder().encode("hello"), true);
  expect(new TextDecoder().decode(await stream.body())).toBe("hello");
  stream.release();
  server.driver.destroy();
  client.driver.destroy();
});

it("what a socket had received before is read though microtasks stand still, as under Jest", async () => {
  const [a, b] = duplexPair();
  const client = HttpConnection.connect(b);
  await vi.waitFor(() => expect(a.readableLength).toBeGreaterThan(0));
  vi.stubGlobal("queueMicrotask", () => {});
  const server = HttpConnection.accept(a, (stream) => stream.sendHeaders([{ name: ":status", value: "204" }], true));
  const stream = await client.request(request, true);
  expect((await stream.headers())[0]?.value).toBe("204");
  stream.release();
  server.driver.destroy();
  client.driver.destroy();
});
