/** The table of `trunkline up` on a terminal, as text. It knows nothing of the terminal but its size. */
import { shortened } from "@trunkline/base";
import { firstFitting, fitting } from "../format.js";
import type { Key, TerminalSize } from "../terminal.js";
import type { ForwardStatus } from "./managed-forward.js";

/** The content of the table. */
export interface ForwardTable {
  readonly profile: string;
  readonly endpoint: string;
  readonly forwards: readonly ForwardStatus[];
  /** The reason for which the file of profiles cannot be used now; absent while it can. */
  readonly trouble?: string | undefined;
  /** The number of open connections. */
  readonly open: number;
  /** The forward that the keys act on, counted from 0. */
  readonly selected: number;
}

/** The keys, in fewer words for a terminal that is narrow. */
const keys = [
  "up, down: choose   space: on, off   a: all on   n: none   q: end",
  "space on/off  a all  n none  q end",
] as const;

/** The characters of a row beside the forward and its detail, those of an address, and the fewest of a forward. */
const stateChars = 18;
const addressChars = 21;
const leastForwardChars = 12;

/** Returns the lines of the table, none wider and no more than the terminal has room for. */
export function tableLines(table: ForwardTable, { columns, rows }: TerminalSize): string[] {
  const { forwards, selected } = table;
  const widest = (lengths: readonly number[]): number => Math.max(0, ...lengths);
  // An address that the system has chosen is nowhere else to be read: it has its room before a long forward.
  const detailWidth = Math.min(addressChars, widest(forwards.map((status) => detailOf(status).length)));
  const forwardRoom = Math.max(leastForwardChars, columns - stateChars - detailWidth);
  const width = Math.min(forwardRoom, widest(forwards.map(({ forward }) => forward.length)));
  const room = Math.max(1, rows - 4);
  // The selected line is always seen.
  const first = Math.max(0, Math.min(selected - room + 1, forwards.length - room));
  const shown = forwards.slice(first, first + room).map((status, index) => {
    const mark = first + index === selected ? ">" : " ";
    const box = status.state === "off" ? "[ ]" : "[x]";
    const forward = shortened(status.forward, width).padEnd(width);
    return `${mark} ${box} ${status.state.padEnd(8)}  ${forward}  ${detailOf(status)}`.trimEnd();
  });
  const more = forwards.length - shown.length;
  return [
    fitting([`${table.profile} at ${table.endpoint}`, `, ${table.open} connections open`], columns).join(""),
    table.trouble ?? "",
    ...shown,
    more > 0 ? `  … ${more} more` : "",
    firstFitting(keys, columns),
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
