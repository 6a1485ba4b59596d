/** The streams that wait: on whom, since when, and what to do. */
import { useState } from "preact/hooks";
import { formatDuration } from "../logic/format.ts";
import { type Verdict, verdictsOn } from "../logic/verdict.ts";
import { type Column, Grid } from "../parts/grid.tsx";
import { go } from "../route.ts";
import { currentStreams, nowUnixMs, type StreamRow } from "../store.ts";
import { kill } from "./streams.tsx";

interface Stall {
  readonly row: StreamRow;
  readonly verdict: Verdict;
}

const columns: readonly Column<Stall>[] = [
  { id: "name", title: "Name", width: "minmax(6rem, 1fr)", valueOf: ({ row }) => row.name },
  {
    id: "for",
    title: "For",
    width: "7rem",
    isNumber: true,
    valueOf: ({ verdict }) => verdict.forMs,
    show: ({ verdict }) => formatDuration(verdict.forMs),
  },
  {
    id: "verdict",
    title: "Verdict",
    width: "minmax(9rem, 4fr)",
    valueOf: ({ verdict }) => verdict.sentence,
    show: ({ verdict }) => <span title={`${verdict.sentence} ${verdict.advice}`}>{verdict.sentence}</span>,
  },
  {
    id: "advice",
    title: "What to do",
    width: "minmax(10rem, 3fr)",
    from: 1_100,
    valueOf: ({ verdict }) => verdict.advice,
    show: ({ verdict }) => <span title={verdict.advice}>{verdict.advice}</span>,
  },
];

export function Stalls() {
  const [withIdle, setWithIdle] = useState(false);
  const now = nowUnixMs();
  const stalls: Stall[] = [];
  for (const row of currentStreams().values()) {
    if (row.waits.length === 0) continue;
    const verdict = verdictsOn(row, now).find(({ isStall }) => isStall || withIdle);
    if (verdict !== undefined) stalls.push({ row, verdict });
  }
  return (
    <Grid
      label="Stalls"
      rows={stalls}
      columns={columns}
      order={{ column: "for", isDescending: true }}
      empty="Nothing is stuck."
      keyOf={({ row }) => row.id}
      textOf={({ row, verdict }) => `${row.name} ${row.id} ${verdict.sentence}`}
      onOpen={({ row }) => go("streams", row.id)}
      onEnd={({ row }) => kill(row)}
    >
      <label class="check">
        <input type="checkbox" checked={withIdle} onChange={(event) => setWithIdle(event.currentTarget.checked)} />
        with idle senders
      </label>
    </Grid>
  );
}
