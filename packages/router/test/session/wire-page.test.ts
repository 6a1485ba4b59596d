/** The page for those who port sessions: its bytes are what a session writes. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ReceiveWindow } from "../../src/session/receive-window.js";
import { Session } from "../../src/session/session.js";
import { decodeFrame, RouterFrameType } from "../../src/stream/frame.js";
import { encodeEnd } from "../../src/stream/payloads.js";
import { bytes } from "../support/router.js";

const page = readFileSync(new URL("../../docs/resume-wire.md", import.meta.url), "utf8");

function side(dialler: boolean): Session {
  const window = new ReceiveWindow({ maxBytes: 8_388_608, reserve: () => true });
  return new Session({ name: "s1", dialler, maxReplayBytes: 8_388_608, window });
}

test("the bytes of the example on the page are those of the sessions", () => {
  const sides = { dialler: side(true), listener: side(false) };
  const written: string[][] = [];
  const write = (from: "dialler" | "listener", attempt: number): (() => void) => {
    const messages: Uint8Array[] = [];
    const session = sides[from];
    for (let next = session.write(attempt); next !== undefined && next !== "end"; next = session.write(attempt)) {
      messages.push(new Uint8Array(next));
      written.push([from, String(attempt), Buffer.from(next).toString("hex")]);
    }
    const other = sides[from === "dialler" ? "listener" : "dialler"];
    return () => {
      for (const message of messages) expect(other.frame(attempt, decodeFrame(message))).toBeUndefined();
    };
  };
  const attach = (attempt: number): void => {
    for (const session of Object.values(sides)) {
      session.opened(session.begin());
      session.joined(attempt);
    }
    for (const deliver of [write("dialler", attempt), write("listener", attempt)]) deliver();
  };
  const end = (session: Session): void =>
    session.send({ frameType: RouterFrameType.GOAWAY, payload: encodeEnd(session.replay.sent.proof) });

  sides.dialler.send({ frameType: RouterFrameType.DATA, payload: bytes("hi") });
  attach(1);
  for (const session of Object.values(sides)) session.closed(1, { kind: "cut", cause: new Error("the router died") });
  end(sides.dialler);
  attach(2);
  sides.listener.read();
  end(sides.listener);
  for (const from of ["dialler", "listener", "dialler", "listener"] as const) write(from, 2)();
  expect(Object.values(sides).map(({ isComplete }) => isComplete)).toEqual([true, true]);

  const rows = [...page.matchAll(/^\| (dialler|listener) \| (\d) \| `([0-9a-f ]+)` \|/gm)];
  expect(rows.map(([, from, attempt, hex]) => [from, attempt, hex?.replaceAll(" ", "")])).toEqual(written);
});
