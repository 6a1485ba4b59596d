/** The text of `trunkline top`: lines that no terminal is too narrow for, and in which no name can steer it. */
import { formatBytes, shortened } from "@trunkline/base";
import type { RoutedStream, RouterNumbers, StreamParty } from "@trunkline/router";
import { firstFitting, fitting, formatDuration, printable } from "../format.js";
import type { TerminalSize } from "../terminal.js";
import type { RatedStream, Rates, TopModel } from "./model.js";
import { type Screen, selectedIndex, shownStreams } from "./screen.js";

/** The surroundings of the table. */
export interface TopLook {
  readonly endpoint: string;
  readonly isColoured: boolean;
  /** The reason why nothing comes from the router now; undefined while it does. */
  readonly trouble: string | undefined;
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly isRight?: true;
  text(row: RatedStream, atMs: number): string;
}

/** The columns in the order in which they are shown. */
const columns = {
  id: { title: "ID", width: 8, text: ({ stream }) => printable(stream.id) },
  name: { title: "NAME", width: 18, text: ({ stream }) => printable(stream.name || "-") },
  dialler: { title: "DIALLER", width: 14, text: ({ stream }) => partyText(stream.dialler) },
  listener: { title: "LISTENER", width: 14, text: ({ stream }) => partyText(stream.listener) },
  from: { title: "DIALLER AT", width: 21, text: ({ stream }) => printable(stream.dialler.peer || "-") },
  at: { title: "LISTENER AT", width: 21, text: ({ stream }) => printable(stream.listener.peer || "-") },
  state: { title: "STATE", width: 11, text: ({ stream }) => printable(stream.state) },
  age: {
    title: "AGE",
    width: 10,
    isRight: true,
    text: ({ stream }, atMs) => formatDuration(Math.max(0, atMs - stream.sinceUnixMs)),
  },
  toDialler: { title: "TO DIALLER", width: 10, isRight: true, text: ({ toDialler }) => rateText(toDialler) },
  toListener: { title: "TO LISTENER", width: 11, isRight: true, text: ({ toListener }) => rateText(toListener) },
  bytes: {
    title: "BYTES",
    width: 8,
    isRight: true,
    text: ({ stream }) => formatBytes(stream.bytesToDialler + stream.bytesToListener),
  },
  waits: { title: "WAITS FOR", width: 34, text: ({ stream }) => waitText(stream) },
} satisfies Readonly<Record<string, Column>>;

type ColumnName = keyof typeof columns;

/** The columns in the order in which they get room. */
const priorities: readonly ColumnName[] = [
  "name",
  "state",
  "toDialler",
  "toListener",
  "id",
  "dialler",
  "listener",
  "age",
  "bytes",
  "waits",
  "from",
  "at",
];

/** The width of the mark of the selected row. */
const markWidth = 2;
const gap = 2;

/** Returns the lines of a whole screen, none wider and no more than the terminal has room for. */
export function topLines(
  model: TopModel,
  screen: Screen,
  look: TopLook,
  { columns: width, rows }: TerminalSize,
): string[] {
  const shown = shownStreams(model.streams, screen);
  const selected = selectedIndex(shown, screen);
  const room = pageRows(rows);
  const first = Math.max(0, Math.min(selected - room + 1, shown.length - room));
  const chosen = chosenColumns(width);
  const paint = painter(look.isColoured);
  const body = shown.slice(first, first + room).map((row, index) => {
    const isSelected = first + index === selected;
    const line = shortened(`${isSelected ? "> " : "  "}${rowText(row, chosen, model.atMs)}`, width);
    return isSelected ? paint("reverse", line) : paint(colourOf(row.stream), line);
  });
  const more = shown.length - body.length + model.leftOut;
  return [
    paint("bold", lineOf([printable(look.endpoint), ...summary(model)], width)),
    lineOf(traffic(model.numbers, model.rates), width),
    paint(
      look.trouble === undefined ? "plain" : "red",
      shortened(look.trouble ?? statusText(screen, shown.length, more), width),
    ),
    paint("dim", shortened(`  ${titles(chosen)}`, width)),
    ...body,
    shortened(footer(screen, shown[selected]?.stream, width), width),
  ].slice(0, Math.max(1, rows));
}

/** Returns the number of streams that a terminal of so many rows shows. */
export function pageRows(rows: number): number {
  return Math.max(1, rows - 5);
}

/** Returns the lines of one look, for a file or a pipe: all streams and all columns. */
export function plainLines(model: TopModel, screen: Screen, endpoint: string): string[] {
  const all = Object.keys(columns) as ColumnName[];
  const rows = shownStreams(model.streams, screen);
  const widths = new Map(
    all.map((name) => {
      const texts = rows.map((row) => columns[name].text(row, model.atMs).length);
      return [name, texts.reduce((widest, length) => Math.max(widest, length), columns[name].title.length)];
    }),
  );
  const line = (text: (name: ColumnName) => string): string =>
    all
      .map((name) => pad(text(name), widths.get(name) as number, "isRight" in columns[name]))
      .join("  ")
      .trimEnd();
  return [
    lineOf([printable(endpoint), ...summary(model)]),
    lineOf(traffic(model.numbers, undefined)),
    line((name) => columns[name].title),
    ...rows.map((row) => line((name) => columns[name].text(row, model.atMs))),
    ...(model.leftOut > 0 ? [`${model.leftOut} more`] : []),
  ];
}

