/** The screen of `trunkline top` as its user has chosen it, and the keys that change it. It knows no terminal. */
import type { Key } from "../terminal.js";
import type { RatedStream } from "./model.js";

/** The orders of streams. */
export const topOrders = ["rate", "bytes", "age", "name", "dialler", "listener", "state"] as const;
export type TopOrder = (typeof topOrders)[number];

/** The choices of the user. */
export interface Screen {
  readonly order: TopOrder;
  readonly reversed: boolean;
  readonly filter: string;
  /** The id of the stream that keys act on; undefined for the first one. */
  readonly selected: string | undefined;
  /** The question or the text that keys go to. */
  readonly prompt:
    | { readonly kind: "filter"; readonly before: string }
    | { readonly kind: "kill"; readonly id: string }
    | undefined;
  /** A line about what was done. */
  readonly message: string;
}

/** The action that a key asks for beside another screen. */
export type TopEffect = { readonly kind: "end" } | { readonly kind: "kill"; readonly id: string } | undefined;

/** The longest filter. */
const maxFilterChars = 255;

export function newScreen(order: TopOrder, filter: string): Screen {
  return { order, reversed: false, filter, selected: undefined, prompt: undefined, message: "" };
}

/** Returns the streams that fit the filter, in the order of the screen. */
export function shownStreams(streams: readonly RatedStream[], { order, reversed, filter }: Screen): RatedStream[] {
  const wanted = filter.toLowerCase();
  const fits = ({ stream }: RatedStream): boolean => {
    const { id, name, state, dialler, listener } = stream;
    const texts = [id, name, state, dialler.identity, dialler.peer, listener.identity, listener.peer];
    return texts.some((text) => text.toLowerCase().includes(wanted));
  };
  const shown = filter === "" ? [...streams] : streams.filter(fits);
  const compare = comparisons[order];
  shown.sort((one, other) => compare(one, other) || byText(one.stream.id, other.stream.id));
  return reversed ? shown.reverse() : shown;
}

const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
const bytesOf = ({ stream }: RatedStream): number => stream.bytesToDialler + stream.bytesToListener;
const rateOf = ({ toDialler, toListener }: RatedStream): number => toDialler + toListener;

const comparisons: Readonly<Record<TopOrder, (one: RatedStream, other: RatedStream) => number>> = {
  rate: (one, other) => rateOf(other) - rateOf(one),
  bytes: (one, other) => bytesOf(other) - bytesOf(one),
  age: (one, other) => one.stream.sinceUnixMs - other.stream.sinceUnixMs,
  name: (one, other) => byText(one.stream.name, other.stream.name),
  dialler: (one, other) => byText(one.stream.dialler.identity, other.stream.dialler.identity),
  listener: (one, other) => byText(one.stream.listener.identity, other.stream.listener.identity),
  state: (one, other) => byText(one.stream.state, other.stream.state),
};

/** Returns the index of the selected stream, 0 where it is gone. */
export function selectedIndex(shown: readonly RatedStream[], { selected }: Screen): number {
  return Math.max(
    0,
    shown.findIndex(({ stream }) => stream.id === selected),
  );
}

/**
 * Returns the screen after a key, and what it asks for. `text` is the character of the key, `page` the number of rows
 * that are seen.
 */
export function pressed(
  screen: Screen,
  shown: readonly RatedStream[],
  text: string | undefined,
  key: Key,
  page: number,
): { readonly screen: Screen; readonly effect: TopEffect } {
  const { name = "", ctrl = false } = key;
  const to = (change: Partial<Screen>, effect?: TopEffect) => ({
    screen: { ...screen, message: "", ...change },
    effect,
  });
  if (ctrl && (name === "c" || name === "d")) return to({}, { kind: "end" });
  const { prompt } = screen;
  if (prompt?.kind === "kill") {
    const isYes = text === "y" || text === "Y";
    return to(
      { prompt: undefined, message: isYes ? "" : "nothing was ended" },
      isYes ? { kind: "kill", id: prompt.id } : undefined,
    );
  }
  if (prompt?.kind === "filter") return { screen: typed(screen, prompt.before, text, name, ctrl), effect: undefined };
  const index = selectedIndex(shown, screen);
  const select = (wanted: number) => {
    const at = Math.max(0, Math.min(shown.length - 1, wanted));
    return to({ selected: shown[at]?.stream.id });
  };
  if (text === "/") return to({ prompt: { kind: "filter", before: screen.filter } });
  if (ctrl) return to({});
  switch (name) {
    case "up":
    case "k":
      return select(index - 1);
    case "down":
    case "j":
      return select(index + 1);
    case "pageup":
      return select(index - page);
    case "pagedown":
      return select(index + page);
    case "home":
      return select(0);
    case "end":
      return select(shown.length - 1);
    case "s": {
      const next = topOrders[(topOrders.indexOf(screen.order) + 1) % topOrders.length] as TopOrder;
      return to({ order: next, reversed: false });
    }
    case "r":
      return to({ reversed: !screen.reversed });
    case "escape":
      return to({ filter: "" });
    case "x": {
      const id = shown[index]?.stream.id;
      return id === undefined
        ? to({ message: "there is no stream to end" })
        : to({ selected: id, prompt: { kind: "kill", id } });
    }
    case "q":
      return to({}, { kind: "end" });
    default:
      return to({});
  }
}

/** Returns the screen after a key that goes into the filter. */
function typed(screen: Screen, before: string, text: string | undefined, name: string, ctrl: boolean): Screen {
  const { filter } = screen;
  if (name === "return" || name === "enter") return { ...screen, prompt: undefined };
  if (name === "escape") return { ...screen, prompt: undefined, filter: before };
  if (name === "backspace") return { ...screen, filter: [...filter].slice(0, -1).join("") };
  if (ctrl || text === undefined || /\p{Cc}/u.test(text) || filter.length + text.length > maxFilterChars) return screen;
  return { ...screen, filter: filter + text };
}
