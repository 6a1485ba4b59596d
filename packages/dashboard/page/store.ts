/**
 * The state of the router as the page knows it, as signals. A message changes the maps in place and raises `version`
 * once.
 */
import { computed, signal } from "@preact/signals";
import { perSecond } from "@trunkline/base";
import type { NameEntry, RouterLogEvent, RouterNumbers, RouterSetting, StreamEntry } from "../src/source.ts";
import type { Delta, Hello } from "./logic/messages.ts";

/** A stream with its rates, in bytes a second. */
export interface StreamRow extends StreamEntry {
  readonly rateToDialler: number;
  readonly rateToListener: number;
  readonly updatedMs: number;
}

/** An event with a number of its own. */
export interface EventRow extends RouterLogEvent {
  readonly key: string;
}

/** The state of the connection to the router. */
export type Connection =
  | { readonly kind: "connecting" | "live" }
  | { readonly kind: "lost"; readonly reason: string }
  | { readonly kind: "signed-out" };

/** The events that the page keeps. */
const maxEvents = 2_000;
/** The points that the plots keep: an hour. */
const maxPoints = 720;
/** The time without a change after which a stream is at rest: the router tells of all within it. */
const restMs = 2_500;
const restMsPerStream = 0.3;

export const connection = signal<Connection>({ kind: "connecting" });
/** True where nothing was heard for so long that what is shown may be wrong. */
export const isStale = signal(false);
export const lastHeardMs = signal(0);
/** The time since then, to the second. */
export const silentMs = signal(0);
export const rights = signal<"see" | "act">("see");
export const settings = signal<readonly RouterSetting[]>([]);
export const numbers = signal<RouterNumbers | undefined>(undefined);
export const streamsLeftOut = signal(0);
const version = signal(0);
const eventsVersion = signal(0);
const pointsVersion = signal(0);
/** The words for a screen reader about what has just been done. */
export const announcement = signal("");

const streams: Map<string, StreamRow> = new Map();
const names: Map<string, NameEntry> = new Map();
const events: EventRow[] = [];
const points: (readonly number[])[] = [];

/** Returns the streams; a component that asks is drawn anew when they change, as with the others below. */
export function currentStreams(): ReadonlyMap<string, StreamRow> {
  return seen(streams, version);
}

export function currentNames(): ReadonlyMap<string, NameEntry> {
  return seen(names, version);
}

/** Returns the last events, the oldest first. */
export function lastEvents(): readonly EventRow[] {
  return seen(events, eventsVersion);
}

/** Returns the points of the plots, the oldest first. */
export function lastPoints(): readonly (readonly number[])[] {
  return seen(points, pointsVersion);
}

/** Returns a number that changes with each message. */
export function messageCount(): number {
  return version.value;
}

/** The version must be used: a build leaves out a read of a property that nothing depends on. */
function seen<Value>(value: Value, changes: { readonly value: number }): Value {
  if (changes.value < 0) throw new Error("versions only grow");
  return value;
}

/** The rates of all streams together, from the last two messages with numbers. */
export const rates = signal({ toDialler: 0, toListener: 0, setups: 0 });

let clockOffsetMs = 0;
let eventCount = 0;
let numbersAtMs = 0;
const flowing = new Set<string>();

/** Returns the time on the clock of the router. */
export function nowUnixMs(): number {
  return Date.now() + clockOffsetMs;
}

export const canAct = computed(() => rights.value === "act");

/** Begins anew with what a router tells of itself. */
export function greet(hello: Hello): void {
  clockOffsetMs = hello.nowUnixMs - Date.now();
  rights.value = hello.rights;
  settings.value = hello.settings;
  streams.clear();
  names.clear();
  events.length = 0;
  points.length = 0;
  flowing.clear();
  numbers.value = undefined;
  connection.value = { kind: "live" };
}

/** Takes what has changed. */
export function apply(delta: Delta): void {
  const nowMs = performance.now();
  if (delta.numbers !== undefined) takeNumbers(delta.numbers, nowMs);
  if (delta.streamsLeftOut !== undefined) streamsLeftOut.value = delta.streamsLeftOut;
  for (const id of delta.streamsGone ?? []) {
    streams.delete(id);
    flowing.delete(id);
  }
  for (const entry of delta.streams ?? []) streams.set(entry.id, rowOf(entry, nowMs));
  for (const key of delta.namesGone ?? []) names.delete(key);
  for (const entry of delta.names ?? []) names.set(entry.key, entry);
  if (delta.events !== undefined) {
    for (const event of delta.events) {
      eventCount += 1;
      events.push({ ...event, key: String(eventCount) });
    }
    events.splice(0, events.length - maxEvents);
    eventsVersion.value += 1;
  }
  if (delta.points !== undefined) {
    points.push(...delta.points);
    points.splice(0, points.length - maxPoints);
    pointsVersion.value += 1;
  }
  version.value += 1;
}

function takeNumbers(now: RouterNumbers, nowMs: number): void {
  const before = numbers.peek();
  if (before !== undefined) {
    const elapsedMs = Math.max(nowMs - numbersAtMs, 100);
    const rate = (name: "bytesToDialler" | "bytesToListener" | "streamsOpened"): number =>
      perSecond(before[name], now[name], elapsedMs);
    rates.value = {
      toDialler: rate("bytesToDialler"),
      toListener: rate("bytesToListener"),
      setups: rate("streamsOpened"),
    };
  }
  numbers.value = now;
  numbersAtMs = nowMs;
  for (const id of flowing) {
    const row = streams.get(id);
    if (row !== undefined && nowMs - row.updatedMs < restMs + restMsPerStream * streams.size) continue;
    flowing.delete(id);
    if (row !== undefined) streams.set(id, { ...row, rateToDialler: 0, rateToListener: 0 });
  }
}

function rowOf(entry: StreamEntry, nowMs: number): StreamRow {
  const before = streams.get(entry.id);
  if (before === undefined) return { ...entry, rateToDialler: 0, rateToListener: 0, updatedMs: nowMs };
  const elapsedMs = Math.max(nowMs - before.updatedMs, 250);
  const rateToDialler = perSecond(before.bytesToDialler, entry.bytesToDialler, elapsedMs);
  const rateToListener = perSecond(before.bytesToListener, entry.bytesToListener, elapsedMs);
  if (rateToDialler + rateToListener > 0) flowing.add(entry.id);
  return { ...entry, rateToDialler, rateToListener, updatedMs: nowMs };
}
