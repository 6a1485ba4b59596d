/** The frame of the page: its head, the views, dialogs, and what is said about the connection. */
import { useEffect, useRef } from "preact/hooks";
import { reconnect } from "./connection.ts";
import icon from "./icon.svg";
import { isHelpOpen } from "./keyboard.ts";
import { formatDuration, formatTime } from "./logic/format.ts";
import { ConfirmDialog, HelpDialog } from "./parts/dialog.tsx";
import { addressOf, linkWasNotGood, route, type ViewId, views } from "./route.ts";
import { announcement, connection, isStale, lastHeardMs, nowUnixMs, numbers, silentMs } from "./store.ts";
import { theme, toggleTheme } from "./theme.ts";
import { Audit } from "./views/audit.tsx";
import { Names } from "./views/names.tsx";
import { Overview } from "./views/overview.tsx";
import { RouterView } from "./views/router.tsx";
import { Stalls } from "./views/stalls.tsx";
import { StreamStory } from "./views/stream.tsx";
import { Streams } from "./views/streams.tsx";

export function App() {
  const { view, key } = route.value;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const title = views.find(({ id }) => id === view)?.title ?? "";
  useEffect(() => {
    document.title = `${title} · trunkline`;
    if (!isFirst.current && document.querySelector("dialog[open]") === null)
      (main.current?.querySelector<HTMLElement>("[role=grid]") ?? main.current)?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [view, key]);
  if (connection.value.kind === "signed-out") return <SignedOut />;
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Head view={view} />
      <Trouble />
      <main id="main" ref={main} tabIndex={-1} class={isStale.value ? "stale" : ""}>
        <h1 class={view === "streams" && key !== undefined ? "visually-hidden" : ""}>{title}</h1>
        <View view={view} entry={key} />
      </main>
      <div class="toast" role="status" aria-live="polite">
        {announcement.value !== "" && <p>{announcement.value}</p>}
      </div>
      <ConfirmDialog />
      <HelpDialog />
    </>
  );
}

function View({ view, entry }: { view: ViewId; entry: string | undefined }) {
  switch (view) {
    case "overview":
      return <Overview />;
    case "names":
      return <Names />;
    case "streams":
      return entry === undefined ? <Streams /> : <StreamStory key={entry} id={entry} />;
    case "stalls":
      return <Stalls />;
    case "audit":
      return <Audit />;
    case "router":
      return <RouterView />;
  }
}

function Head({ view }: { view: ViewId }) {
  const now = numbers.value;
  const state =
    connection.value.kind !== "live" ? connection.value.kind : isStale.value ? "stale" : (now?.state ?? "…");
  return (
    <header>
      <div class="brand">
        <img src={icon} alt="" width="22" height="22" />
        <span>trunkline</span>
        <span class={`badge ${state}`} role="status" aria-label={`The router is ${state}`}>
          {state}
        </span>
      </div>
      <nav aria-label="Views">
        {views.map(({ id, title }) => (
          <a key={id} href={addressOf(id)} aria-current={id === view ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="corner">
        <button type="button" class="plain" onClick={toggleTheme} aria-label="Light or dark" title="Light or dark">
          {theme.value === "dark" ? "☀" : "☾"}
        </button>
        <button
          type="button"
          class="plain"
          aria-label="Keyboard help"
          title="Keyboard help ( ? )"
          onClick={() => {
            isHelpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
    </header>
  );
}

/** Says that what is shown may be old, and since when. */
function Trouble() {
  const { value } = connection;
  if (value.kind === "live" && !isStale.value) return null;
  if (value.kind === "connecting" || lastHeardMs.value === 0) {
    const text = value.kind === "lost" ? `The router cannot be reached: ${value.reason}` : "Connecting to the router …";
    return (
      <div class="trouble" role="status">
        {text}
      </div>
    );
  }
  const sinceMs = silentMs.value;
  const reason = value.kind === "lost" ? `: ${value.reason}` : "";
  return (
    <div class="trouble" role="alert">
      <span>
        Stale since {formatTime(nowUnixMs() - sinceMs)}, {formatDuration(sinceMs)} ago{reason}. What is shown may have
        changed.
      </span>
      <button type="button" onClick={reconnect}>
        Connect now
      </button>
    </div>
  );
}

function SignedOut() {
  return (
    <main class="signed-out" tabIndex={-1}>
      <img src={icon} alt="" width="44" height="44" />
      <h1>trunkline</h1>
      <p>
        {linkWasNotGood.value
          ? "This link is no longer good: each is good once, and for five minutes."
          : "This page needs a link from the router."}
      </p>
      <p>
        The router prints one when it starts. Send it SIGHUP (<code>kill -HUP</code> with its process id), and it prints
        a new one.
      </p>
      <button type="button" onClick={reconnect}>
        Try again
      </button>
    </main>
  );
}
