/** RFC 9113 §5.1: every state of a stream and every frame that a peer could send in it, at both ends. */
import { describe, expect, it } from "vitest";
import { StreamTable } from "../../src/connection/stream-table.js";
import { ErrorCode } from "../../src/index.js";
import { Stream, type StreamOwner } from "../../src/stream/stream.js";
import { Flag, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields, responseFields } from "../support/engine.js";

const trailers = [{ name: "x-end", value: "1" }];

const columns = [
  "DATA",
  "DATA+ES",
  "HEADERS",
  "HEADERS+ES",
  "PRIORITY",
  "RST_STREAM",
  "WINDOW_UPDATE",
  "CONTINUATION",
  "PUSH_PROMISE",
] as const;
type Column = (typeof columns)[number];

/**
 * Brings `engine` into the state and names the stream; `fields` are those of a HEADERS frame that would be well formed
 * there.
 */
type State = (engine: Engine) => { streamId: number; fields: readonly { name: string; value: string }[] };

const serverStates = {
  idle: () => ({ streamId: 1, fields: requestFields }),
  "idle, of our own numbers": () => ({ streamId: 2, fields: requestFields }),
  open: (engine) => ({ streamId: engine.openStream(), fields: trailers }),
  "half-closed (local)": (engine) => {
    const streamId = engine.openStream();
    engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
    return { streamId, fields: trailers };
  },
  "half-closed (remote)": (engine) => ({ streamId: engine.openStream({ endStream: true }), fields: trailers }),
  "closed by both ends": (engine) => {
    const streamId = engine.openStream({ endStream: true });
    engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
    engine.stream(streamId).release();
    return { streamId, fields: trailers };
  },
  "closed by both ends, not released": (engine) => {
    const streamId = engine.openStream({ endStream: true });
    engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
    return { streamId, fields: trailers };
  },
  "reset by us": (engine) => {
    const streamId = engine.openStream();
    engine.stream(streamId).reset(ErrorCode.CANCEL);
    return { streamId, fields: trailers };
  },
  "reset by the peer": (engine) => {
    const streamId = engine.openStream();
    engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    return { streamId, fields: trailers };
  },
  "closed by a higher number": (engine) => {
    engine.send(engine.peer.headers(3, requestFields));
    return { streamId: 1, fields: requestFields };
  },
} satisfies Record<string, State>;

const clientStates = {
  idle: () => ({ streamId: 1, fields: responseFields }),
  "idle, of the server's numbers": () => ({ streamId: 2, fields: responseFields }),
  "idle, opened and not sent": (engine) => ({
    streamId: engine.openBare(),
    fields: responseFields,
  }),
  "open, not answered": (engine) => ({ streamId: engine.openStream(), fields: responseFields }),
  "open, answered": (engine) => {
    const streamId = engine.openStream();
    engine.send(engine.peer.headers(streamId, responseFields));
    return { streamId, fields: trailers };
  },
  "half-closed (local), not answered": (engine) => ({
    streamId: engine.openStream({ endStream: true }),
    fields: responseFields,
  }),
  "half-closed (local), answered": (engine) => {
    const streamId = engine.openStream({ endStream: true });
    engine.send(engine.peer.headers(streamId, responseFields));
    return { streamId, fields: trailers };
  },
  "half-closed (remote)": (engine) => {
    const streamId = engine.openStream();
    engine.send(engine.peer.headers(streamId, responseFields, EndBoth));
    return { streamId, fields: trailers };
  },
  "closed by both ends": (engine) => {
    const streamId = engine.openStream({ endStream: true });
    engine.send(engine.peer.headers(streamId, responseFields, EndBoth));
    engine.stream(streamId).release();
    return { streamId, fields: trailers };
  },
  "reset by us": (engine) => {
    const streamId = engine.openStream();
    engine.stream(streamId).reset(ErrorCode.CANCEL);
    return { streamId, fields: responseFields };
  },
  "reset by the peer": (engine) => {
    const streamId = engine.openStream();
    engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    return { streamId, fields: responseFields };
  },
} satisfies Record<string, State>;

/** A verdict a column: "+" is taken, S a stream error, C a connection error; P PROTOCOL_ERROR, X STREAM_CLOSED. */
const serverTable: Record<keyof typeof serverStates, string> = {
  //                                    DATA DATA+ES HEADERS HEADERS+ES PRIORITY RST WU CONT PUSH
  idle: /*                             */ "CP CP + + + CP CP CP CP",
  "idle, of our own numbers": /*       */ "CP CP CP CP + CP CP CP CP",
  open: /*                             */ "+ + SP + + + + CP CP",
  "half-closed (local)": /*            */ "+ + SP + + + + CP CP",
  "half-closed (remote)": /*           */ "SX SX SX SX + + + CP CP",
  "closed by both ends": /*            */ "SX SX CX CX + + + CP CP",
  "closed by both ends, not released": "SX SX CX CX + + + CP CP",
  "reset by us": /*                    */ "+ + + + + + + CP CP",
  "reset by the peer": /*              */ "SX SX CX CX + + + CP CP",
  "closed by a higher number": /*      */ "SX SX CP CP + + + CP CP",
};
const clientTable: Record<keyof typeof clientStates, string> = {
  idle: /*                             */ "CP CP CP CP + CP CP CP CP",
  "idle, of the server's numbers": /*  */ "CP CP CP CP + CP CP CP CP",
  "idle, opened and not sent": /*      */ "CP CP CP CP + CP CP CP CP",
  "open, not answered": /*             */ "SP SP + + + + + CP CP",
  "open, answered": /*                 */ "+ + SP + + + + CP CP",
  "half-closed (local), not answered": "SP SP + + + + + CP CP",
  "half-closed (local), answered": /*  */ "+ + SP + + + + CP CP",
  "half-closed (remote)": /*           */ "SX SX SX SX + + + CP CP",
  "closed by both ends": /*            */ "SX SX CX CX + + + CP CP",
  "reset by us": /*                    */ "+ + + + + + + CP CP",
  "reset by the peer": /*              */ "SX SX CX CX + + + CP CP",
};

