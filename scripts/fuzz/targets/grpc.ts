/**
 * Fuzzes everything that gRPC reads from a peer: messages cut anywhere, header fields, timeouts, metadata, status
 * messages, compressed messages. Each against a naive reading of its rules, and nothing but the classes that its users
 * know may be thrown.
 *
 * An input is an octet that chooses one of these, and its bytes.
 */
import { Buffer } from "node:buffer";
import { Metadata, MetadataError } from "@trunkline/metadata";
import { Inbox } from "../../../packages/grpc/src/call/inbox.js";
import { MessageBudget } from "../../../packages/grpc/src/call/message-budget.js";
import { Compressions, decompressed } from "../../../packages/grpc/src/wire/compression.js";
import { GrpcError } from "../../../packages/grpc/src/wire/errors.js";
import {
  isGrpcContentType,
  metadataOf,
  readRequest,
  readResponse,
  responseHead,
} from "../../../packages/grpc/src/wire/headers.js";
import { decodeStatusMessage, encodeStatusMessage } from "../../../packages/grpc/src/wire/status-message.js";
import { decodeTimeout, encodeTimeout } from "../../../packages/grpc/src/wire/timeout.js";
import { errorOfTrailers } from "../../../packages/grpc/src/wire/wire-status.js";
import type { Random } from "../../../packages/h2/test/support/random.js";
import { kindOf, must, mustEqual, Steering, type Target } from "../target.js";

type Part = (input: Steering) => Iterable<string>;

const maxMessageBytes = 2_000;

const parts: readonly Part[] = [messages, fields, timeout, metadata, statusMessage, compressed];

export const grpcTarget: Target = {
  name: "grpc",
  generate(random) {
    const part = random.below(parts.length);
    return Uint8Array.from([part, ...(generators[part]?.(random) ?? [])]);
  },
  *run(input) {
    const steering = new Steering(input);
    const part = steering.octet() % parts.length;
    for (const feature of parts[part]?.(steering) ?? []) yield `${part} ${feature}`;
  },
};

/** Two octets that cut, whether a second message is an error, then the bytes of the DATA frames. */
function* messages(input: Steering): Generator<string> {
  const [cuts, single] = [1 + input.octet() + 64 * (input.octet() % 4), input.octet() % 2 === 1];
  const bytes = input.rest();
  let acknowledged = 0;
  const owner = {
    decode: (message: Uint8Array) => message.slice(),
    incomingName: "fuzzed",
    singleMessage: single,
    maxIncomingBytes: maxMessageBytes,
    messageBudget: new MessageBudget(),
    acknowledge(count: number) {
      must(count > 0, `${count} bytes acknowledged`);
      acknowledged += count;
    },
    extendWindow(count: number) {
      must(count > 0, `the window is extended by ${count} bytes`);
    },
    keepsViews: true,
    onInputEnd() {},
    lane: {},
    hasRoom: true,
    mustWait: () => undefined,
    onBadInput(error: GrpcError) {
      must(error instanceof GrpcError, String(error));
    },
  };
  const inbox = new Inbox<Uint8Array>(owner);
  const got: Uint8Array[] = [];
  let failure: unknown;
  let over = false;
  const take = (): void => {
    if (over) return;
    over = true; // A message that cannot be had ends the call.
    for (let message = inbox.shift(); message !== undefined; message = inbox.shift()) got.push(message);
    over = false;
  };
  let pushed = 0;
  try {
    for (let offset = 0, turn = 0; offset < bytes.length; offset += cuts, turn++) {
      const piece = bytes.subarray(offset, offset + cuts);
      pushed += piece.length;
      inbox.push(piece.slice());
      if (turn % 3 === cuts % 3) take();
    }
    take();
    inbox.checkComplete();
  } catch (error) {
    must(error instanceof GrpcError, `not a GrpcError: ${String(error)}`);
    failure = error;
    try {
      take();
    } catch (second) {
      must(second instanceof GrpcError, `not a GrpcError: ${String(second)}`);
    }
  }
  const expected = naiveMessages(bytes, single);
  for (const [index, message] of got.entries())
    mustEqual([...message], [...(expected.messages[index] ?? [])], `message ${index}`);
  if (!expected.flags) mustEqual(got.length, expected.messages.length, "messages");
  must((failure !== undefined) === expected.fails, `fails with ${String(failure)}`);
  inbox.close(new GrpcError(1, "over"));
  must(acknowledged <= pushed, `${acknowledged} of ${pushed} bytes acknowledged`);
  if (failure === undefined) must(acknowledged === pushed, `${acknowledged} of ${pushed} bytes acknowledged`);
  yield `${Math.min(5, got.length)} ${failure === undefined ? "" : kindOf(failure)} ${Math.min(3, cuts >>> 3)}`;
}

