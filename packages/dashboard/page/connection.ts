/** The event stream from the router: read, judged for staleness, and taken up again; and the actions. */
import { batch } from "@preact/signals";
import { Backoff, reasonText } from "@trunkline/base";
import { type Delta, EventReader, type Hello } from "./logic/messages.ts";
import { announcement, apply, connection, greet, isStale, lastHeardMs, silentMs } from "./store.ts";

/** The time without news after which the page says that it is stale: the router speaks every second. */
const staleMs = 5_000;

/** The waits before the next attempts. */
const backoff = new Backoff({ initialMs: 500, maxMs: 8_000, multiplier: 2, jitter: 0 });
let current: AbortController | undefined;
let wake: (() => void) | undefined;

/** Keeps an event stream open for as long as the page is. */
export async function stayConnected(): Promise<never> {
  setInterval(() => {
    silentMs.value = performance.now() - lastHeardMs.peek();
    isStale.value = silentMs.value > staleMs;
  }, 1_000);
  document.addEventListener("visibilitychange", onVisible);
  window.addEventListener("online", onVisible);
  for (;;) {
    current = new AbortController();
    const reason = await readOnce(current.signal).catch(reasonText);
    if (connection.peek().kind !== "signed-out") connection.value = { kind: "lost", reason };
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, backoff.next());
    });
  }
}

/** A page that was asleep connects again at once, instead of waiting for what a dead connection may still bring. */
function onVisible(): void {
  if (document.visibilityState !== "visible") return;
  if (performance.now() - lastHeardMs.peek() > staleMs) reconnect();
}

/** Connects again now. */
export function reconnect(): void {
  backoff.reset();
  current?.abort();
  wake?.();
}

async function readOnce(signal: AbortSignal): Promise<string> {
  const response = await fetch("/api/events", { signal, cache: "no-store" });
  if (response.status === 401) {
    connection.value = { kind: "signed-out" };
    return "";
  }
  if (!response.ok || response.body === null) return errorOf(await response.text(), response.status);
  const events = new EventReader();
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return "the router has ended the connection";
    lastHeardMs.value = performance.now();
    isStale.value = false;
    for (const { event, data } of events.take(decoder.decode(value, { stream: true }))) {
      if (event === "hello") {
        backoff.reset();
        batch(() => greet(JSON.parse(data) as Hello));
      } else if (event === "delta") batch(() => apply(JSON.parse(data) as Delta));
    }
  }
}

function errorOf(text: string, status: number): string {
  try {
    return String((JSON.parse(text) as { error?: unknown }).error);
  } catch {
    return `the router answers with ${status}`;
  }
}

/** Does something at the router, and returns its answer. @throws Error whose message can be shown */
export async function act(action: "kill" | "evict" | "drain" | "leave", fields: object): Promise<unknown> {
  const response = await fetch(`/api/${action}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(errorOf(text, response.status));
  return JSON.parse(text);
}

/** Lets screen readers say something, and shows it for a while. */
export function announce(text: string): void {
  announcement.value = text;
  setTimeout(() => {
    if (announcement.peek() === text) announcement.value = "";
  }, 6_000);
}

/** Makes this browser forget its right. */
export async function leave(): Promise<void> {
  await act("leave", {});
  connection.value = { kind: "signed-out" };
  reconnect();
}
