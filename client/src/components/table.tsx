// A table of any number of rows: only those in sight are there, and the next page is asked for before its rows are.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, useSyncExternalStore, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import { Link } from "wouter";
import type { PagesState } from "../api/pages";
import { Button, Empty, Failure, Loading } from "./basics";
import { Icon } from "./icons";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  /** The order by this column, upwards and downwards, where there is one. */
  readonly order?: readonly [up: string, down: string];
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly state: PagesState<Row>;
  readonly more: () => void;
  readonly total: number | null;
  readonly keyOf: (row: Row) => string;
  /** Where the first column's link leads. */
  readonly linkOf: (row: Row) => string;
  readonly order?: string;
  readonly sort?: (order: string) => void;
  readonly empty: ReactNode;
}

const ROW = 34;
const NARROW_ROW = 60;
const AHEAD = 60;

export function Table<Row>(props: TableProps<Row>): ReactElement {
  const { state, columns, total, keyOf, more } = props;
  const [current, setCurrent] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const height = narrow ? NARROW_ROW : ROW;
  // eslint-disable-next-line react-hooks/incompatible-library -- it is told of every change by its own means
  const virtual = useVirtualizer({
    count: state.rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    overscan: 12,
  });
  useEffect(() => {
    virtual.measure();
  }, [virtual, height]);

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (state.status === "ready" && last >= state.rows.length - AHEAD) more();
  }, [last, state, more]);

  const move = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((frame.current?.clientHeight ?? 0) / height) - 2);
    const to = target(event.key, current, state.rows.length - 1, page);
    if (to === null || !(event.target instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    setCurrent(to);
    virtual.scrollToIndex(to, { align: "auto" });
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-row="${to}"] a`)?.focus());
  };

  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  // Whoever tabs into the table finds the current row, or the first in sight where the current one is not.
  const reachable = items.some(({ index }) => index === current) ? current : (items[0]?.index ?? 0);
  return (
    // The frame scrolls, so the keyboard has to reach it; the links in it are reached by Tab, and then by the arrows.
    // It stays while another list is on its way, and with it the focus of whoever sorts.
    <div className="table-frame" ref={frame} tabIndex={-1} onKeyDown={move}>
      <table className="table" aria-label={props.label} aria-rowcount={countRows(state, total)}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Heading key={column.id} column={column} order={props.order} sort={props.sort} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={before} />
          {items.map(({ index }) => {
            const row = state.rows[index];
            if (row === undefined) return null;
            return (
              <tr key={keyOf(row)} data-row={index} aria-rowindex={index + 2} style={{ height }}>
                {columns.map((column, place) => {
                  const content = column.cell(row);
                  return (
                    <td key={column.id} className={`column-${column.id}`} dir="auto" title={titleOf(content)}>
                      {place === 0 ? (
                        <Link
                          href={props.linkOf(row)}
                          className="row-link"
                          tabIndex={index === reachable ? 0 : -1}
                          onFocus={() => setCurrent(index)}
                        >
                          {content}
                        </Link>
                      ) : (
                        content
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
          <Spacer height={after} />
        </tbody>
      </table>
      {state.status === "loading" && <Loading what={state.rows.length === 0 ? props.label.toLowerCase() : "more"} />}
      {state.error && <Failure error={state.error} retry={more} />}
      {state.status === "ready" && state.rows.length === 0 && props.empty}
    </div>
  );
}

/** A text that its column cuts off is told in full to whoever points at it. */
function titleOf(content: ReactNode): string | undefined {
  return typeof content === "string" && content.length > 3 ? content : undefined;
}

/** The rows that there are, the head among them; -1 is: more than are known. */
function countRows({ rows, hasNext }: PagesState<unknown>, total: number | null): number {
  if (total === null && hasNext) return -1;
  return (total ?? rows.length) + 1;
}

// One cell: more would make room for columns that a narrow screen leaves out.
function Spacer({ height }: { height: number }): ReactElement | null {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true" className="spacer">
      <td style={{ height, padding: 0 }} />
    </tr>
  );
}

interface HeadingProps<Row> {
  readonly column: Column<Row>;
  readonly order: string | undefined;
  readonly sort: ((order: string) => void) | undefined;
}

function Heading<Row>({ column, order, sort }: HeadingProps<Row>): ReactElement {
  const className = `column-${column.id}`;
  if (!column.order || !sort) {
    return (
      <th scope="col" className={className}>
        {column.title}
      </th>
    );
  }
  const [up, down] = column.order;
  const sorted = order === up ? "ascending" : order === down ? "descending" : "none";
  return (
    <th scope="col" className={className} aria-sort={sorted}>
      <Button look="bare" onPress={() => sort(order === up ? down : up)}>
        {column.title}
        {sorted !== "none" && <Icon name={sorted === "ascending" ? "up" : "chevron"} />}
      </Button>
    </th>
  );
}

function target(key: string, from: number, last: number, page: number): number | null {
  switch (key) {
    case "ArrowDown":
      return Math.min(from + 1, last);
    case "ArrowUp":
      return Math.max(from - 1, 0);
    case "PageDown":
      return Math.min(from + page, last);
    case "PageUp":
      return Math.max(from - page, 0);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}

const NARROW = matchMedia("(max-width: 760px)");

function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      NARROW.addEventListener("change", listener);
      return () => NARROW.removeEventListener("change", listener);
    },
    () => NARROW.matches,
  );
}

export function NothingFound({ clear }: { clear: () => void }): ReactElement {
  return (
    <Empty title="Nothing matches these filters">
      <Button onPress={clear}>Clear filters</Button>
    </Empty>
  );
}
