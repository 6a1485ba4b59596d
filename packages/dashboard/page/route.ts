/** The view that is shown, as the part of the address behind `#`. */
import { signal } from "@preact/signals";

export const views = [
  { id: "overview", title: "Overview" },
  { id: "names", title: "Names" },
  { id: "streams", title: "Streams" },
  { id: "stalls", title: "Stalls" },
  { id: "audit", title: "Audit" },
  { id: "router", title: "Router" },
] as const;

export type ViewId = (typeof views)[number]["id"];

/** The view, and the key of the entry that is open in it. */
export interface Route {
  readonly view: ViewId;
  readonly key: string | undefined;
}

export const route = signal<Route>(parseRoute(location.hash));
/** True where a link was used that is no longer good. */
export const linkWasNotGood = signal(location.hash === "#/link-not-good");

addEventListener("hashchange", () => {
  route.value = parseRoute(location.hash);
});

function parseRoute(hash: string): Route {
  const [, name, key] = /^#\/([a-z]+)(?:\/(.+))?$/.exec(hash) ?? [];
  const view = views.find(({ id }) => id === name)?.id ?? "overview";
  try {
    return { view, key: key === undefined ? undefined : decodeURIComponent(key) };
  } catch {
    return { view, key: undefined };
  }
}

/** Returns the address of a view, or of an entry in it. */
export function addressOf(view: ViewId, key?: string): string {
  return `#/${view}${key === undefined ? "" : `/${encodeURIComponent(key)}`}`;
}

/** Shows a view. */
export function go(view: ViewId, key?: string): void {
  location.hash = addressOf(view, key);
}
