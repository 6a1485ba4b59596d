import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { VirtualClock } from "@trunkline/base/testing";
import { BusyStreamError, ClosedStreamError } from "@trunkline/streams";
import { ManualSignal } from "@trunkline/streams/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inbox } from "../../src/call/inbox.js";
import { MessageBudget } from "../../src/call/message-budget.js";
import { bytesCodec, GrpcError, Status } from "../../src/index.js";
import { Compressions } from "../../src/wire/compression.js";
import { framed, rejection, settle as turns } from "../support.js";

/** An inbox of bytes, and what flow control got back from it. */
interface TestInbox {
  readonly inbox: Inbox<Uint8Array>;
  readonly acknowledged: () => number;
  /** The arguments of `extendWindow`. */
  readonly extensions: number[];
  readonly errors: GrpcError[];
}

function inboxOf({
  single = false,
  limit = 1_000_000,
  budget = new MessageBudget(),
  room = new Room(),
} = {}): TestInbox {
  let bytes = 0;
  const extensions: number[] = [];
  const errors: GrpcError[] = [];
  const owner = {
    incomingName: "request",
    singleMessage: single,
    maxIncomingBytes: limit,
    messageBudget: budget,
    keepsViews: true,
    decode: bytesCodec.decode,
    acknowledge: (count: number) => {
      bytes += count;
    },
    extendWindow: (count: number) => {
      extensions.push(count);
    },
    lane: {},
    get hasRoom() {
      return room.free;
    },
    mustWait: () => (room.free ? undefined : room.wait()),
    onInputEnd: () => {},
    onBadInput: (error: GrpcError) => {
      errors.push(error);
    },
  };
  return { inbox: new Inbox(owner), acknowledged: () => bytes, extensions, errors };
}

/** Room for the answer to a message. */
class Room {
  free = true;
  #tell: () => void = () => {};

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  make(): void {
    this.free = true;
    this.#tell();
  }
}

const hello = new TextEncoder().encode("hello");

function thrown(action: () => void): GrpcError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(GrpcError);
    return error as GrpcError;
  }
  throw new Error("nothing was thrown");
}

/** Returns the error of a message, which is the same whether a `receive` waits for it or comes later. */
async function refusal(bytes: Uint8Array, encoding = ""): Promise<GrpcError> {
  const { inbox: first } = inboxOf({ limit: 10_000 });
  first.encoding = Compressions.builtIn.get(encoding);
  first.push(bytes);
  const error = await rejection(first.receive());
  const { inbox: second } = inboxOf({ limit: 10_000 });
  second.encoding = Compressions.builtIn.get(encoding);
  const waiting = rejection(second.receive());
  const other = thrown(() => second.push(bytes));
  second.end(other);
  expect(await waiting).toBe(other);
  expect(other.message).toBe(error.message);
  return error;
}

