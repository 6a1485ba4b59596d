/**
 * Clients that vanish, or say something wrong, at every point of a call: handlers hear of it, nothing is left, and the
 * server serves on.
 */
import { clientPreface } from "@trunkline/h2/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, createClient, type Implementation, Server } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, settle } from "../support.js";
import { calls, cutsOf, endings, framesOf, record } from "./recorded.js";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", onUnhandled));
afterAll(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

/** Handlers that wait for as long as their call is there. */
function waiting(begun: { count: number }): Implementation<typeof Echo> {
  const open = async (call: { readonly signal: AbortSignal }): Promise<void> => {
    begun.count += 1;
    if (!call.signal.aborted) await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    begun.count -= 1;
  };
  return { say: { open }, expand: { open }, collect: { open }, chat: { open } };
}

/** Returns what remains at a server: handlers that have not ended, and errors that it reported. */
async function play(
  bytes: Uint8Array,
  end: keyof typeof endings,
  implementation: Implementation<typeof Echo>,
): Promise<Error[]> {
  const reported: Error[] = [];
  const server = new Server({ onError: (error) => reported.push(error) }).add(Echo, implementation);
  const [clientSide, serverSide] = duplexPair();
  const served = server.serve(serverSide);
  clientSide.resume();
  clientSide.write(bytes);
  await settle(5);
  endings[end](clientSide);
  await served;
  const [nearSide, farSide] = duplexPair();
  void server.serve(farSide);
  const channel = new Channel({ transport: nearSide });
  if (implementation === echo)
    expect((await createClient(Echo, channel).say({ text: "another" })).text).toBe("another");
  await Promise.all([channel.close(), server.close()]);
  return reported;
}

describe.concurrent.each(Object.entries(calls))("a client of %s", (_name, call) => {
  it.each(["is destroyed", "breaks with an error"] as const)(
    "that vanishes after any number of bytes leaves nothing if the connection %s",
    async (end) => {
      const { fromClient } = await record(call);
      const begun = { count: 0 };
      const played = cutsOf(fromClient, clientPreface.length).flatMap((length, index) => [
        play(fromClient.subarray(0, length), end, waiting(begun)),
        ...(index % 5 === 0 ? [play(fromClient.subarray(0, length), end, echo)] : []),
      ]);
      expect((await Promise.all(played)).flat()).toEqual([]);
      await settle();
      expect(begun.count).toBe(0);
    },
  );

  it("that sends bytes that are not HTTP/2 between any two frames ends its connection, and nothing else", async () => {
    const { fromClient } = await record(call);
    const begun = { count: 0 };
    const garbage = Uint8Array.from({ length: 64 }, (_, index) => (index * 167 + 91) & 255);
    const played = framesOf(fromClient, clientPreface.length).map(({ start }) =>
      play(Buffer.concat([fromClient.subarray(0, start), garbage]), "is half-closed", waiting(begun)),
    );
    expect((await Promise.all(played)).flat()).toEqual([]);
    await settle();
    expect(begun.count).toBe(0);
  });
});
