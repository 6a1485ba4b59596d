/** The names that are exposed, each with its listeners. */
import type { NameEntry } from "../../src/source.ts";
import { act, announce } from "../connection.ts";
import { counted, formatDuration, formatNumber } from "../logic/format.ts";
import { confirmFirst } from "../parts/dialog.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { canAct, currentNames, nowUnixMs } from "../store.ts";

const columns: readonly Column<NameEntry>[] = [
  { id: "name", title: "Name", width: "minmax(8rem, 2fr)", valueOf: ({ name }) => name },
  {
    id: "health",
    title: "Target",
    width: "minmax(6rem, 1.4fr)",
    valueOf: ({ problem }) => problem,
    show: ({ problem }) =>
      problem === "" ? <span class="good">well</span> : <span class="bad">not well: {problem}</span>,
  },
  { id: "identity", title: "Identity", width: "minmax(6rem, 1fr)", from: 560, valueOf: ({ identity }) => identity },
  { id: "peer", title: "From", width: "minmax(9rem, 1fr)", from: 900, valueOf: ({ peer }) => peer },
  {
    id: "age",
    title: "For",
    width: "7.5rem",
    from: 720,
    isNumber: true,
    valueOf: ({ sinceUnixMs }) => -sinceUnixMs,
    show: ({ sinceUnixMs }) => formatDuration(nowUnixMs() - sinceUnixMs),
  },
  { id: "streams", title: "Streams", width: "5.5rem", isNumber: true, valueOf: ({ streams }) => streams },
  {
    id: "in-all",
    title: "In all",
    width: "5.5rem",
    from: 640,
    isNumber: true,
    valueOf: ({ streamsInAll }) => streamsInAll,
    show: ({ streamsInAll }) => formatNumber(streamsInAll),
  },
  {
    id: "metadata",
    title: "Metadata",
    width: "minmax(8rem, 2fr)",
    from: 1_200,
    valueOf: ({ metadata }) => metadataText(metadata),
  },
  {
    id: "act",
    title: "Action",
    width: "5rem",
    from: 480,
    valueOf: () => "",
    show: (row) => (
      <button
        type="button"
        class="small"
        tabIndex={-1}
        disabled={!canAct.value}
        onClick={(event) => evictBy(event, row)}
      >
        Evict
      </button>
    ),
  },
];

export function metadataText(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([key, value]) => `${key}=${value}`)
    .join("  ");
}

function evictBy(event: Event, row: NameEntry): void {
  event.stopPropagation();
  evict(row);
}

function evict({ name, identity, listenerId, streams }: NameEntry): void {
  if (!canAct.value) {
    announce("This link may see, and not act.");
    return;
  }
  confirmFirst({
    title: `Evict ${name}?`,
    consequences:
      `The listener of ${identity} loses the name, and new streams no longer reach it. It may register again. ` +
      `${counted(streams, "stream")} of it ${streams === 1 ? "goes" : "go"} on, unless you end them too.`,
    verb: "Evict",
    asksReason: true,
    choice: "End its streams as well",
    async run(reason, killStreams) {
      const answer = (await act("evict", { name, listenerId, reason, killStreams })) as { streams?: number };
      const ended = killStreams ? `; ${counted(answer.streams ?? 0, "stream")} ended` : "";
      return `${name} was evicted${ended}.`;
    },
  });
}

export function Names() {
  return (
    <Grid
      label="Names"
      rows={[...currentNames().values()]}
      columns={columns}
      order={{ column: "name", isDescending: false }}
      empty="No name is exposed."
      keyOf={({ key }) => key}
      textOf={({ name, identity, peer, problem, metadata }) =>
        `${name} ${identity} ${peer} ${problem} ${metadataText(metadata)}`
      }
      onEnd={evict}
    />
  );
}