function frame(
  column: Column,
  engine: Engine,
  streamId: number,
  fields: readonly { name: string; value: string }[],
): Uint8Array {
  switch (column) {
    case "DATA":
      return engine.peer.data(streamId, [1, 2, 3]);
    case "DATA+ES":
      return engine.peer.data(streamId, [1, 2, 3], Flag.END_STREAM);
    case "HEADERS":
      return engine.peer.headers(streamId, fields);
    case "HEADERS+ES":
      return engine.peer.headers(streamId, fields, EndBoth);
    case "PRIORITY":
      return rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(0), 16] });
    case "RST_STREAM":
      return engine.peer.rstStream(streamId, ErrorCode.CANCEL);
    case "WINDOW_UPDATE":
      return engine.peer.windowUpdate(streamId, 10);
    case "CONTINUATION":
      return engine.peer.continuation(streamId, new Uint8Array(0), Flag.END_HEADERS);
    case "PUSH_PROMISE":
      return rawFrame({
        type: FrameType.PUSH_PROMISE,
        flags: Flag.END_HEADERS,
        streamId,
        payload: [...uint32(4), ...engine.peer.block(requestFields)],
      });
  }
}

function short(engine: Engine): string {
  const verdict = engine.verdict();
  if (verdict === "taken") return "+";
  const name = "connectionError" in verdict ? verdict.connectionError : verdict.streamError;
  const code = name === "PROTOCOL_ERROR" ? "P" : name === "STREAM_CLOSED" ? "X" : name;
  return `${"connectionError" in verdict ? "C" : "S"}${code}`;
}

describe.each([
  ["server", serverStates, serverTable],
  ["client", clientStates, clientTable],
] as const)("§5.1 at a %s", (role, states, table) => {
  for (const [name, state] of Object.entries(states) as [keyof typeof table, State][]) {
    const row = (table as Record<string, string>)[name]?.split(" ") ?? [];
    for (const [index, column] of columns.entries()) {
      it(`${name}: ${column} is ${row[index]}`, () => {
        const engine = Engine.ready(role);
        const { streamId, fields } = state(engine);
        engine.output();
        engine.send(frame(column, engine, streamId, fields));
        expect(short(engine)).toBe(row[index]);
        if (row[index]?.startsWith("S")) expect(engine.connection.closed).toBe(false);
      });
    }
  }
});

describe("§5.1, closed", () => {
  it("a frame on a stream that ended long ago ends at most that frame's own matter", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 2_000; turn++) {
      const streamId = engine.openStream({ endStream: true });
      engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
      engine.stream(streamId).release();
      engine.connection.takeOutput();
    }
    engine.send(engine.peer.windowUpdate(1, 100), engine.peer.rstStream(3, 8), engine.peer.data(5, [1]));
    expect(engine.verdict()).toEqual({ streamError: "STREAM_CLOSED", streamId: 5 });
  });
});

describe("§5.1.1", () => {
  it("a client opens odd, rising numbers", () => {
    const engine = Engine.ready("client");
    expect([1, 2, 3].map(() => engine.openStream())).toEqual([1, 3, 5]);
  });

  it("numbers are used once: after the last one there is none", () => {
    for (const [role, last] of [
      ["client", 2 ** 31 - 1],
      ["server", 2 ** 31 - 2],
    ] as const) {
      const table = new StreamTable(role);
      const owner = {} as StreamOwner;
      const none = { bytes: 0 };
      table.addLocal(new Stream(last - 2, owner, undefined, none, none, 0));
      expect(table.nextLocalId()).toBe(last);
      table.addLocal(new Stream(last, owner, undefined, none, none, 0));
      expect(table.nextLocalId()).toBeUndefined();
    }
  });

  it("streams may be opened with gaps", () => {
    const engine = Engine.ready("server");
    engine.send(engine.peer.headers(5, requestFields), engine.peer.headers(2 ** 31 - 1, requestFields));
    expect(engine.handler.of("headers").map(({ streamId }) => streamId)).toEqual([5, 2 ** 31 - 1]);
  });
});

describe("§5.1.2", () => {
  it("a stream past SETTINGS_MAX_CONCURRENT_STREAMS is refused", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1 } });
    engine.openStream();
    engine.output();
    const streamId = engine.openStream();
    expect(engine.verdict()).toEqual({ streamError: "REFUSED_STREAM", streamId });
  });
});
