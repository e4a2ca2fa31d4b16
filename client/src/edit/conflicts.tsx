import type { ReactElement } from "react";
import type { EntryFragment } from "../api/generated";
import { Button, count, Moment, Notice } from "../components/basics";
import { Value } from "../configs/value";
import { ownOf, type DraftBook } from "./drafts";
import { read } from "./values";

interface ConflictsProps {
  readonly conflicts: readonly EntryFragment[];
  readonly book: DraftBook;
  readonly isOrganization: boolean;
}

/** Values that somebody else has written meanwhile, beside one's own. Nothing is saved until each is decided. */
export function Conflicts({ conflicts, book, isOrganization }: ConflictsProps): ReactElement | null {
  if (conflicts.length === 0) return null;
  return (
    <section className="card conflicts" aria-label="Conflicts">
      <Notice tone="warning">
        Somebody else has changed {conflicts.length === 1 ? "a value" : count(conflicts.length, "value")} since you began. Nothing was saved: choose what is to stay.
      </Notice>
      {conflicts.map((entry) => (
        <Conflict key={entry.key} entry={entry} book={book} isOrganization={isOrganization} />
      ))}
    </section>
  );
}

function Conflict({ entry, book, isOrganization }: { entry: EntryFragment; book: DraftBook; isOrganization: boolean }): ReactElement {
  const theirs = ownOf(entry, isOrganization);
  const mine = book.drafts.get(entry.key)?.text ?? null;
  const type = entry.field?.type ?? "STRING";
  return (
    <div className="conflict" role="group" aria-label={`Conflict of ${entry.key}`}>
      <h2>
        <code>{entry.key}</code>
      </h2>
      <div className="columns">
        <div className="side-by-side">
          <p className="label">Theirs</p>
          <p>{theirs ? <Value type={type} value={theirs.value} sealed={theirs.sealed} /> : <em>removed</em>}</p>
          {theirs && (
            <p className="muted">
              Version {theirs.version}, <Moment at={theirs.updatedAt} /> by <bdi>{theirs.updatedBy}</bdi>
            </p>
          )}
          <Button onPress={() => book.drop(entry.key)} aria-label={`Keep theirs: ${entry.key}`}>
            Keep theirs
          </Button>
        </div>
        <div className="side-by-side">
          <p className="label">Yours</p>
          <p>{mine === null || mine === "" ? <em>cleared</em> : type === "SECRET" ? "a new secret" : <Value type={type} value={safely(mine, type)} />}</p>
          <p className="muted">Not saved</p>
          <Button onPress={() => book.rebase(entry.key, theirs?.version ?? 0)} aria-label={`Use mine: ${entry.key}`}>
            Use mine
          </Button>
        </div>
      </div>
    </div>
  );
}

function safely(text: string, type: Parameters<typeof read>[1]): unknown {
  try {
    return read(text, type);
  } catch {
    return text;
  }
}
