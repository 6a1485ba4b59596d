import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  memoryPair,
  type ObjectStream,
  type SendOptions,
  type WaitOptions,
} from "../../src/index.js";
import { WrappedStream } from "../../src/kit/index.js";
import { type ComplianceOptions, complianceTests } from "../../src/testing/index.js";

type Bytes = ObjectStream<Uint8Array>;

/** Streams with one fault each, and a test of the suite that must find it. */
class Faulty extends WrappedStream<Uint8Array> {}

const faults: [string, string, new (inner: Bytes) => Bytes][] = [
  [
    "gives an abort as an end",
    "an abort is an error for a receive that waits",
    class extends Faulty {
      override receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
        return super.receive(options).catch((error: unknown) => {
          if (error instanceof BrokenStreamError) return undefined;
          throw error;
        });
      }
    },
  ],
  [
    "drops metadata silently",
    "metadata of a message is carried exactly, or refused",
    class extends Faulty {
      override send(item: Uint8Array): Promise<void> {
        return super.send(item);
      }
    },
  ],
  [
    "loses an item when a receive is cancelled",
    "a cancelled receive loses no item",
    class extends Faulty {
      override receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
        const { signal } = options ?? {};
        const receiving = super.receive();
        receiving.catch(() => {});
        if (signal === undefined) return receiving;
        return new Promise((resolve, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener("abort", () => reject(signal.reason));
          receiving.then(resolve, reject);
        });
      }
    },
  ],
  [
    "never stops its sender",
    "a sender stops when it is not read",
    class extends Faulty {
      #last: Promise<void> = Promise.resolve();
      override async send(item: Uint8Array, options?: SendOptions): Promise<void> {
        this.#last = this.#last.then(() => super.send(item, options));
        this.#last.catch(() => {});
      }
    },
  ],
  [
    "swallows empty items",
    "an empty item is an item where boundaries are kept",
    class extends Faulty {
      override async send(item: Uint8Array, options?: SendOptions): Promise<void> {
        if (item.length > 0) await super.send(item, options);
      }
    },
  ],
  [
    "leaves listeners on a signal",
    "a signal has no listeners left",
    class extends Faulty {
      override receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
        options?.signal?.addEventListener("abort", () => {});
        return super.receive(options);
      }
    },
  ],
  [
    "closes on disposal although nothing was ended",
    "disposal without sendEof is an abort",
    class extends Faulty {
      override async [Symbol.asyncDispose](): Promise<void> {
        await this.close();
      }
    },
  ],
  [
    "changes bytes",
    "items arrive in order and as they were sent",
    class extends Faulty {
      override async receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
        return (await super.receive(options))?.map((byte) => byte & 0x7f);
      }
    },
  ],
];

function optionsFor(Stream: new (inner: Bytes) => Bytes): ComplianceOptions {
  return {
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first: new Stream(first), second: new Stream(second) };
    },
  };
}

describe("the compliance suite", () => {
  test.each(faults)("finds a stream that %s", async (_, title, Stream) => {
    const suspects = complianceTests(optionsFor(Stream)).filter((one) => one.title.startsWith(title));
    expect(suspects.length).toBeGreaterThan(0);
    for (const { run } of suspects) await expect(Promise.race([run(), turns()])).rejects.toThrow();
  });

  test("has one title a test", () => {
    const titles = complianceTests(optionsFor(Faulty)).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test("leaves out what the options say cannot be", () => {
    const titles = (options: Partial<ComplianceOptions>): string =>
      complianceTests({ ...optionsFor(Faulty), ...options })
        .map(({ title }) => title)
        .join("\n");
    expect(titles({})).toContain("close gives up after its time limit");
    expect(titles({ keepsTime: false })).not.toContain("close gives up after its time limit");
    expect(titles({})).toContain("an abort is an error for");
    expect(titles({ abortIsSeen: false })).not.toContain("an abort is an error for");
    expect(titles({})).toContain("the other direction goes on (second to first)");
    expect(titles({ halfClose: "first" })).not.toContain("the other direction goes on (second to first)");
    expect(titles({ disposal: "abort" })).toContain("an abort, even after sendEof");
  });
});

/** A fault may also show as a wait that never ends. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  throw new Error("the test did not come to an end");
}
