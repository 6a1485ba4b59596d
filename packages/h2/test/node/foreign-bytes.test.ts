/**
 * Bytes of another realm, as Jest, jsdom and node:vm make them (connect-es#658): `instanceof Uint8Array` is false for
 * them.
 */
import { runInNewContext } from "node:vm";
import { afterEach, expect, it } from "vitest";
import { HttpConnection } from "../../src/node/index.js";
import { request } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";
import { Cleanup, duplexPair } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

it.each([10, 20_000])("%d bytes of another realm are sent and come back", async (length) => {
  const foreign = runInNewContext(`Uint8Array.from({ length: ${length} }, (_, index) => index % 251)`) as Uint8Array;
  expect(foreign instanceof Uint8Array).toBe(false);
  const [a, b] = duplexPair();
  const server = HttpConnection.accept(a, async (stream) => {
    stream.sendHeaders([{ name: ":status", value: "200" }]);
    await stream.send(await stream.body(), true);
  });
  const client = HttpConnection.connect(b);
  cleanup.add(() => server.driver.destroy());
  cleanup.add(() => client.driver.destroy());
  const stream = await client.request(request);
  await stream.send(foreign, true);
  expect([...(await stream.body())]).toEqual([...foreign]);
  stream.release();
});

it("what is no Uint8Array is refused before anything of it is queued", () => {
  const engine = Engine.ready("client");
  const stream = engine.stream(engine.openStream());
  for (const wrong of ["text", [1, 2, 3], [new Uint8Array(1), "text"], new Uint16Array(2), 5])
    expect(() => stream.sendData(wrong as never, { endStream: true })).toThrow("stream 1: data that is no Uint8Array");
  expect(stream.bufferedBytes).toBe(0);
  stream.sendData([], { endStream: true });
});
