/**
 * The parts that the programs of the peers in JavaScript share. `PROGRAM server` prints its port;
 * `PROGRAM client TARGET` reads a CallSpec a line in proto3 JSON and answers each with an Outcome a line. The programs
 * in other languages are the same.
 */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { CallSpecSchema, OutcomeSchema, ReplySchema } from "../gen/peer_pb.js";

/** @param {number} length */
export function pattern(length) {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 31 + (index >> 8) * 17;
  return bytes;
}

const sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
};

/** A request as it is sent. */
export function filled(request) {
  return request.payloadBytes === 0 ? request : { ...request, payload: pattern(request.payloadBytes) };
}

/** The reply to some requests. */
export function replyTo(requests, { count, metadata, timeoutMs }) {
  const payloads = requests.map(({ payload }) => payload);
  const replyBytes = requests[0]?.replyBytes ?? 0;
  return create(ReplySchema, {
    text: requests.map(({ text }) => text).join(""),
    count,
    metadata,
    timeoutMs: timeoutMs === undefined ? -1 : Math.round(timeoutMs),
    payload: pattern(replyBytes),
    requestBytes: payloads.reduce((sum, { length }) => sum + length, 0),
    requestSha256: sha256(payloads),
  });
}

/** A reply as it is reported. */
export function digested(reply) {
  return {
    ...reply,
    payload: new Uint8Array(),
    replyBytes: reply.payload.length,
    replySha256: sha256([reply.payload]),
  };
}

export const isReported = (key) => key.startsWith("x-");

/** The number of handlers that have been cancelled, by the name under which they waited. */
const cancelled = new Map();
export const countCancelled = (name) => cancelled.set(name, (cancelled.get(name) ?? 0) + 1);
export const cancelledUnder = (name) => cancelled.get(name) ?? 0;

/**
 * @param {{ serve(): Promise<number>, client(target: string): (spec: object) => Promise<object> }} peer
 */
export async function runProgram({ serve, client }) {
  const [role, target] = process.argv.slice(2);
  if (role === "server") {
    console.log(await serve());
    return;
  }
  const call = client(target);
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = await call(fromJsonString(CallSpecSchema, line)).catch((error) => ({
      failure: String(error.stack ?? error),
    }));
    console.log(toJsonString(OutcomeSchema, create(OutcomeSchema, outcome)));
  }
  process.exit();
}
