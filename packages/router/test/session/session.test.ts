/** Each rule of a session, against a side that breaks it. */
import { GrpcError, Status } from "@trunkline/grpc";
import { describe, expect, it } from "vitest";
import { encodeAck, encodeHello, encodeStart, type Hello } from "../../src/session/frames.js";
import { firstWindowBytes, ReceiveWindow } from "../../src/session/receive-window.js";
import { RecordCount, recordOverheadBytes } from "../../src/session/records.js";
import { Session } from "../../src/session/session.js";
import { decodeFrame, type Frame, RouterFrameType } from "../../src/stream/frame.js";
import { decodeAbort, encodeAbort, encodePing } from "../../src/stream/payloads.js";

const { DATA, GOAWAY, SETTINGS, CONTINUATION, WINDOW_UPDATE, RST_STREAM, PING, ALTSVC } = RouterFrameType;

function newSession(dialler = true, maxReplayBytes = 1_000): Session {
  const window = new ReceiveWindow({ maxBytes: 2 ** 23, reserve: () => true });
  return new Session({ name: "s", dialler, maxReplayBytes, window });
}

const data = (...bytes: number[]): Frame => ({ frameType: DATA, payload: new Uint8Array(bytes) });
const end: Frame = { frameType: GOAWAY, payload: new Uint8Array() };

function hello(of: Partial<Hello> = {}): Frame {
  const received = { received: 0, receivedCrc32: 0, replayBytes: 1_000, credit: firstWindowBytes };
  return {
    frameType: SETTINGS,
    payload: encodeHello({ session: "s", dialler: false, attempt: 1, ...received, ...of }),
  };
}

const start = (from: number): Frame => ({ frameType: CONTINUATION, payload: encodeStart(from) });
const ack = (records: number, credit = firstWindowBytes): Frame => {
  return { frameType: WINDOW_UPDATE, payload: encodeAck({ records, credit }) };
};

/** Returns the frames that the session writes now, and "end" for the end of its half. */
function written(session: Session, attempt: number): (Frame | "end")[] {
  const frames: (Frame | "end")[] = [];
  for (let next = session.write(attempt); next !== undefined; next = session.write(attempt))
    frames.push(next === "end" ? next : decodeFrame(new Uint8Array(next)));
  return frames;
}

const typesOf = (frames: (Frame | "end")[]): (number | "end")[] =>
  frames.map((frame) => (frame === "end" ? frame : frame.frameType));

/** Returns a session whose first attachment is live. */
function live(dialler = true): Session {
  const session = newSession(dialler);
  session.opened(session.begin());
  written(session, 1);
  expect(session.frame(1, hello({ dialler: !dialler }))).toBeUndefined();
  written(session, 1);
  return session;
}

/** Returns a session that has lost its first attachment, and has opened the second. */
function detached(prepare: (session: Session) => void = () => {}): Session {
  const session = live();
  prepare(session);
  session.closed(1, { kind: "cut", cause: new Error("the router is gone") });
  expect(session.wantsAttempt).toBe(true);
  session.opened(session.begin());
  return session;
}

function crcOf(...frames: Frame[]): number {
  const count = new RecordCount();
  for (const frame of frames) count.add(frame);
  return count.crc32;
}

describe("the first attachment", () => {
  it("says hello and sends its records, without a start, before the other side is there", () => {
    const session = newSession();
    session.send(data(1));
    session.opened(session.begin());
    expect(typesOf(written(session, 1))).toEqual([SETTINGS, DATA]);
    session.send(data(2));
    expect(typesOf(written(session, 1))).toEqual([DATA]);
  });

  it("of the other side needs no start either, whatever this side's attempt", () => {
    const session = newSession();
    session.begin();
    session.closed(1, { kind: "cut", cause: new Error("the router is not there") });
    session.opened(session.begin());
    session.joined(2);
    for (const frame of [hello({ attempt: 1 }), data(1)]) expect(session.frame(2, frame)).toBeUndefined();
    expect(session.read()).toEqual(data(1));
  });

  it("sends no more than the first window before it has heard the other side", () => {
    const session = newSession(true, 2 ** 23);
    session.opened(session.begin());
    for (let sent = 0; sent < 4; sent++) session.send({ frameType: DATA, payload: new Uint8Array(65_536) });
    expect(typesOf(written(session, 1))).toEqual([SETTINGS, DATA, DATA]);
    session.frame(1, hello({ credit: 2 ** 20 }));
    expect(typesOf(written(session, 1))).toEqual([DATA, DATA]);
  });
});