/** Returns the columns that have room beside each other, in their order. */
function chosenColumns(width: number): ColumnName[] {
  let left = width - markWidth;
  const chosen = new Set<ColumnName>();
  for (const name of priorities) {
    const needs = columns[name].width + (chosen.size === 0 ? 0 : gap);
    if (needs > left && chosen.size > 0) break;
    chosen.add(name);
    left -= needs;
  }
  return (Object.keys(columns) as ColumnName[]).filter((name) => chosen.has(name));
}

function rowText(row: RatedStream, chosen: readonly ColumnName[], atMs: number): string {
  return chosen
    .map((name) => {
      const column: Column = columns[name];
      return pad(shortened(column.text(row, atMs), column.width), column.width, column.isRight === true);
    })
    .join(" ".repeat(gap));
}

function titles(chosen: readonly ColumnName[]): string {
  return chosen
    .map((name) => pad(columns[name].title, columns[name].width, "isRight" in columns[name]))
    .join(" ".repeat(gap));
}

function pad(text: string, width: number, isRight: boolean): string {
  return isRight ? text.padStart(width) : text.padEnd(width);
}

function partyText({ identity, peer }: StreamParty): string {
  return printable(identity || peer || "-");
}

function rateText(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? "-" : `${formatBytes(bytesPerSecond)}/s`;
}

/** Returns what both directions wait for: `sender-idle`, or with an arrow where they differ. */
function waitText({ waits }: RoutedStream): string {
  const texts = waits.map(({ direction, on }) => `${direction === "to-dialler" ? "<" : ">"} ${printable(on)}`);
  const causes = new Set(waits.map(({ on }) => on));
  return causes.size === 1 && waits.length === 2 ? printable(waits[0]?.on ?? "") : texts.join("  ");
}

/** Returns the parts of a line that have room, the first of them in any case. */
function lineOf(parts: readonly string[], width: number = Number.POSITIVE_INFINITY): string {
  const separated = parts.map((part, index) => (index === 0 ? part : `  ${part}`));
  return shortened(fitting(separated, width).join(""), width);
}

/** Returns the counts of the router, the weightiest first. */
function summary({ numbers, names }: TopModel): string[] {
  if (numbers === undefined) return ["waiting for the router"];
  const { liveStreams, waitingStreams, detachedSessions, connections, state } = numbers;
  return [
    state,
    `${liveStreams} streams`,
    `${waitingStreams} waiting`,
    `${detachedSessions} detached`,
    `${names.length} listeners`,
    `${connections} connections`,
  ];
}

function traffic(numbers: RouterNumbers | undefined, rates: Rates | undefined): string[] {
  if (numbers === undefined) return [""];
  const { residentBytes, eventLoopDelayMs, version, refused } = numbers;
  const speeds =
    rates === undefined
      ? []
      : [`to diallers ${formatBytes(rates.toDialler)}/s`, `to listeners ${formatBytes(rates.toListener)}/s`];
  return [
    ...speeds,
    `${refused} refused`,
    `memory ${formatBytes(residentBytes)}`,
    `loop ${formatDuration(eventLoopDelayMs)}`,
    `version ${printable(version)}`,
  ];
}

function statusText({ order, reversed, filter, message, prompt }: Screen, count: number, more: number): string {
  if (message !== "") return printable(message);
  const filtered = filter === "" && prompt?.kind !== "filter" ? "" : `, filter ${JSON.stringify(printable(filter))}`;
  const rest = more > 0 ? `, ${more} more below or left out` : "";
  return `${count} by ${order}${reversed ? " (reversed)" : ""}${filtered}${rest}`;
}

/** The keys, in fewer words for a terminal that is narrower. */
const keys = [
  "up, down: choose   s: sort   r: reverse   /: filter   x: end the stream   q: quit",
  "up, down: choose  s: sort  r: reverse  /: filter  x: end  q: quit",
  "s sort  r turn  / find  x end  q quit",
] as const;

function footer({ prompt, filter }: Screen, selected: RoutedStream | undefined, width: number): string {
  if (prompt?.kind === "filter") return `filter: ${printable(filter)}_   return: take   escape: back`;
  if (prompt?.kind === "kill")
    return `end the stream ${printable(prompt.id)} (${printable(selected?.name ?? "")}) for good? y/n`;
  return firstFitting(keys, width);
}

type Paint = "plain" | "bold" | "dim" | "reverse" | "red" | "green" | "yellow";

const codes: Readonly<Record<Exclude<Paint, "plain">, string>> = {
  bold: "1",
  dim: "2",
  reverse: "7",
  red: "31",
  green: "32",
  yellow: "33",
};

function painter(isColoured: boolean): (paint: Paint, text: string) => string {
  return (paint, text) => (!isColoured || paint === "plain" ? text : `\u001b[${codes[paint]}m${text}\u001b[0m`);
}

function colourOf({ state }: RoutedStream): Paint {
  if (state === "live") return "green";
  return state === "detached" || state === "waiting" ? "yellow" : "plain";
}
