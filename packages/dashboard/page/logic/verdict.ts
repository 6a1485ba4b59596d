/** Verdicts on streams: one sentence that says what a stream waits for, and what to do about it. */
import type { StreamEntry, StreamParty, StreamWait } from "../../src/source.ts";
import { formatBytes, formatDuration } from "./format.ts";

/** The verdict on one direction of a stream. */
export interface Verdict {
  /** False where the sender has nothing to say, which may be as it should. */
  readonly isStall: boolean;
  readonly sentence: string;
  readonly advice: string;
  readonly forMs: number;
}

/** The time from which on a wait is a stall: a healthy stream that is busy waits for less, again and again. */
const leastStallMs = 2_000;

/** Returns the verdicts on the directions of a stream that wait, the longest wait first. */
export function verdictsOn(stream: StreamEntry, nowUnixMs: number): Verdict[] {
  return stream.waits
    .map((wait) => verdictOn(stream, wait, nowUnixMs))
    .filter((verdict) => verdict !== undefined)
    .sort((left, right) => right.forMs - left.forMs);
}

function verdictOn(stream: StreamEntry, wait: StreamWait, nowUnixMs: number): Verdict | undefined {
  const forMs = Math.max(nowUnixMs - wait.sinceUnixMs, 0);
  const isToDialler = wait.direction === "to-dialler";
  const sender = partyText(isToDialler ? "listener" : "dialler", isToDialler ? stream.listener : stream.dialler);
  const receiver = partyText(isToDialler ? "dialler" : "listener", isToDialler ? stream.dialler : stream.listener);
  const known = causes[wait.on];
  if (known === undefined || forMs < leastStallMs) return undefined;
  const held = wait.bufferedBytes > 0 ? `; ${formatBytes(wait.bufferedBytes)} wait in the router` : "";
  return {
    isStall: wait.on !== "sender-idle",
    sentence: `${known.cause(sender, receiver)} for ${formatDuration(forMs)}${held}.`,
    advice: known.advice,
    forMs,
  };
}

/** Returns a peer as a sentence names it: `the dialler alice (10.0.0.7:4711)`. */
function partyText(role: string, { identity, peer }: StreamParty): string {
  return `the ${role}${identity === "" ? "" : ` ${identity}`}${peer === "" ? "" : ` (${peer})`}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

interface Cause {
  readonly cause: (sender: string, receiver: string) => string;
  readonly advice: string;
}

const causes: Readonly<Record<string, Cause>> = {
  "sender-idle": {
    cause: (sender, receiver) => `${capital(sender)} has sent nothing to ${receiver}`,
    advice: "Nothing is wrong in the router. If data is expected, look at the sender's program.",
  },
  "router-outgoing-window": {
    cause: (_sender, receiver) => `${capital(receiver)} has given no credit for more bytes`,
    advice: "Its program, or the target behind it, does not read. The stream goes on as soon as it does.",
  },
  "rate-limit": {
    cause: (sender) => `The policy's rate holds back ${sender}`,
    advice: "The stream is as fast as its rule allows. Raise the rate in the policy if it should be faster.",
  },
  "peer-detached": {
    cause: (_sender, receiver) => `${capital(receiver)} has lost its way to the router`,
    advice: "It can come back and go on until its time to resume is over. Look at its network.",
  },
  "not-attached": {
    cause: (_sender, receiver) => `${capital(receiver)} was offered the stream and has not come for it`,
    advice: "Its process may have stopped, or its token may have expired. Restart it if it does not come.",
  },
};
