import { describe } from "vitest";
import { memoryPair } from "../../src/index.js";
import { streamFromWeb, toWeb } from "../../src/web/index.js";
import { small, suite } from "../support/suite.js";
import { turns } from "../support/turns.js";

/** A pair with room for an item that is not read yet; without room even `close()` of a writable waits for a reader. */
const pipe = (): TransformStream<Uint8Array, Uint8Array> =>
  new TransformStream({}, { highWaterMark: 1 }, { highWaterMark: 4 });

const settle = (): Promise<void> => turns(5);

describe("compliance of a pair of web streams", () => {
  suite({
    ...small,
    settle,
    connect(clock) {
      const there = pipe();
      const back = pipe();
      return {
        first: streamFromWeb<Uint8Array>({ readable: back.readable, writable: there.writable }, { clock }),
        second: streamFromWeb<Uint8Array>({ readable: there.readable, writable: back.writable }, { clock }),
      };
    },
  });
});

describe("compliance of a memory pair as web streams and back", () => {
  suite({
    settle,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first: streamFromWeb(toWeb(first), { clock }), second: streamFromWeb(toWeb(second), { clock }) };
    },
  });
});
