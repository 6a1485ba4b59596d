/** The streams, as a live table. */

import { act, announce } from "../connection.ts";
import { formatBytes, formatDuration, formatNumber, formatRate } from "../logic/format.ts";
import { confirmFirst } from "../parts/dialog.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { go } from "../route.ts";
import { canAct, currentStreams, nowUnixMs, type StreamRow, streamsLeftOut } from "../store.ts";

function roundTrip({ dialler, listener }: StreamRow): number {
  return dialler.roundTripMs + listener.roundTripMs;
}

function held({ waits }: StreamRow): number {
  let bytes = 0;
  for (const { bufferedBytes } of waits) bytes += bufferedBytes;
  return bytes;
}

const columns: readonly Column<StreamRow>[] = [
  { id: "name", title: "Name", width: "minmax(7rem, 1.5fr)", valueOf: ({ name }) => name },
  {
    id: "state",
    title: "State",
    width: "6.5rem",
    valueOf: ({ state }) => state,
    show: ({ state }) => <span class={`state ${state}`}>{state}</span>,
  },
  {
    id: "dialler",
    title: "Dialler",
    width: "minmax(6rem, 1fr)",
    from: 620,
    valueOf: ({ dialler }) => dialler.identity || dialler.peer,
  },
  {
    id: "listener",
    title: "Listener",
    width: "minmax(6rem, 1fr)",
    from: 760,
    valueOf: ({ listener }) => listener.identity || listener.peer,
  },
  {
    id: "peers",
    title: "Peers",
    width: "minmax(16rem, 1.4fr)",
    from: 1_500,
    valueOf: ({ dialler, listener }) => `${dialler.peer || "–"} ⇄ ${listener.peer || "–"}`,
  },
  {
    id: "age",
    title: "Age",
    width: "7rem",
    from: 560,
    isNumber: true,
    valueOf: ({ sinceUnixMs }) => -sinceUnixMs,
    show: ({ sinceUnixMs }) => formatDuration(nowUnixMs() - sinceUnixMs),
  },
  {
    id: "to-dialler",
    title: "To dialler",
    width: "6.5rem",
    from: 1_000,
    isNumber: true,
    valueOf: ({ bytesToDialler }) => bytesToDialler,
    show: ({ bytesToDialler }) => formatBytes(bytesToDialler),
  },
  {
    id: "to-listener",
    title: "To listener",
    width: "6.5rem",
    from: 1_000,
    isNumber: true,
    valueOf: ({ bytesToListener }) => bytesToListener,
    show: ({ bytesToListener }) => formatBytes(bytesToListener),
  },
  {
    id: "rate",
    title: "Rate",
    width: "6.5rem",
    isNumber: true,
    valueOf: ({ rateToDialler, rateToListener }) => rateToDialler + rateToListener,
    show: ({ rateToDialler, rateToListener }) => formatRate(rateToDialler + rateToListener),
  },
  {
    id: "round-trip",
    title: "Round trip",
    width: "6.5rem",
    from: 1_250,
    isNumber: true,
    valueOf: roundTrip,
    show: (row) => (roundTrip(row) > 0 ? `${formatNumber(roundTrip(row))} ms` : "–"),
  },
  {
    id: "held",
    title: "Held",
    width: "6rem",
    from: 1_350,
    isNumber: true,
    valueOf: held,
    show: (row) => (held(row) > 0 ? formatBytes(held(row)) : "–"),
  },
  {
    id: "attempts",
    title: "Attempts",
    width: "5.5rem",
    from: 1_350,
    isNumber: true,
    valueOf: ({ attempts }) => attempts,
  },
];

/** Ends a stream after a confirmation. */
export function kill({ id, name, dialler, listener }: StreamRow): void {
  if (!canAct.value) {
    announce("This link may see, and not act.");
    return;
  }
  const who = [dialler.identity || dialler.peer, listener.identity || listener.peer].filter((each) => each !== "");
  confirmFirst({
    title: `End the stream to ${name || id}?`,
    consequences:
      `The stream of ${who.join(" and ") || "unknown peers"} ends at once. Both peers get an error with your reason; ` +
      "bytes on the way are lost, and it is never resumed. The dialler may dial again.",
    verb: "End the stream",
    asksReason: true,
    async run(reason) {
      await act("kill", { id, reason });
      return `The stream ${id} was ended.`;
    },
  });
}

export function Streams() {
  return (
    <Grid
      label="Streams"
      rows={[...currentStreams().values()]}
      columns={columns}
      order={{ column: "rate", isDescending: true }}
      empty="No stream is open."
      keyOf={({ id }) => id}
      textOf={({ id, name, state, dialler, listener }) =>
        `${name} ${state} ${id} ${dialler.identity} ${dialler.peer} ${listener.identity} ${listener.peer}`
      }
      onOpen={({ id }) => go("streams", id)}
      onEnd={kill}
    >
      {streamsLeftOut.value > 0 && <span class="muted">{formatNumber(streamsLeftOut.value)} more are not shown</span>}
    </Grid>
  );
}
