// Lists that are read page by page, by cursor, and grow at their end.
import type { CombinedError } from "@urql/core";
import { useEffect, useMemo, useSyncExternalStore } from "react";

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly cursor: string | null;
  readonly hasNext: boolean;
}

interface Connection<Row> {
  readonly edges: readonly { readonly node: Row }[];
  readonly pageInfo: { readonly endCursor?: string | null; readonly hasNextPage: boolean };
}

/** The page that a connection's answer is. */
export function pageOf<Row>({ edges, pageInfo }: Connection<Row>): Page<Row> {
  return { rows: edges.map(({ node }) => node), cursor: pageInfo.endCursor ?? null, hasNext: pageInfo.hasNextPage };
}

export interface PagesState<Row> {
  readonly rows: readonly Row[];
  readonly status: "loading" | "ready" | "failed";
  readonly hasNext: boolean;
  readonly error: CombinedError | null;
}

export type LoadPage<Row> = (after: string | null) => Promise<Page<Row> | CombinedError | undefined>;

export class Pages<Row> {
  #state: PagesState<Row> = { rows: [], status: "loading", hasNext: true, error: null };
  #cursor: string | null = null;
  #busy = false;
  readonly #load: LoadPage<Row>;
  readonly #idOf: (row: Row) => unknown;
  readonly #listeners = new Set<() => void>();

  constructor(load: LoadPage<Row>, idOf: (row: Row) => unknown) {
    this.#load = load;
    this.#idOf = idOf;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): PagesState<Row> => this.#state;

  /** Load the next page, unless there is none or one is on its way. */
  readonly more = (): void => {
    if (this.#busy || !this.#state.hasNext) return;
    this.#busy = true;
    this.#change({ status: "loading", error: null });
    void this.#load(this.#cursor).then((page) => {
      this.#busy = false;
      if (!page || !("rows" in page)) {
        this.#change({ status: "failed", error: page ?? null });
        return;
      }
      this.#cursor = page.cursor;
      this.#change({ rows: this.#join(page.rows), status: "ready", hasNext: page.hasNext });
    });
  };

  /** Put rows in the place of others, or leave some out, without loading anything. */
  readonly patch = (change: (row: Row) => Row | null): void => {
    this.#change({ rows: this.#state.rows.map(change).filter((row) => row !== null) });
  };

  /** A row that was written since it was read may come once more, further down: it stays where it is, as it is now. */
  #join(rows: readonly Row[]): Row[] {
    const come = new Map(rows.map((row) => [this.#idOf(row), row]));
    const before = this.#state.rows.map((row) => {
      const id = this.#idOf(row);
      const again = come.get(id);
      come.delete(id);
      return again ?? row;
    });
    return [...before, ...come.values()];
  }

  #change(part: Partial<PagesState<Row>>): void {
    this.#state = { ...this.#state, ...part };
    this.#listeners.forEach((listener) => listener());
  }
}

/** The pages of a list. `key` is all that the list depends on: another key is another list. `idOf` tells rows apart. */
export function usePages<Row>(key: string, load: LoadPage<Row>, idOf: (row: Row) => unknown): [PagesState<Row>, Pages<Row>] {
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for what `load` closes over
  const pages = useMemo(() => new Pages(load, idOf), [key]);
  const state = useSyncExternalStore(pages.subscribe, pages.read);
  useEffect(() => {
    if (pages.read().rows.length === 0) pages.more();
  }, [pages]);
  return [state, pages];
}