describe("a later attachment", () => {
  it("says nothing before the router has joined both sides, and no start before the other side's hello", () => {
    const session = detached((before) => {
      before.send(data(1));
      written(before, 1);
    });
    expect(written(session, 2)).toEqual([]);
    session.joined(2);
    expect(typesOf(written(session, 2))).toEqual([SETTINGS]);
    session.frame(2, hello({ attempt: 2 }));
    expect(typesOf(written(session, 2))).toEqual([CONTINUATION, DATA]);
  });

  it("begins with the record that the other side lacks", () => {
    const session = detached((before) => {
      for (const frame of [data(1), data(2), data(3)]) before.send(frame);
      written(before, 1);
    });
    session.joined(2);
    written(session, 2);
    session.frame(2, hello({ attempt: 2, received: 2, receivedCrc32: crcOf(data(1), data(2)) }));
    const [first, record] = written(session, 2) as [Frame, Frame];
    expect(first).toEqual(start(2));
    expect(record).toEqual(data(3));
  });

  it("stays on the old attachment while the router has nobody to join it with", () => {
    const session = live();
    session.frame(1, { frameType: ALTSVC, payload: new Uint8Array() });
    expect(session.wantsAttempt).toBe(true);
    session.opened(session.begin());
    session.send(data(1));
    expect(typesOf(written(session, 1))).toEqual([DATA]);
    expect(written(session, 2)).toEqual([]);
    session.closed(2, { kind: "cut", cause: new Error("nobody came") });
    expect(session.isAttached).toBe(true);
    expect(session.wantsAttempt).toBe(true);
  });

  it("leaves the old attachment once the other side has said hello on the new one", () => {
    const session = live();
    session.frame(1, { frameType: ALTSVC, payload: new Uint8Array() });
    session.opened(session.begin());
    session.joined(2);
    expect(session.has(1)).toBe(true);
    session.frame(1, data(1));
    expect(session.received.records).toBe(0);
    session.frame(2, hello({ attempt: 2 }));
    expect(session.has(1)).toBe(false);
    expect(session.liveAttempt).toBe(2);
    expect(session.wantsAttempt).toBe(false);
  });
});

describe("a hello", () => {
  const breaking: [what: string, frame: Frame, message: RegExp][] = [
    ["of another session", hello({ attempt: 2, session: "other" }), /is of the session "other"/],
    ["that is an echo", hello({ attempt: 2, dialler: true }), /an echo/],
    ["of an attempt that was shown before", hello({ attempt: 1 }), /of its attempt 1, after one of its attempt 1/],
    ["that cannot be read", { frameType: SETTINGS, payload: new Uint8Array([0xff]) }, /a hello that cannot be read/],
    ["whose credit no session reaches", hello({ attempt: 2, credit: 2 ** 53 }), /credit 9007199254740992, more than/],
  ];
  for (const [what, frame, message] of breaking) {
    it(`${what} breaks the attachment and not the session`, () => {
      const session = detached();
      session.joined(2);
      written(session, 2);
      expect(session.frame(2, frame)?.message).toMatch(message);
      expect(session.outcome).toBeUndefined();
      expect(session.wantsAttempt).toBe(true);
    });
  }

  const ending: [what: string, frame: Frame, message: RegExp][] = [
    ["has received more than was sent", hello({ attempt: 2, received: 3 }), /it has 3 records, and 2 were sent/],
    ["lacks what it had acknowledged", hello({ attempt: 2, received: 0 }), /it has 0 records, after it had 1/],
    ["has other records", hello({ attempt: 2, received: 2, receivedCrc32: 7 }), /its first 2 records have another/],
  ];
  for (const [what, frame, message] of ending) {
    it(`of a side that ${what} ends the session`, () => {
      const session = detached((before) => {
        before.send(data(1));
        before.send(data(2));
        written(before, 1);
        before.frame(1, ack(1));
      });
      session.joined(2);
      written(session, 2);
      session.frame(2, frame);
      expect(session.outcome?.error).toMatchObject({
        status: Status.DATA_LOSS,
        message: expect.stringMatching(message),
      });
      expect(typesOf(written(session, 2))).toEqual([RST_STREAM, "end"]);
    });
  }

  it("that comes twice breaks the attachment", () => {
    const session = live();
    expect(session.frame(1, hello({ attempt: 2 }))?.message).toMatch(/type 4 came in the phase "live"/);
  });
});

