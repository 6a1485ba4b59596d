/**
 * Counts, before a protobuf message is built, how many unknown fields and nested messages it has. Each of them becomes
 * an object, and two bytes on the wire are enough for one: 4 MB of them stop the event loop for seconds.
 *
 * The scan goes through the bytes exactly as protobuf-es' decoder does: that one reads a known field by its declared
 * type, whatever wire type stands in its tag. Otherwise a field with the wrong wire type would hide others from the
 * scan. Malformed bytes end the scan without an error, since the decoder finds them too.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import type { DecodeLimits } from "./codec.js";

type WireForm = "varint" | "bits32" | "bits64" | "bytes";

/** One known field: how its value is skipped, and the fields inside of it. */
interface FieldPlan {
  readonly form: WireForm;
  /** True for a list whose elements may stand in one length-delimited value. */
  readonly packable: boolean;
  /** The message in the value; for a map, the message that its entry is. */
  readonly child: (() => MessagePlan) | undefined;
  /** True for a child between group tags instead of behind a length. */
  readonly group: boolean;
  /** The numbers of a closed enum: any other value is kept as an unknown field. */
  readonly closedValues: ReadonlySet<number> | undefined;
}

/** The known fields of a message, by number. */
export interface MessagePlan {
  readonly fields: ReadonlyMap<number, FieldPlan>;
  /** True for the entry of a map: the decoder drops unknown fields in it. */
  readonly isMapEntry: boolean;
}

const plans: WeakMap<DescMessage, MessagePlan> = new WeakMap();

/** Returns what the scan needs to know of a message type; made once. */
export function messagePlan(schema: DescMessage): MessagePlan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = { fields: new Map(schema.fields.map((field) => [field.number, fieldPlan(field)])), isMapEntry: false };
    plans.set(schema, plan);
  }
  return plan;
}

function fieldPlan(field: DescField): FieldPlan {
  const plain = { packable: false, child: undefined, group: false, closedValues: undefined };
  if (field.fieldKind === "map") {
    const key = { ...plain, form: scalarForm(field.mapKey) };
    const { message } = field;
    const value =
      message === undefined
        ? { ...plain, form: field.scalar === undefined ? ("varint" as const) : scalarForm(field.scalar) }
        : { ...plain, form: "bytes" as const, child: () => messagePlan(message) };
    const fields = new Map<number, FieldPlan>([
      [1, key],
      [2, value],
    ]);
    return { ...plain, form: "bytes", child: () => ({ fields, isMapEntry: true }) };
  }
  const { message } = field;
  if (message !== undefined) {
    const group = "delimitedEncoding" in field && field.delimitedEncoding === true;
    return { ...plain, form: "bytes", child: () => messagePlan(message), group };
  }
  const list = field.fieldKind === "list";
  if (field.enum !== undefined) {
    const closed = !list && !field.enum.open;
    const closedValues = closed ? new Set(field.enum.values.map(({ number }) => number)) : undefined;
    return { ...plain, form: "varint", packable: list, closedValues };
  }
  const form = field.scalar === undefined ? "varint" : scalarForm(field.scalar);
  return { ...plain, form, packable: list && form !== "bytes" };
}

/** Returns how a scalar is written, by its number in descriptor.proto. */
function scalarForm(scalar: number): WireForm {
  if (scalar === 9 || scalar === 12) return "bytes";
  if (scalar === 1 || scalar === 6 || scalar === 16) return "bits64";
  if (scalar === 2 || scalar === 7 || scalar === 15) return "bits32";
  return "varint";
}

const [varintWire, bits64Wire, bytesWire, startGroup, endGroup, bits32Wire] = [0, 1, 2, 3, 4, 5];
/** The depth at which protobuf-es stops, too. */
const maxDepth = 100;

/** Counts the parts of a message. @throws GrpcError RESOURCE_EXHAUSTED when there are more than `limits` allow */
export function checkFieldCounts(plan: MessagePlan, bytes: Uint8Array, limits: DecodeLimits): void {
  new FieldCounter(bytes, limits).message(plan, bytes.length, 0, 1);
}

class FieldCounter {
  readonly #bytes: Uint8Array;
  readonly #limits: DecodeLimits;
  #offset = 0;
  #unknown = 0;
  #nested = 0;

  constructor(bytes: Uint8Array, limits: DecodeLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** Goes through the fields up to `end`, or up to the end tag of `group` unless that is zero. */
  message(plan: MessagePlan, end: number, group: number, depth: number): void {
    const { fields, isMapEntry } = plan;
    while (this.#offset < end && this.#offset < this.#bytes.length) {
      const tag = this.#varint();
      const [number, wire] = [tag >>> 3, tag & 7];
      if (group !== 0 && wire === endGroup) return;
      const field = fields.get(number);
      if (field !== undefined) this.#known(field, number, wire, depth);
      else {
        if (!isMapEntry) this.#countUnknown();
        this.#skip(wire, depth);
      }
    }
  }

  #known(field: FieldPlan, number: number, wire: number, depth: number): void {
    if (field.child !== undefined) {
      this.#nested += 1;
      if (this.#nested > this.#limits.maxNestedMessages)
        throw tooMany("nested messages", "maxNestedMessages", this.#limits.maxNestedMessages);
      if (depth >= maxDepth) this.#offset = this.#bytes.length;
      else if (field.group) this.message(field.child(), this.#bytes.length, number, depth + 1);
      else {
        const length = this.#varint();
        this.message(field.child(), this.#offset + length, 0, depth + 1);
      }
    } else if (field.closedValues !== undefined) {
      if (!field.closedValues.has(this.#varint() | 0)) this.#countUnknown();
    } else if (field.packable && wire === bytesWire) {
      // Element by element: one that is cut by the end of the list goes on beyond it.
      const length = this.#varint();
      const end = Math.min(this.#offset + length, this.#bytes.length);
      while (this.#offset < end) this.#value(field.form);
    } else this.#value(field.form);
  }

  #countUnknown(): void {
    this.#unknown += 1;
    if (this.#unknown > this.#limits.maxUnknownFields)
      throw tooMany("unknown fields", "maxUnknownFields", this.#limits.maxUnknownFields);
  }

  #value(form: WireForm): void {
    if (form === "varint") this.#varint();
    else if (form === "bytes") this.#skipLength();
    else this.#offset += form === "bits32" ? 4 : 8;
  }

  #skip(wire: number, depth: number): void {
    if (wire === varintWire) this.#varint();
    else if (wire === bytesWire) this.#skipLength();
    else if (wire === bits32Wire) this.#offset += 4;
    else if (wire === bits64Wire) this.#offset += 8;
    else if (wire === startGroup && depth < maxDepth) {
      while (this.#offset < this.#bytes.length) {
        const inner = this.#varint() & 7;
        if (inner === endGroup) return;
        this.#skip(inner, depth + 1);
      }
    } else this.#offset = this.#bytes.length;
  }

  #skipLength(): void {
    const length = this.#varint();
    this.#offset += length;
  }

  /** Reads a varint as an unsigned number of 32 bits, as protobuf-es reads tags and lengths. */
  #varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let shift = 0;
    for (;;) {
      const octet = bytes[this.#offset++];
      // Past the end there is nothing: the scan ends there.
      if (octet === undefined) return 0;
      if (shift < 32) value |= (octet & 0x7f) << shift;
      if (octet < 0x80) return value >>> 0;
      shift += 7;
    }
  }
}

function tooMany(what: string, option: string, limit: number): GrpcError {
  return new GrpcError(Status.RESOURCE_EXHAUSTED, `message with more ${what} than ${option} (${limit}) allows`);
}
