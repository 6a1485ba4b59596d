/** The story of one stream: its parties, its rates while it is watched, its verdicts, its events and its metadata. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { StreamParty } from "../../src/source.ts";
import { useListKeys } from "../keyboard.ts";
import { formatBytes, formatDate, formatDuration, formatNumber, formatRate, formatTime } from "../logic/format.ts";
import { verdictsOn } from "../logic/verdict.ts";
import { Fact } from "../parts/fact.tsx";
import { Plot } from "../parts/plot.tsx";
import { addressOf, go } from "../route.ts";
import { canAct, currentStreams, lastEvents, messageCount, nowUnixMs, type StreamRow } from "../store.ts";
import { kill } from "./streams.tsx";

/** The points of the plot of one stream: ten minutes. */
const maxRatePoints = 600;

interface Rates {
  readonly times: number[];
  readonly toDialler: number[];
  readonly toListener: number[];
}

export function StreamStory({ id }: { id: string }) {
  const seen = messageCount();
  const present = currentStreams().get(id);
  const [last, setLast] = useState<StreamRow | undefined>(present);
  const rates = useRef<Rates>({ times: [], toDialler: [], toListener: [] });
  useEffect(() => {
    if (present === undefined) return;
    setLast(present);
    const { times, toDialler, toListener } = rates.current;
    const now = nowUnixMs();
    if (now - (times.at(-1) ?? 0) < 900) return;
    times.push(now);
    toDialler.push(present.rateToDialler);
    toListener.push(present.rateToListener);
    for (const values of [times, toDialler, toListener]) values.splice(0, values.length - maxRatePoints);
  }, [seen]);
  useListKeys({ leave: () => go("streams"), ...(present !== undefined && { end: () => kill(present) }) });
  const row = present ?? last;
  const back = (
    <a class="back" href={addressOf("streams")}>
      ← Streams
    </a>
  );
  if (row === undefined)
    return (
      <>
        {back}
        <p class="empty">There is no stream with the id {id}.</p>
      </>
    );
  const isOver = present === undefined;
  const { times, toDialler, toListener } = rates.current;
  return (
    <div class="story">
      {back}
      <div class="title">
        <h2>
          {row.name || "Stream without a name"}
          <span class={`state ${isOver ? "over" : row.state}`}>{isOver ? "over" : row.state}</span>
        </h2>
        <button type="button" class="danger" disabled={isOver || !canAct.value} onClick={() => kill(row)}>
          End the stream …
        </button>
      </div>
      {!isOver && <Verdicts row={row} />}
      <div class="columns">
        <section class="card" aria-label="Facts">
          <dl class="facts">
            <Fact title="Id" value={row.id} />
            <Fact
              title="Since"
              value={`${formatDate(row.sinceUnixMs)}, ${formatDuration(nowUnixMs() - row.sinceUnixMs)}`}
            />
            <Fact title="Attempts" value={formatNumber(row.attempts)} />
            <Fact title="Dialler" value={describeParty(row.dialler)} />
            <Fact title="Listener" value={describeParty(row.listener)} />
            <Fact title="To dialler" value={`${formatBytes(row.bytesToDialler)}, ${formatRate(row.rateToDialler)}`} />
            <Fact
              title="To listener"
              value={`${formatBytes(row.bytesToListener)}, ${formatRate(row.rateToListener)}`}
            />
          </dl>
        </section>
        <Plot
          title="Bytes since this view was opened"
          timesUnixMs={times}
          format={(value) => (value < 0.5 ? "0" : formatRate(value))}
          height={190}
          series={[
            { title: "to dialler", colour: "--line-1", values: toDialler },
            { title: "to listener", colour: "--line-2", values: toListener },
          ]}
        />
        <section class="card" aria-label="Metadata">
          <h3>Metadata</h3>
          {Object.keys(row.metadata).length === 0 && <p class="muted">None.</p>}
          <dl class="facts">
            {Object.entries(row.metadata).map(([name, value]) => (
              <Fact key={name} title={name} value={value} />
            ))}
          </dl>
        </section>
        <Timeline row={row} isOver={isOver} />
      </div>
    </div>
  );
}

function describeParty({ identity, peer, tokenId, attached, roundTripMs }: StreamParty): string {
  return [
    identity,
    peer,
    attached ? "attached" : "not attached",
    roundTripMs > 0 ? `round trip ${formatNumber(roundTripMs)} ms` : "",
    tokenId === "" ? "" : `token ${tokenId}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

function Verdicts({ row }: { row: StreamRow }) {
  const verdicts = verdictsOn(row, nowUnixMs());
  if (verdicts.length === 0) return null;
  return (
    <ul class="verdicts">
      {verdicts.map(({ sentence, advice, isStall }) => (
        <li key={sentence} class={isStall ? "stall" : "idle"}>
          <b>{sentence}</b> {advice}
        </li>
      ))}
    </ul>
  );
}

function Timeline({ row, isOver }: { row: StreamRow; isOver: boolean }) {
  const own = lastEvents().filter(({ streamId }) => streamId === row.id);
  return (
    <section class="card" aria-label="Time line">
      <h3>Time line</h3>
      <ol class="timeline">
        {own.length === 0 && (
          <li>
            <time>{formatTime(row.sinceUnixMs)}</time> The stream began; the events of then are no longer kept.
          </li>
        )}
        {own.map(({ key, atUnixMs, name, text }) => (
          <li key={key}>
            <time>{formatTime(atUnixMs)}</time> <span class="tag">{name}</span> <span class="text">{text}</span>
          </li>
        ))}
        {!isOver && <li class="now">Now: {row.state}</li>}
      </ol>
    </section>
  );
}
