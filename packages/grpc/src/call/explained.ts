/** The parts of an explanation that both sides of a call have. */
import type { Http2Stream, SendBlock } from "@trunkline/h2";
import type { CallStep } from "../contract/explanation.js";
import type { Outbox } from "./outbox.js";

/** The step of a call, the sentence that its path begins, and the time from which it waits so. */
export type Explained = readonly [step: CallStep, what: string, sinceMs?: number | undefined];

/** Returns why what a call has sent cannot go on; undefined while it can. @param peer the other side, as a word */
export function explainedBlock(
  { sendBlock, bufferedBytes }: Pick<Http2Stream, "sendBlock" | "bufferedBytes">,
  { waitingSinceMs }: Pick<Outbox, "waitingSinceMs">,
  peer: string,
): Explained | undefined {
  if (sendBlock === undefined) return undefined;
  const waiting = waitingSinceMs === undefined ? "" : ", and so does a send()";
  return [...blocks[sendBlock](`${bufferedBytes} bytes`, waiting, peer), waitingSinceMs] as const;
}

const blocks: Readonly<Record<SendBlock, (bytes: string, sends: string, peer: string) => [CallStep, string]>> = {
  "stream-window": (bytes, sends, peer) => [
    "call-window",
    `cannot send: ${bytes} wait${sends}, since ${peer} does not read this call`,
  ],
  "connection-window": (bytes, sends, peer) => [
    "connection-window",
    `cannot send: ${bytes} wait${sends}, since ${peer} reads too little of its connection`,
  ],
  transport: (bytes, sends) => [
    "transport",
    `cannot send yet: ${bytes} wait${sends}, since the transport takes no more`,
  ],
};
