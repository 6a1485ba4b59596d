import { describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { settle } from "../support.js";
import { ourClientOfTheirServer, pending, theirClientOfOurServer } from "./grpc-js.js";

const payload = new Uint8Array(65_536);
/**
 * The number of messages that both ends, their windows and the kernel may hold. Without backpressure all would be taken
 * at once.
 */
const heldMessages = sized(320, 512);
const allMessages = sized(340, 600);

/** Counts what a sender gets rid of until it makes no progress for many turns of the event loop. */
async function untilStuck(sent: () => number): Promise<number> {
  for (let before = -1; before !== sent(); await settle(200)) before = sent();
  return sent();
}

describe("a receiver that does not read", () => {
  it("in our handler stops a grpc-js client, and gets everything later", async () => {
    const mayRead = pending<void>();
    await using ends = await theirClientOfOurServer(
      {
        async collect(requests) {
          await mayRead.promise;
          let count = 0;
          for await (const request of requests) count += request.payload.length;
          return { count };
        },
      },
      // Otherwise grpc-js takes a mebibyte at once for retries.
      { client: { "grpc.per_rpc_retry_buffer_size": 0 } },
    );
    const { call, outcome } = ends.client.collect();
    let sent = 0;
    const fill = (): void => {
      while (sent < allMessages) {
        sent += 1;
        if (!call.write({ payload })) return void call.once("drain", fill);
      }
      call.end();
    };
    fill();
    expect(await untilStuck(() => sent)).toBeLessThan(heldMessages);
    mayRead.resolve();
    expect((await outcome).messages).toMatchObject([{ count: allMessages * payload.length }]);
  });

  it("in a grpc-js handler stops our client, and gets everything later", async () => {
    const called = pending<() => void>();
    await using ends = await ourClientOfTheirServer({
      collect(call, answer) {
        let count = 0;
        called.resolve(() => {
          call.on("data", (request) => {
            count += request.payload.length;
          });
          call.on("end", () => answer(null, { count }));
        });
      },
    });
    let sent = 0;
    const reply = ends.client.collect(
      (function* () {
        for (; sent < allMessages; sent++) yield { payload };
      })(),
    );
    const read = await called.promise;
    expect(await untilStuck(() => sent)).toBeLessThan(heldMessages);
    read();
    expect(await reply).toMatchObject({ count: allMessages * payload.length });
  });

  it("in a grpc-js client stops our handler, and gets everything later", async () => {
    let sent = 0;
    await using ends = await theirClientOfOurServer({
      async *expand() {
        for (; sent < allMessages; sent++) yield { payload };
      },
    });
    const { call, outcome } = ends.client.expand({});
    call.pause();
    expect(await untilStuck(() => sent)).toBeLessThan(heldMessages);
    call.resume();
    expect((await outcome).messages).toHaveLength(allMessages);
  });

  it("in our client stops a grpc-js handler, and gets everything later", async () => {
    let sent = 0;
    await using ends = await ourClientOfTheirServer({
      expand(call) {
        const fill = (): void => {
          while (sent < allMessages) {
            sent += 1;
            if (!call.write({ payload })) return void call.once("drain", fill);
          }
          call.end();
        };
        fill();
      },
    });
    await using call = ends.client.expand.open();
    await call.send({});
    expect((await call.receive())?.payload.length).toBe(payload.length);
    expect(await untilStuck(() => sent)).toBeLessThan(heldMessages);
    let received = 1;
    for await (const reply of call) received += reply.payload.length === payload.length ? 1 : 0;
    expect(received).toBe(allMessages);
  });
});
