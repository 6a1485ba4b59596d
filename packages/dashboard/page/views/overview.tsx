/** The state of the router at one glance: numbers, plots of the last hour, and the last events. */
import { formatBytes, formatDuration, formatNumber, formatRate, formatTime } from "../logic/format.ts";
import { Plot } from "../parts/plot.tsx";
import { addressOf } from "../route.ts";
import { lastEvents, lastPoints, nowUnixMs, numbers, rates } from "../store.ts";

/** The columns of a point, as the server writes them. */
const column = {
  at: 0,
  toDialler: 1,
  toListener: 2,
  live: 3,
  setups: 4,
  refusals: 5,
  resumptions: 6,
  delay: 7,
  resident: 8,
  heap: 9,
} as const;

const shownEvents = 12;

const rate = (value: number): string => `${formatNumber(value)}/s`;
const bytesRate = (value: number): string => (value < 0.5 ? "0" : formatRate(value));
const milliseconds = (value: number): string => `${formatNumber(value)} ms`;

export function Overview() {
  const now = numbers.value;
  const points = lastPoints();
  const times = points.map((point) => point[column.at] ?? 0);
  const of = (name: keyof typeof column): number[] => points.map((point) => point[column[name]] ?? 0);
  if (now === undefined) return <p class="empty">Waiting for the router …</p>;
  const { toDialler, toListener, setups } = rates.value;
  return (
    <>
      <dl class="numbers">
        <Figure title="Live streams" value={formatNumber(now.liveStreams)} link={addressOf("streams")} />
        <Figure title="To diallers" value={bytesRate(toDialler)} detail={`${formatBytes(now.bytesToDialler)} in all`} />
        <Figure
          title="To listeners"
          value={bytesRate(toListener)}
          detail={`${formatBytes(now.bytesToListener)} in all`}
        />
        <Figure title="Set-ups" value={rate(setups)} detail={`${formatNumber(now.streamsOpened)} in all`} />
        <Figure title="Listeners" value={formatNumber(now.listeners)} link={addressOf("names")} />
        <Figure title="Refused" value={formatNumber(now.refused)} link={addressOf("audit")} />
        <Figure
          title="Resumed"
          value={formatNumber(now.resumed)}
          detail={`${formatNumber(now.detachedSessions)} detached`}
        />
        <Figure title="Up for" value={formatDuration(nowUnixMs() - now.startedUnixMs)} detail={now.version} />
      </dl>
      <div class="plots">
        <Plot
          title="Bytes"
          timesUnixMs={times}
          format={bytesRate}
          series={[
            { title: "to diallers", colour: "--line-1", values: of("toDialler") },
            { title: "to listeners", colour: "--line-2", values: of("toListener") },
          ]}
        />
        <Plot
          title="Live streams"
          timesUnixMs={times}
          format={formatNumber}
          series={[{ title: "live", colour: "--line-1", values: of("live") }]}
        />
        <Plot
          title="Set-ups"
          timesUnixMs={times}
          format={rate}
          series={[{ title: "set-ups", colour: "--line-1", values: of("setups") }]}
        />
        <Plot
          title="Refusals and resumptions"
          timesUnixMs={times}
          format={rate}
          series={[
            { title: "refused", colour: "--line-3", values: of("refusals") },
            { title: "resumed", colour: "--line-2", values: of("resumptions") },
          ]}
        />
        <Plot
          title="Delay of the event loop"
          timesUnixMs={times}
          format={milliseconds}
          series={[{ title: "delay", colour: "--line-3", values: of("delay") }]}
        />
        <Plot
          title="Memory"
          timesUnixMs={times}
          format={formatBytes}
          series={[
            { title: "resident", colour: "--line-1", values: of("resident") },
            { title: "heap", colour: "--line-2", values: of("heap") },
          ]}
        />
      </div>
      <LastEvents />
    </>
  );
}

function Figure({ title, value, detail, link }: { title: string; value: string; detail?: string; link?: string }) {
  return (
    <div class="figure">
      <dt>{link === undefined ? title : <a href={link}>{title}</a>}</dt>
      <dd>
        <b>{value}</b>
        <small>{detail ?? "\u00a0"}</small>
      </dd>
    </div>
  );
}

function LastEvents() {
  const last = lastEvents().slice(-shownEvents).reverse();
  return (
    <section class="card" aria-label="Last events">
      <h2>
        Last events <a href={addressOf("audit")}>all</a>
      </h2>
      {last.length === 0 && <p class="muted">Nothing has happened yet.</p>}
      <ol class="events">
        {last.map(({ key, atUnixMs, name, text }) => (
          <li key={key}>
            <time>{formatTime(atUnixMs)}</time>
            <span class="tag">{name}</span>
            <span class="text">{text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
