/** The table of `trunkline up` on a terminal, as text. It knows nothing of the terminal but its size. */
import { shortened } from "@trunkline/base";
import type { Key, TerminalSize } from "../terminal.js";
import type { ForwardStatus } from "./managed-forward.js";

/** The content of the table. */
export interface ForwardTable {
  readonly profile: string;
  readonly endpoint: string;
  readonly forwards: readonly ForwardStatus[];
  /** The number of open connections. */
  readonly open: number;
  /** The forward that the keys act on, counted from 0. */
  readonly selected: number;
}

/** Returns the lines of the table, none wider and no more than the terminal has room for. */
export function tableLines(table: ForwardTable, { columns, rows }: TerminalSize): string[] {
  const { forwards, selected } = table;
  const width = forwards.reduce((widest, { forward }) => Math.max(widest, forward.length), 0);
  const room = Math.max(1, rows - 4);
  // The selected line is always seen.
  const first = Math.max(0, Math.min(selected - room + 1, forwards.length - room));
  const shown = forwards.slice(first, first + room).map((status, index) => {
    const mark = first + index === selected ? ">" : " ";
    const box = status.state === "off" ? "[ ]" : "[x]";
    return `${mark} ${box} ${status.state.padEnd(8)}  ${status.forward.padEnd(width)}  ${detailOf(status)}`.trimEnd();
  });
  const more = forwards.length - shown.length;
  return [
    `${table.profile} at ${table.endpoint}, ${table.open} connections open`,
    "",
    ...shown,
    more > 0 ? `  … ${more} more` : "",
    "up, down: choose   space: on, off   a: all on   n: none   q: end",
  ]
    .slice(-Math.max(1, rows))
    .map((line) => shortened(line, columns));
}

function detailOf({ address, error, forward }: ForwardStatus): string {
  if (error !== undefined) return error;
  return address === undefined || forward.includes(address) ? "" : address;
}

/** The action of a key. */
export type KeyAction = "up" | "down" | "toggle" | "all" | "none" | "end" | "interrupt";

const actions: Readonly<Record<string, KeyAction>> = {
  up: "up",
  k: "up",
  down: "down",
  j: "down",
  space: "toggle",
  return: "toggle",
  enter: "toggle",
  a: "all",
  n: "none",
  q: "end",
};

/** Returns what a key does; undefined for one that does nothing. */
export function keyAction({ name = "", ctrl = false }: Key): KeyAction | undefined {
  if (!ctrl) return Object.hasOwn(actions, name) ? actions[name] : undefined;
  return name === "c" ? "interrupt" : name === "d" ? "end" : undefined;
}
