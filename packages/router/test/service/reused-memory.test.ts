/** A router and its peers use the memory of large frames again: nobody ever sees other bytes than those sent. */
import { expect, it } from "vitest";
import { Router, type RouterStream, Trunkline } from "../../src/index.js";
import { secret } from "../support/router.js";

/** Sizes around those at which memory is used again, most of them equal, as in a bulk transfer. */
const sizes = [65_536, 65_536, 65_536, 16_384, 65_536, 20_000, 65_536, 4_096, 65_536, 100];
const frames = 20 * sizes.length;

function payload(stream: number, index: number): Uint8Array {
  const size = sizes[index % sizes.length] as number;
  return new Uint8Array(size).fill(1 + ((stream * 101 + index * 7) % 251));
}

it("streams of large frames side by side keep their bytes, also those that were received long before", async () => {
  const router = new Router({ keys: [{ secret }] });
  const endpoint = await router.listen("127.0.0.1:0");
  const token = await router.mintToken({ identity: "peer", lifetimeMs: 600_000 });
  await using client = new Trunkline({ endpoint, token });
  await using server = new Trunkline({ endpoint, token });
  const listener = await server.listen("bulk");
  const send = async (stream: number): Promise<void> => {
    const sender = await client.dial("bulk", { resume: stream > 0 });
    await sender.send(Uint8Array.of(stream));
    for (let index = 0; index < frames; index++) await sender.send(payload(stream, index));
    await sender.close();
  };
  const receive = async (receiver: RouterStream | undefined): Promise<number> => {
    const [stream = -1] = (await receiver?.receive()) ?? [];
    const received: Uint8Array[] = [];
    for (let data = await receiver?.receive(); data !== undefined; data = await receiver?.receive())
      received.push(data);
    await receiver?.close();
    expect(received).toHaveLength(frames);
    expect(received.findIndex((data, index) => Buffer.compare(data, payload(stream, index)) !== 0)).toBe(-1);
    return stream;
  };
  const streams = [0, 1, 2];
  const sent = Promise.all(streams.map(send));
  const receiving: Promise<number>[] = [];
  for (const _ of streams) receiving.push(receive(await listener.accept()));
  const received = await Promise.all(receiving);
  await sent;
  expect(received.sort()).toEqual(streams);
  await router.close();
});
