/**
 * Every call ends, with its answer or with a GrpcError and never later than its deadline, for each byte that is changed
 * and each place where the connection breaks.
 */
import { VirtualClock } from "@trunkline/streams/testing";
import { expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { createClient, GrpcError } from "../../src/index.js";
import { channelFor, FaultyLink, type LinkFaults } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, settle } from "../support.js";

async function outcomes(faults: LinkFaults): Promise<unknown[]> {
  const clock = new VirtualClock();
  const options = {
    channel: { clock },
    server: { clock },
    link: (end: ConstructorParameters<typeof FaultyLink>[0]) => new FaultyLink(end, faults),
  };
  const served = channelFor([[Echo, echo]], options);
  const client = createClient(Echo, served.channel, {
    timeoutMs: 10_000,
    metadata: { "trace-bin": Uint8Array.of(1, 2, 3) },
  });
  const calls = Promise.allSettled([
    client.say({ text: "one", payload: new Uint8Array(40) }),
    collect(client.expand({ count: 3 })),
    client.collect([{ text: "a" }, { text: "b" }]),
    collect(client.chat([{ text: "c" }])),
  ]);
  await settle(12);
  clock.advance(10_000);
  const settled = await calls;
  const closed = served.close();
  await settle(2);
  clock.advance(20_000);
  await closed;
  return settled.map((one) => (one.status === "fulfilled" ? "answered" : one.reason));
}

/** Every byte in a large run, and some of them in the quick suite. */
const step = sized(8, 1);
const offsets = Array.from({ length: Math.ceil(420 / step) }, (_, index) => index * step);

for (const direction of ["outgoing", "incoming"] as const) {
  it(`calls end when any byte is corrupt (${direction})`, async () => {
    for (const corruptByteAt of offsets) {
      for (const outcome of await outcomes({ [direction]: { corruptByteAt } })) {
        if (outcome !== "answered") expect(outcome, `byte ${corruptByteAt}`).toBeInstanceOf(GrpcError);
      }
    }
  });

  it(`calls end when the connection is silent after any byte (${direction})`, async () => {
    for (const silentAfterBytes of offsets.filter((offset) => offset % 5 === 0)) {
      for (const outcome of await outcomes({ [direction]: { silentAfterBytes } })) {
        if (outcome !== "answered")
          expect(outcome, `after ${silentAfterBytes}`).toMatchObject({ code: "DEADLINE_EXCEEDED" });
      }
    }
  });

  it(`calls end when the connection is cut after any byte (${direction})`, async () => {
    for (const cutAfterBytes of offsets.filter((offset) => offset % 5 === 0)) {
      for (const outcome of await outcomes({ [direction]: { cutAfterBytes } })) {
        if (outcome !== "answered") expect(outcome, `after ${cutAfterBytes}`).toBeInstanceOf(GrpcError);
      }
    }
  });
}