function naiveMessages(bytes: Uint8Array, single: boolean): { messages: Uint8Array[]; fails: boolean; flags: boolean } {
  const messages: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0, count = 1; offset < bytes.length; count++) {
    if (bytes.length - offset < 5) return { messages, fails: true, flags: false };
    const length = view.getUint32(offset + 1);
    if (length > maxMessageBytes || (single && count > 1)) return { messages, fails: true, flags: false };
    if (bytes.length - offset - 5 < length) return { messages, fails: true, flags: false };
    // An encoding was never named: compressed messages and unknown flags are errors, found when the message is taken.
    if (bytes[offset] !== 0) return { messages, fails: true, flags: true };
    messages.push(bytes.slice(offset + 5, offset + 5 + length));
    offset += 5 + length;
  }
  return { messages, fails: false, flags: false };
}

const fieldNames = [
  "grpc-status",
  "grpc-message",
  "grpc-timeout",
  "grpc-encoding",
  "content-type",
  ":status",
  "x",
  "x-bin",
  "user-agent",
] as const;

function fieldList(input: Steering): { name: string; value: string }[] {
  const list: { name: string; value: string }[] = [];
  while (input.left > 0 && list.length < 40) {
    const name = fieldNames[input.octet() % fieldNames.length] as string;
    list.push({ name, value: Buffer.from(input.take(input.octet() % 64)).toString("latin1") });
  }
  return list;
}

function* fields(input: Steering): Generator<string> {
  const list = fieldList(input);
  const { timeoutMs } = readRequest(list);
  must(timeoutMs === undefined || Number.isNaN(timeoutMs) || timeoutMs >= 0, `a timeout of ${timeoutMs} ms`);
  const { contentType } = readResponse(list);
  isGrpcContentType(contentType);
  must(responseHead(contentType).length === 2, "an answer has a status and a type");
  const error = errorOfTrailers(list, () => metadataOf(list));
  const statuses = list.filter(({ name }) => name === "grpc-status").map(({ value }) => value);
  must(error !== undefined || statuses.at(-1) === "0", "nothing but grpc-status 0 is OK");
  must(
    error === undefined || (error instanceof GrpcError && error.status > 0 && error.status < 17),
    `status ${error?.code}`,
  );
  must(
    [...metadataOf(list).keys()].every((key) => !key.startsWith("grpc-") && !key.startsWith(":")),
    "reserved fields are not shown",
  );
  yield `${error?.code} ${Math.sign(timeoutMs ?? -1)} ${isGrpcContentType(contentType)}`;
}

function* timeout(input: Steering): Generator<string> {
  const text = Buffer.from(input.rest()).toString("latin1");
  const ms = decodeTimeout(text);
  const digits = text.slice(0, -1);
  const unit = { n: 1e-6, u: 1e-3, m: 1, S: 1e3, M: 6e4, H: 36e5 }[text.slice(-1)];
  const right =
    unit !== undefined &&
    digits.length > 0 &&
    digits.length <= 8 &&
    [...digits].every((digit) => "0123456789".includes(digit));
  must((ms !== undefined) === right, `${JSON.stringify(text)} is ${ms} ms`);
  if (ms === undefined || unit === undefined) return yield "wrong";
  must(Math.abs(ms - Number(digits) * unit) < 1e-6 * Math.max(1, ms), `${text} is ${ms} ms`);
  const again = decodeTimeout(encodeTimeout(ms));
  must(
    again !== undefined && again >= ms * 0.999_999 && again <= Math.max(ms * 1.001 + 0.001, ms),
    `${ms} ms become ${again}`,
  );
  yield `${text.slice(-1)} ${digits.length}`;
}