describe("records", () => {
  it("that are here already are skipped, and the next one is taken", () => {
    const session = live();
    for (const frame of [data(1), data(2)]) session.frame(1, frame);
    session.closed(1, { kind: "cut", cause: new Error("gone") });
    session.opened(session.begin());
    session.joined(2);
    for (const frame of [hello({ attempt: 2 }), start(1), data(2), data(3)]) session.frame(2, frame);
    expect(session.received.records).toBe(3);
    expect([session.read(), session.read(), session.read(), session.read()]).toEqual([
      data(1),
      data(2),
      data(3),
      undefined,
    ]);
  });

  const breaking: [what: string, frames: Frame[], message: RegExp][] = [
    ["behind a start on the first attempt", [start(0)], /a second start/],
    ["behind the end", [end, data(1)], /a record after its end/],
    ["that acknowledge what was never sent", [ack(1)], /acknowledged 1 records, and 0 were sent/],
  ];
  for (const [what, frames, message] of breaking) {
    it(`${what} break the attachment`, () => {
      const session = live();
      const problems = frames.map((frame) => session.frame(1, frame)?.message);
      expect(problems.at(-1)).toMatch(message);
      expect(session.outcome).toBeUndefined();
    });
  }

  const breakingLater: [what: string, frames: Frame[], message: RegExp][] = [
    ["before the start", [data(1)], /a record before its start/],
    ["behind a gap", [start(1), data(1)], /sent the record 1, and the record 0 is missing/],
    ["behind a second start", [start(0), start(0)], /a second start/],
  ];
  for (const [what, frames, message] of breakingLater) {
    it(`${what} break a later attachment`, () => {
      const session = detached();
      session.joined(2);
      session.frame(2, hello({ attempt: 2 }));
      const problems = frames.map((frame) => session.frame(2, frame)?.message);
      expect(problems.at(-1)).toMatch(message);
      expect(session.outcome).toBeUndefined();
    });
  }

  it("beyond the credit break the attachment, also empty ones", () => {
    const session = live();
    const most = firstWindowBytes / recordOverheadBytes;
    for (let count = 0; count < most; count++) expect(session.frame(1, data())).toBeUndefined();
    expect(session.frame(1, data())?.message).toMatch(/beyond the credit of 131072 bytes/);
  });

  it("wait where the replay buffer is full, and one of any size fits into an empty one", () => {
    const session = live();
    session.send({ frameType: DATA, payload: new Uint8Array(5_000) });
    expect(session.hasRoom).toBe(false);
    session.frame(1, ack(1));
    expect(session.hasRoom).toBe(true);
  });
});

describe("the end", () => {
  it("is complete only once each side has the other one's end", () => {
    const session = live();
    session.send(end);
    written(session, 1);
    session.frame(1, end);
    expect(session.isComplete).toBe(false);
    expect(typesOf(written(session, 1))).toEqual([WINDOW_UPDATE]);
    session.frame(1, ack(1));
    expect(session.isComplete).toBe(true);
    expect(written(session, 1)).toEqual(["end"]);
    session.closed(1, { kind: "ok" });
    expect(session.isOver).toBe(true);
    expect(session.outcome).toEqual({ error: undefined });
  });

  it("comes back for the other side where the call breaks before its status", () => {
    const session = live();
    session.send(end);
    written(session, 1);
    for (const frame of [end, ack(1)]) session.frame(1, frame);
    written(session, 1);
    session.closed(1, { kind: "cut", cause: new Error("gone") });
    expect(session.wantsAttempt).toBe(true);
    session.closed(session.begin(), { kind: "unknown", status: 0, message: "" });
    expect(session.isOver).toBe(true);
    expect(session.outcome).toEqual({ error: undefined });
  });

  it("of a call with OK too early is a cut", () => {
    const session = live();
    session.closed(1, { kind: "ok" });
    expect(session.outcome).toBeUndefined();
    expect(session.wantsAttempt).toBe(true);
    expect(session.lastCause?.message).toMatch(/ended too early/);
  });

  it("by an abort reaches the other side, and drops what waits", () => {
    const session = live();
    session.send(data(1));
    session.abort(new GrpcError(Status.CANCELLED, "enough"));
    const [abort, half] = written(session, 1);
    expect(decodeAbort((abort as Frame).payload).message).toMatch(/enough/);
    expect(half).toBe("end");
    expect(session.endAcknowledged).toBe(false);
    session.closed(1, { kind: "ok" });
    expect(session.isOver).toBe(true);
  });

  it("by an abort goes through the exchange where there is no attachment", () => {
    const session = live();
    session.closed(1, { kind: "cut", cause: new Error("gone") });
    session.abort(new GrpcError(Status.CANCELLED, "enough"));
    expect(session.mustLeave).toBe(true);
    expect(session.wantsAttempt).toBe(false);
  });

  it("by the other side's abort counts on any attachment", () => {
    const session = live();
    session.send(end);
    session.frame(1, { frameType: ALTSVC, payload: new Uint8Array() });
    session.opened(session.begin());
    session.joined(2);
    expect(session.phaseOf(1)).toBe("old");
    session.frame(1, { frameType: RST_STREAM, payload: encodeAbort(new GrpcError(Status.CANCELLED, "enough")) });
    expect(session.outcome?.error?.message).toMatch(/enough/);
    expect(session.endAcknowledged).toBe(false);
  });

  it("is final where the exchange knows that the other side has left", () => {
    const session = live();
    session.closed(1, { kind: "cut", cause: new Error("gone") });
    session.closed(session.begin(), { kind: "unknown", status: Status.CANCELLED, message: "it was closed" });
    expect(session.outcome?.error).toMatchObject({
      status: Status.CANCELLED,
      message: "the other side aborted the stream: it was closed",
    });
  });

  it("is final where another peer holds the ticket, and not where an own attempt has overtaken", () => {
    const session = live();
    const cause = new Error("superseded");
    session.closed(1, { kind: "superseded", byAttempt: 1, cause });
    expect(session.outcome).toBeUndefined();
    session.closed(session.begin(), { kind: "superseded", byAttempt: 9, cause });
    expect(session.outcome?.error).toMatchObject({ status: Status.ABORTED });
  });
});

