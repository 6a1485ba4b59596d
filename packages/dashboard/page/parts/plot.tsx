/** A plot over time, drawn by uPlot in the colours of the page, with its summary as text. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatTime } from "../logic/format.ts";
import { theme } from "../theme.ts";

/** One line of a plot. */
export interface Series {
  readonly title: string;
  /** The name of a colour of the page, such as `--line-1`. */
  readonly colour: string;
  readonly values: readonly number[];
}

/** What a plot shows. */
export interface PlotProps {
  readonly title: string;
  readonly timesUnixMs: readonly number[];
  readonly series: readonly Series[];
  readonly height?: number;
  /** Writes a value, such as `1.2 MB/s`. */
  format(value: number): string;
}

export function Plot({ title, timesUnixMs, series, height = 150, format }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = [timesUnixMs.map((ms) => ms / 1_000), ...series.map(({ values }) => values)] as uPlot.AlignedData;
  const colours = theme.value;

  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    plot.current = new uPlot(optionsOf(element, height, series, format), data, element);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
    // A plot is made anew with the theme; its data changes below.
  }, [colours, height]);
  useEffect(() => plot.current?.setData(data));

  const summary = series
    .map(({ title: name, values }) => {
      const now = values.at(-1);
      if (now === undefined) return `${name}: nothing yet`;
      return `${name}: now ${format(now)}, at most ${format(Math.max(...values))}`;
    })
    .join("; ");
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span class="legend">
          {series.map(({ title: name, colour, values }) => (
            <span key={name}>
              <i class={`swatch ${colour.slice(2)}`} />
              {series.length > 1 ? `${name} ` : ""}
              <b>{format(values.at(-1) ?? 0)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  height: number,
  series: readonly Series[],
  format: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--border"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: element.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: timeRange },
      y: { range: (_plot, _least, most) => [0, Math.max(most * 1.1, 1)] },
    },
    axes: [
      { ...axis, size: 24, space: 70, values: (_plot, times) => times.map(timeText(times)) },
      { ...axis, size: 64, space: 34, values: (_plot, values) => values.map(format) },
    ],
    series: [
      {},
      ...series.map(({ title, colour: name }) => ({
        label: title,
        stroke: colour(name),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}

/** The least time that a plot shows, in seconds. */
const leastRange = 120;

/** Shows all points, and a time before them where they are few. */
function timeRange(_plot: uPlot, first: number | null, last: number | null): [number, number] {
  const end = last ?? Date.now() / 1_000;
  return [Math.min(first ?? end, end - leastRange), end];
}

/** Writes times of day, with seconds where they are close together. */
function timeText(times: readonly number[]): (seconds: number) => string {
  const isClose = (times[1] ?? 0) - (times[0] ?? 0) < 60;
  return (seconds) => formatTime(seconds * 1_000).slice(0, isClose ? 8 : 5);
}
