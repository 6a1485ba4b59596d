/** The last events of the router, with filters, and as a file of JSON lines. */
import { useState } from "preact/hooks";
import { announce } from "../connection.ts";
import { counted, formatDate, formatTime } from "../logic/format.ts";
import { type Column, Grid } from "../parts/grid.tsx";
import { go } from "../route.ts";
import { currentStreams, type EventRow, lastEvents } from "../store.ts";

const columns: readonly Column<EventRow>[] = [
  {
    id: "at",
    title: "Time",
    width: "5.5rem",
    valueOf: ({ key }) => Number(key),
    show: ({ atUnixMs }) => <time title={formatDate(atUnixMs)}>{formatTime(atUnixMs)}</time>,
  },
  { id: "event", title: "Event", width: "minmax(7rem, 1fr)", valueOf: ({ name }) => name },
  {
    id: "text",
    title: "What happened",
    width: "minmax(8rem, 5fr)",
    valueOf: ({ text }) => text,
    show: ({ text }) => <span title={text}>{text}</span>,
  },
  { id: "stream", title: "Stream", width: "minmax(8rem, 1fr)", from: 900, valueOf: ({ streamId }) => streamId },
];

export function Audit() {
  const events = lastEvents();
  const [kind, setKind] = useState("");
  const kinds = [...new Set(events.map(({ name }) => name))].sort();
  const chosen = kind === "" ? events : events.filter(({ name }) => name === kind);
  return (
    <Grid
      label="Events"
      rows={chosen}
      columns={columns}
      order={{ column: "at", isDescending: true }}
      empty="Nothing has happened yet."
      keyOf={({ key }) => key}
      textOf={({ name, text, streamId }) => `${name} ${text} ${streamId}`}
      onOpen={({ streamId }) => currentStreams().has(streamId) && go("streams", streamId)}
    >
      <label class="select">
        <span class="visually-hidden">Kind of event</span>
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          <option value="">all events</option>
          {kinds.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => save(chosen)}>
        Export
      </button>
    </Grid>
  );
}

/** Lets the browser save events as JSON lines. */
function save(rows: readonly EventRow[]): void {
  const lines = rows.map(({ key: _, ...event }) => `${JSON.stringify(event)}\n`);
  const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `trunkline-events-${formatDate(Date.now()).replace(/\D+/g, "-")}.jsonl`;
  link.click();
  URL.revokeObjectURL(address);
  announce(`${counted(rows.length, "event")} exported.`);
}