describe("a PING", () => {
  it("is answered at once, the newest one where they come faster than the answers go", () => {
    const session = live();
    for (const id of [1n, 2n]) session.frame(1, { frameType: PING, payload: encodePing({ id, answer: false }) });
    expect(written(session, 1)).toEqual([{ frameType: PING, payload: encodePing({ id: 2n, answer: true }) }]);
  });

  it("that is an answer is not answered", () => {
    const session = live();
    session.frame(1, { frameType: PING, payload: encodePing({ id: 5n, answer: true }) });
    expect(written(session, 1)).toEqual([]);
  });
});

describe("the memory of records", () => {
  const large = (fill: number): Frame => ({ frameType: DATA, payload: new Uint8Array(65_536).fill(fill) });
  /** Sends a record that nothing has acknowledged yet, and returns the memory that it is written in. */
  const sent = (session: Session, attempt: number, fill: number): ArrayBufferLike => {
    session.send(large(fill));
    const message = session.write(attempt) as Uint8Array;
    expect(decodeFrame(new Uint8Array(message)).payload).toEqual(large(fill).payload);
    return message.buffer;
  };

  it("is used again once the other side has acknowledged them", () => {
    const session = live();
    written(session, 1);
    const [first, second] = [sent(session, 1, 1), sent(session, 1, 2)];
    session.frame(1, ack(1, 2 ** 20));
    expect(sent(session, 1, 3)).toBe(first);
    expect(second === first).toBe(false);
  });

  it("is not used again where an older attachment may still write it", () => {
    const session = live();
    written(session, 1);
    const [first, second] = [sent(session, 1, 1), sent(session, 1, 2)];
    session.closed(1, { kind: "cut", cause: new Error("gone") });
    session.opened(session.begin());
    session.joined(2);
    written(session, 2);
    session.frame(2, hello({ attempt: 2, credit: 2 ** 20 }));
    written(session, 2);
    session.frame(2, ack(1, 2 ** 20));
    const third = sent(session, 2, 3);
    session.frame(2, ack(2, 2 ** 20));
    expect([first, second].includes(third)).toBe(false);
    const fourth = sent(session, 2, 4);
    session.frame(2, ack(3, 2 ** 20));
    expect([first, second, third].includes(fourth)).toBe(false);
    expect(sent(session, 2, 5)).toBe(third);
  });
});

describe("the window", () => {
  it("doubles while the reader keeps up, and stops at its limit or where the process has no more memory", () => {
    let left = firstWindowBytes;
    const window = new ReceiveWindow({
      maxBytes: 2 ** 23,
      reserve: (bytes) => {
        if (bytes > left) return false;
        left -= bytes;
        return true;
      },
    });
    for (let count = 0; count < 100; count++) {
      window.onReceived(65_536);
      window.onRead(65_536);
    }
    expect(window.bytes).toBe(2 * firstWindowBytes);
    expect(window.credit).toBe(100 * 65_536 + 2 * firstWindowBytes);
    expect(left).toBe(0);
  });
});
