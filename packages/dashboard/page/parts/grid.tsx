/**
 * A table of any length: only the rows in sight are in the document. It is one stop of the keyboard; the row that is
 * chosen is told to screen readers by `aria-activedescendant`.
 */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useListKeys } from "../keyboard.ts";
import { formatNumber } from "../logic/format.ts";
import { matcher, type Order, sortRows } from "../logic/rows.ts";

/** A column. */
export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** A width as CSS has it for the tracks of a grid. */
  readonly width: string;
  /** The least width of the table, in pixels, at which the column is shown. */
  readonly from?: number;
  readonly isNumber?: boolean;
  valueOf(row: Row): number | string;
  show?(row: Row): ComponentChildren;
}

/** What a table shows and does. */
export interface GridProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly order: Order;
  readonly empty: string;
  /** Further controls beside the filter. */
  readonly children?: ComponentChildren;
  keyOf(row: Row): string;
  /** The text that a filter looks through. */
  textOf(row: Row): string;
  onOpen?(row: Row): void;
  onEnd?(row: Row): void;
}

const rowHeight = 36;
/** The rows beyond those in sight, for quick scrolling. */
const overscan = 8;
const pageHeight = 640;

export function Grid<Row>({ label, rows, columns, order: firstOrder, empty, children, ...calls }: GridProps<Row>) {
  const { keyOf, textOf, onOpen, onEnd } = calls;
  const filter = useSignal("");
  const [order, setOrder] = useState(firstOrder);
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  /** The choice that the next key meets: keys may come quicker than the table is drawn. */
  const latest = useRef<string | undefined>(undefined);
  const [scrollTop, setScrollTop] = useState(0);
  const [size, setSize] = useState({ width: 1_000, height: pageHeight });
  const body = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const element = body.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const all = rows;
  const column = columns.find(({ id }) => id === order.column) ?? columns[0];
  const shown = sortRows(
    all.filter(matcher(filter.value, textOf)),
    (row) => column?.valueOf(row) ?? 0,
    order.isDescending,
  );
  const visible = columns.filter(({ from = 0 }) => size.width >= from);
  const first = Math.max(Math.floor(scrollTop / rowHeight) - overscan, 0);
  const last = Math.min(Math.ceil((scrollTop + size.height) / rowHeight) + overscan, shown.length);
  const index = chosen === undefined ? -1 : shown.findIndex((row) => keyOf(row) === chosen);

  const choose = (to: number): void => {
    const bounded = Math.min(Math.max(to, 0), shown.length - 1);
    const row = shown[bounded];
    if (row === undefined) return;
    latest.current = keyOf(row);
    setChosen(latest.current);
    const element = body.current;
    if (element === null) return;
    element.focus({ preventScroll: true });
    const top = bounded * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight - rowHeight)
      element.scrollTop = top + 2 * rowHeight - element.clientHeight;
  };
  const latestIndex = (): number =>
    latest.current === undefined ? -1 : shown.findIndex((row) => keyOf(row) === latest.current);
  const withLatest = (act: ((row: Row) => void) | undefined): { run?: () => void } => {
    if (act === undefined) return {};
    return {
      run: () => {
        const row = shown[latestIndex()];
        if (row !== undefined) act(row);
      },
    };
  };
  const { run: open } = withLatest(onOpen);
  const { run: end } = withLatest(onEnd);
  useListKeys({
    next: () => choose(latestIndex() + 1),
    previous: () => choose(Math.max(latestIndex() - 1, 0)),
    ...(open !== undefined && { open }),
    ...(end !== undefined && { end }),
  });
  useEffect(() => {
    const element = body.current;
    if (element !== null && element.scrollTop > shown.length * rowHeight) element.scrollTop = 0;
  }, [shown.length]);

  const tracks = visible.map(({ width }) => width).join(" ");
  const prefix = `row-${label.toLowerCase().replace(/\W+/g, "-")}`;
  const keysInGrid = (event: KeyboardEvent): void => {
    const rowsOfPage = Math.max(Math.floor(size.height / rowHeight) - 2, 1);
    const steps: Record<string, number> = {
      PageDown: latestIndex() + rowsOfPage,
      PageUp: latestIndex() - rowsOfPage,
      Home: 0,
      End: shown.length - 1,
    };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to);
  };
  return (
    <section class="list" aria-label={label}>
      <div class="tools">
        <label class="search">
          <span class="visually-hidden">Filter {label}</span>
          <input
            type="search"
            placeholder="Filter  ( / )"
            value={filter.value}
            maxLength={255}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => {
              filter.value = event.currentTarget.value;
            }}
          />
        </label>
        {children}
        <span class="count" role="status">
          {shown.length === all.length
            ? `${formatNumber(all.length)}`
            : `${formatNumber(shown.length)} of ${formatNumber(all.length)}`}
        </span>
      </div>
      <div
        class="grid"
        role="grid"
        aria-label={label}
        aria-rowcount={shown.length + 1}
        aria-colcount={columns.length}
        aria-activedescendant={index >= first && index < last ? `${prefix}-${index}` : undefined}
        tabIndex={0}
        ref={body}
        onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
        onKeyDown={keysInGrid}
      >
        <div class="head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks }}>
          {visible.map(({ id, title, isNumber }) => {
            const isOrder = id === order.column;
            const sort = isOrder ? (order.isDescending ? "descending" : "ascending") : "none";
            return (
              <div key={id} role="columnheader" aria-sort={sort} class={isNumber === true ? "number" : ""}>
                <button
                  type="button"
                  onClick={() =>
                    setOrder({ column: id, isDescending: isOrder ? !order.isDescending : isNumber === true })
                  }
                >
                  {title}
                  <span aria-hidden="true" class="arrow">
                    {isOrder ? (order.isDescending ? "▼" : "▲") : ""}
                  </span>
                </button>
              </div>
            );
          })}
        </div>
        <div class="rows" role="rowgroup" style={{ height: `${shown.length * rowHeight}px` }}>
          {shown.slice(first, last).map((each, offset) => {
            const at = first + offset;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of rows are those of the grid
              <div
                key={keyOf(each)}
                id={`${prefix}-${at}`}
                class="row"
                role="row"
                aria-rowindex={at + 2}
                aria-selected={at === index}
                style={{ gridTemplateColumns: tracks, transform: `translateY(${at * rowHeight}px)` }}
                onClick={() => {
                  latest.current = keyOf(each);
                  setChosen(latest.current);
                  onOpen?.(each);
                }}
              >
                {visible.map((cell) => (
                  <div key={cell.id} role="gridcell" class={cell.isNumber === true ? "number" : ""}>
                    {cell.show?.(each) ?? String(cell.valueOf(each))}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {shown.length === 0 && <p class="empty">{all.length === 0 ? empty : "Nothing matches the filter."}</p>}
    </section>
  );
}