describe("messages out of DATA frames", () => {
  it("come out the same whole, byte by byte and cut at random", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
        async (messages, cuts) => {
          const wire = Buffer.concat(messages.map((message) => framed(message)));
          for (const sizes of [[wire.length || 1], [1], cuts]) {
            const { inbox, acknowledged } = inboxOf();
            for (let offset = 0, turn = 0; offset < wire.length; turn++) {
              const end = Math.min(wire.length, offset + (sizes[turn % sizes.length] as number));
              inbox.push(new Uint8Array(wire.subarray(offset, end)));
              offset = end;
            }
            inbox.checkComplete();
            inbox.end();
            for (const message of messages) expect(await inbox.receive()).toEqual(message);
            expect(await inbox.receive()).toBeUndefined();
            expect(acknowledged()).toBe(wire.length);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("are put together from large and small pieces", async () => {
    const message = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7);
    const wire = framed(message);
    const { inbox } = inboxOf();
    let offset = 0;
    for (const size of [3, 16_384, 1, 2, 4_095, 4_096, 4_097, 30_000, 1, 100_000]) {
      inbox.push(wire.subarray(offset, offset + size));
      offset += size;
    }
    expect(Buffer.compare((await inbox.receive()) as Uint8Array, message)).toBe(0);
  });

  it("are credited when they are taken, not when they come", async () => {
    const { inbox, acknowledged } = inboxOf();
    inbox.push(framed(hello));
    expect(acknowledged()).toBe(0);
    await inbox.receive();
    expect(acknowledged()).toBe(10);
  });

  it("that are awaited in part extend the window once, and are acknowledged when they are whole", async () => {
    const { inbox, acknowledged, extensions } = inboxOf();
    const wire = framed(new Uint8Array(200_000));
    inbox.push(wire.subarray(0, 65_536));
    expect(extensions).toEqual([]);
    const received = inbox.receive();
    expect(extensions).toEqual([200_005 - 65_536]);
    inbox.push(wire.subarray(65_536, 131_072));
    expect(acknowledged()).toBe(0);
    inbox.push(wire.subarray(131_072));
    expect((await received)?.length).toBe(200_000);
    expect(acknowledged()).toBe(200_005);
    expect(extensions).toHaveLength(1);
  });

  it("that nobody awaits extend no window, however much of them has come", () => {
    const { inbox, acknowledged, extensions } = inboxOf();
    inbox.push(framed(new Uint8Array(200_000)).subarray(0, 100_000));
    expect(extensions).toEqual([]);
    expect(acknowledged()).toBe(0);
  });

  it("extend the window only when the budget of the process has room, and give the room back", async () => {
    const budget = new MessageBudget({ maxBytes: 250_000, clock: new VirtualClock() });
    const wire = framed(new Uint8Array(200_000));
    const first = inboxOf({ budget });
    const second = inboxOf({ budget });
    const taken = first.inbox.receive();
    second.inbox.receive().catch(() => {});
    first.inbox.push(wire.subarray(0, 10));
    second.inbox.push(wire.subarray(0, 10));
    expect(first.extensions).toEqual([199_995]);
    expect(second.extensions).toEqual([]);
    expect(budget.heldBytes).toBe(200_000);
    expect(budget.waitingMessages).toBe(1);
    first.inbox.push(wire.subarray(10));
    await taken;
    expect(second.extensions).toEqual([199_995]);
    second.inbox.fail(new Error("gone"));
    expect(budget.heldBytes).toBe(0);
  });

  it("of no more than 64 KiB are not counted in the budget of the process", () => {
    const budget = new MessageBudget({ maxBytes: 1, clock: new VirtualClock() });
    for (let turn = 0; turn < 3; turn++) {
      const { inbox, extensions } = inboxOf({ budget });
      void inbox.receive();
      inbox.push(framed(new Uint8Array(65_536)).subarray(0, 10));
      expect(extensions).toEqual([65_531]);
    }
    expect(budget.heldBytes).toBe(0);
  });

  it("that stand still while others wait for room fail with RESOURCE_EXHAUSTED, which names the budget", () => {
    const clock = new VirtualClock();
    const budget = new MessageBudget({ maxBytes: 250_000, timeoutMs: 1_000, clock });
    const wire = framed(new Uint8Array(200_000));
    const [first, second] = [inboxOf({ budget }), inboxOf({ budget })];
    for (const { inbox } of [first, second]) {
      void inbox.receive();
      inbox.push(wire.subarray(0, 10));
    }
    clock.advance(800);
    first.inbox.push(wire.subarray(10, 20));
    clock.advance(400);
    expect(first.errors).toEqual([]);
    expect(second.errors).toMatchObject([
      {
        status: Status.RESOURCE_EXHAUSTED,
        message:
          "no room for a request message of 200000 bytes: messages that have come in part use up the messageBudget " +
          "(250000 bytes), and this one did not go on for 1000 ms",
      },
    ]);
    expect(budget.waitingMessages).toBe(0);
  });

  it("fail with RESOURCE_EXHAUSTED when the connection has no room for them", () => {
    const { inbox, errors, acknowledged } = inboxOf();
    void inbox.receive();
    inbox.push(framed(new Uint8Array(200_000)).subarray(0, 1_000));
    inbox.onBudgetExhausted();
    expect(errors).toMatchObject([
      {
        status: Status.RESOURCE_EXHAUSTED,
        message:
          "no room for a request message of 200000 bytes: messages that have come in part use up " +
          "maxBufferedBytesPerConnection",
      },
    ]);
    expect(acknowledged()).toBe(1_000);
  });

  it("larger than the limit are refused by their prefix, before anything of them is kept", () => {
    const { inbox } = inboxOf({ limit: 64 });
    const error = thrown(() => inbox.push(framed(new Uint8Array(0), 0, 70)));
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toBe("request message of 70 bytes is larger than maxReceiveMessageBytes (64)");
    const whole = inboxOf({ limit: 64 });
    whole.inbox.push(framed(new Uint8Array(64)));
    expect(thrown(() => whole.inbox.push(framed(new Uint8Array(65)))).status).toBe(Status.RESOURCE_EXHAUSTED);
  });

  it("need no more memory than on the wire while nobody takes them", () => {
    const { inbox } = inboxOf();
    let pushed = 0;
    const before = process.memoryUsage().arrayBuffers;
    // A chunk of 64 KiB each, of which a stream gets 20 bytes: as of a peer that sends to many streams.
    for (let turn = 0; turn < 1_000; turn++) {
      const chunk = new Uint8Array(65_536);
      const view = chunk.subarray(0, 20);
      view.set(framed(new Uint8Array(15)));
      inbox.push(view);
      pushed += view.length;
    }
    global.gc?.();
    if (global.gc !== undefined) expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * pushed);
    for (let turn = 0; turn < 1_000; turn++) expect(inbox.shift()?.length).toBe(15);
    expect(inbox.shift()).toBeUndefined();
  });

  it("may announce four gigabytes without costing memory", () => {
    const { inbox } = inboxOf({ limit: 2 ** 32 - 1 });
    const before = process.memoryUsage().arrayBuffers;
    for (let turn = 0; turn < 100; turn++) inboxOf({ limit: 2 ** 32 - 1 }).inbox.push(framed(hello, 0, 2 ** 32 - 1));
    inbox.push(framed(hello, 0, 2 ** 32 - 1));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000);
  });

  it("that nobody awaits are neither decoded nor given room while the answer has none", () => {
    const room = new Room();
    const { inbox, acknowledged, extensions } = inboxOf({ room });
    inbox.awaitEnd();
    room.free = false;
    inbox.push(framed(hello));
    expect(acknowledged()).toBe(0);
    inbox.push(framed(new Uint8Array(200_000)).subarray(0, 60_000));
    expect(extensions).toEqual([]);
    room.make();
    inbox.awaitEnd();
    expect(acknowledged()).toBe(10);
    expect(inbox.shift()).toEqual(hello);
  });

  it("that are decompressed in the background stay in the budgets until that is done", async () => {
    const budget = new MessageBudget({ clock: new VirtualClock() });
    const room = new Room();
    const { inbox, acknowledged } = inboxOf({ budget, room });
    inbox.encoding = Compressions.builtIn.get("gzip");
    // Hardly smaller than what it is made of.
    const body = randomBytes(200_000);
    const wire = framed(gzipSync(body), 1);
    const received = inbox.receive();
    room.free = false;
    inbox.push(wire.subarray(0, 100_000));
    inbox.push(wire.subarray(100_000));
    await turns(5);
    expect(acknowledged()).toBe(0);
    expect(budget.heldBytes).toBe(wire.length - 5);
    room.make();
    expect(Buffer.compare((await received) as Uint8Array, body)).toBe(0);
    expect(acknowledged()).toBe(wire.length);
    expect(budget.heldBytes).toBe(0);
  });

  it("that are dropped while they wait to be decompressed are credited, and nothing is decompressed", async () => {
    const room = new Room();
    room.free = false;
    const { inbox, acknowledged } = inboxOf({ room });
    let decompressed = 0;
    inbox.encoding = {
      name: "counting",
      compress: (bytes) => bytes,
      decompress: () => {
        throw Object.assign(new Error("too large"), { code: "ERR_BUFFER_TOO_LARGE" });
      },
      decompressInBackground: async (bytes) => {
        decompressed += 1;
        return bytes;
      },
    };
    const received = inbox.receive();
    inbox.push(framed(hello, 1));
    const error = new GrpcError(Status.CANCELLED);
    inbox.fail(error);
    expect(await rejection(received)).toBe(error);
    expect(acknowledged()).toBe(10);
    room.make();
    await turns(5);
    expect(decompressed).toBe(0);
  });

  it("of which a part has come when the call ends are dropped and credited, and so is what comes later", async () => {
    const budget = new MessageBudget({ clock: new VirtualClock() });
    const { inbox, acknowledged } = inboxOf({ budget });
    const received = inbox.receive();
    const wire = framed(new Uint8Array(200_000));
    inbox.push(wire.subarray(0, 50_000));
    const error = new GrpcError(Status.UNAVAILABLE, "gone");
    inbox.end(error);
    expect(await rejection(received)).toBe(error);
    expect(acknowledged()).toBe(50_000);
    expect(budget.heldBytes).toBe(0);
    inbox.push(wire.subarray(50_000, 60_000));
    expect(acknowledged()).toBe(60_000);
    expect(await rejection(inbox.receive())).toBe(error);
  });

  it("are no more than one where the method has one", () => {
    const { inbox } = inboxOf({ single: true });
    inbox.push(framed(hello));
    const error = thrown(() => inbox.push(framed(hello)));
    expect(error.status).toBe(Status.UNIMPLEMENTED);
    expect(error.message).toBe("a second request message came where the method has one");
  });

  it("that came before one that cannot be are there all the same", async () => {
    const { inbox } = inboxOf({ limit: 64 });
    const wire = Buffer.concat([framed(hello), framed(hello), framed(new Uint8Array(0), 0, 65), framed(hello)]);
    expect(thrown(() => inbox.push(wire)).status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(await inbox.receive()).toEqual(hello);
    expect(await inbox.receive()).toEqual(hello);
    expect(inbox.shift()).toBeUndefined();
  });

  it("that stop in the middle are an error, not an end", () => {
    for (const cut of [1, 4, 5, 9]) {
      const { inbox } = inboxOf();
      inbox.push(framed(hello).subarray(0, cut));
      const error = thrown(() => inbox.checkComplete());
      expect(error.status).toBe(Status.INTERNAL);
      expect(error.message).toBe("the last request message is not complete");
    }
  });

  it("with unknown flags, or compressed without an encoding, are refused", async () => {
    expect((await refusal(framed(hello, 2))).message).toBe("request message has the unknown flags 2");
    const error = await refusal(framed(hello, 1));
    expect(error.status).toBe(Status.INTERNAL);
    expect(error.message).toBe("request message is compressed, but no grpc-encoding says how");
  });

  it("are decompressed when their flag says so, and only then", async () => {
    const { inbox } = inboxOf();
    inbox.encoding = Compressions.builtIn.get("gzip");
    inbox.push(framed(gzipSync(hello), 1));
    inbox.push(framed(hello));
    expect(Buffer.from((await inbox.receive()) as Uint8Array).toString()).toBe("hello");
    expect(Buffer.from((await inbox.receive()) as Uint8Array).toString()).toBe("hello");
  });

  it("that grow without end when decompressed are stopped at the limit", async () => {
    const bomb = gzipSync(new Uint8Array(5_000_000));
    expect(bomb.length).toBeLessThan(10_000);
    const error = await refusal(framed(bomb, 1), "gzip");
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toBe("request message in encoding gzip is larger than maxReceiveMessageBytes (10000)");
    expect((await refusal(framed(hello, 1), "deflate")).message).toBe("request message is not in its encoding deflate");
  });

  it("that the codec does not take are INTERNAL, with its error as the cause", async () => {
    const cause = new Error("no");
    const owner = {
      incomingName: "response",
      singleMessage: false,
      maxIncomingBytes: 100,
      messageBudget: new MessageBudget(),
      decode: (): Uint8Array => {
        throw cause;
      },
      keepsViews: false,
      acknowledge: () => {},
      extendWindow: () => {},
      lane: {},
      hasRoom: true,
      mustWait: () => undefined,
      onInputEnd: () => {},
      onBadInput: (error: GrpcError) => told.push(error),
    };
    const told: GrpcError[] = [];
    const inbox = new Inbox(owner);
    inbox.push(framed(hello));
    inbox.push(framed(hello));
    inbox.end();
    const error = await rejection(inbox.receive());
    expect(error).toMatchObject({ status: Status.INTERNAL, message: "response message could not be decoded", cause });
    expect(told).toEqual([error]);
    expect(await rejection(inbox.receive())).toBe(error);
  });
});

describe("receiving", () => {
  it("gives what came before an error, then the error", async () => {
    const { inbox } = inboxOf();
    const error = new GrpcError(Status.UNAVAILABLE, "gone");
    inbox.push(framed(hello));
    inbox.end(error);
    expect(await inbox.receive()).toEqual(hello);
    expect(await rejection(inbox.receive())).toBe(error);
    expect(await rejection(inbox.receive())).toBe(error);
  });

  it("drops what was not read when the call fails on this side, and credits it", async () => {
    const { inbox, acknowledged } = inboxOf();
    const error = new GrpcError(Status.CANCELLED);
    inbox.push(framed(hello));
    inbox.push(framed(hello).subarray(0, 7));
    inbox.fail(error);
    expect(acknowledged()).toBe(17);
    expect(await rejection(inbox.receive())).toBe(error);
  });

  it("keeps an end that was taken, whatever comes later", async () => {
    const { inbox } = inboxOf();
    inbox.end();
    expect(await inbox.receive()).toBeUndefined();
    inbox.fail(new GrpcError(Status.CANCELLED));
    expect(await inbox.receive()).toBeUndefined();
  });

  it("is one at a time", async () => {
    const { inbox } = inboxOf();
    const first = inbox.receive();
    expect(await rejection(inbox.receive())).toBeInstanceOf(BusyStreamError);
    inbox.push(framed(hello));
    expect(await first).toEqual(hello);
  });

  it("loses nothing when it is cancelled", async () => {
    const { inbox } = inboxOf();
    const signal = new ManualSignal();
    const cancelled = inbox.receive({ signal });
    signal.abort("enough");
    expect(await rejection(cancelled)).toBe("enough");
    expect(await rejection(inbox.receive({ signal }))).toBe("enough");
    inbox.push(framed(hello));
    expect(await inbox.receive()).toEqual(hello);
  });

  it("is over for good once this side is closed; what comes is credited and dropped", async () => {
    const { inbox, acknowledged } = inboxOf();
    const waiting = inbox.receive();
    inbox.close(new ClosedStreamError("closed"));
    expect(await rejection(waiting)).toBeInstanceOf(ClosedStreamError);
    inbox.push(framed(hello));
    expect(acknowledged()).toBe(10);
    expect(await rejection(inbox.receive())).toBeInstanceOf(ClosedStreamError);
    const discarded = inbox.discard();
    inbox.end();
    await discarded;
    await inbox.discard();
  });
});