function* metadata(input: Steering): Generator<string> {
  const list = fieldList(input);
  const held = Metadata.fromWire(list);
  let values = 0;
  let refused = 0;
  for (const { name } of list) {
    try {
      for (const value of held.getAll(name)) {
        must((typeof value === "string") !== name.endsWith("-bin"), `the type of ${name}`);
        values += 1;
      }
    } catch (error) {
      must(error instanceof MetadataError && error.code === "METADATA_VALUE", `not a MetadataError: ${String(error)}`);
      refused += 1;
    }
  }
  for (const { name, value } of held.toWire()) {
    if (!name.endsWith("-bin") || !/^[A-Za-z0-9+/]*$/.test(value) || value.length % 4 === 1) continue;
    const one = Metadata.fromWire([{ name, value }]).get(name) as Uint8Array;
    mustEqual([...one], [...Buffer.from(value, "base64")], `base64 ${value}`);
  }
  const text = (wire: readonly { name: string; value: string }[]) =>
    wire.filter(({ name }) => !name.endsWith("-bin")).map(({ value }) => value);
  mustEqual(text(held.toWire()), text(list), "text goes through as it is");
  yield `${Math.min(5, values)} ${Math.min(3, refused)}`;
}

function* statusMessage(input: Steering): Generator<string> {
  const wire = Buffer.from(input.rest()).toString("latin1");
  const decoded = decodeStatusMessage(wire);
  const encoded = encodeStatusMessage(decoded);
  must(
    /^[\x20-\x7e]*$/.test(encoded) && encoded.trim() === encoded,
    `not fit for a header: ${JSON.stringify(encoded)}`,
  );
  mustEqual(decodeStatusMessage(encoded), decoded, "encoded and decoded again");
  if (/^[\x20-\x7e]*$/.test(wire) && !/%(?![0-9a-fA-F]{2})/.test(wire)) {
    try {
      mustEqual(decoded, decodeURIComponent(wire), "percent-decoded");
      yield "UTF-8";
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      must(decoded.includes("\ufffd"), "octets that are no UTF-8 become U+FFFD");
      yield "replaced";
    }
  }
  yield `${decoded === wire} ${encoded === wire} ${decoded.includes("\ufffd")}`;
}

function* compressed(input: Steering): Generator<string> {
  const name = input.octet() % 2 === 0 ? "gzip" : "deflate";
  const compression = Compressions.builtIn.get(name);
  if (compression === undefined) throw new Error(`${name} is not built in`);
  try {
    const plain = decompressed("fuzzed", input.rest(), compression, maxMessageBytes);
    // Results below the size that goes to the background are there at once.
    if (plain instanceof Promise) throw new Error("a small message was decompressed in the background");
    must(plain.length <= maxMessageBytes, `${plain.length} bytes`);
    yield `${name} ${Math.min(11, Math.ceil(Math.log2(plain.length + 1)))}`;
  } catch (error) {
    must(error instanceof GrpcError, `not a GrpcError: ${String(error)}`);
    yield `${name} ${kindOf(error)}`;
  }
}

const text = (value: string): number[] => [...Buffer.from(value, "latin1")];

const generators: readonly ((random: Random) => number[])[] = [
  (random) => {
    const octets = [random.below(256), random.below(4), random.below(2)];
    for (let count = random.below(6); count >= 0; count--) {
      const length = random.chance(0.8) ? random.below(80) : random.below(2_200);
      const said = random.chance(0.95) ? length : random.below(70_000);
      octets.push(
        random.chance(0.95) ? 0 : random.below(256),
        0,
        (said >>> 16) & 0xff,
        (said >>> 8) & 0xff,
        said & 0xff,
        ...random.bytes(length),
      );
    }
    return octets;
  },
  (random) =>
    Array.from({ length: random.below(10) }, () => {
      const value = random.pick([
        "0",
        "14",
        "99",
        "-1",
        "00",
        "5m",
        "1S",
        "application/grpc",
        "application/grpc+proto; x",
        "gzip",
        "%41%",
        "",
        "AQID,BA==",
      ]);
      return [random.below(256), value.length, ...text(value)];
    }).flat(),
  (random) =>
    text(
      [
        random.chance(0.8) ? random.below(10 ** (1 + random.below(9))) : "",
        random.pick(["n", "u", "m", "S", "M", "H", "s", ""]),
      ].join(""),
    ),
  (random) =>
    Array.from({ length: random.below(10) }, () => {
      const value = random.chance(0.6)
        ? Buffer.from(random.bytes(random.below(30))).toString("base64")
        : random.pick(["a,b", ",,", "=", "A", "AA==,AA"]);
      return [random.pick([6, 7]), value.length, ...text(value)];
    }).flat(),
  (random) =>
    Array.from({ length: random.below(30) }, () =>
      random.pick([text("%C3%A9"), text("%"), text("%4"), [random.below(256)], text(" "), text("a")]),
    ).flat(),
  (random) => {
    const gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const zlib = [0x78, 0x9c, 3, 0, 0, 0, 0, 1];
    return random.chance(0.5) ? [0, ...gzip] : [1, ...zlib];
  },
];
