import type { ReactElement } from "react";
import { useMutation } from "urql";
import { tell } from "../api/errors";
import { StartRunDocument, type BackfillKind, type RunFragment } from "../api/generated";
import { Button, count, Notice } from "../components/basics";
import { ChoiceField, TextInput } from "../components/fields";
import { KINDS } from "./runs";

export interface Wanted {
  readonly kind: BackfillKind;
  /** Rows a second, as typed. */
  readonly limit: string;
}

interface StartProps {
  readonly runs: readonly RunFragment[];
  readonly wanted: Wanted;
  readonly change: (wanted: Wanted) => void;
  readonly started: () => void;
}

/** Starts a run: first a dry one, which changes nothing and counts the same, then the real one. */
export function Start({ runs, wanted, change, started }: StartProps): ReactElement {
  const { kind, limit } = wanted;
  const [{ fetching, error }, start] = useMutation(StartRunDocument);
  const last = runs.find((run) => run.kind === kind);
  // The last run of its kind has to be a dry one that went through: then the counts are those of now.
  const rehearsed = last !== undefined && last.dryRun && last.status === "SUCCEEDED";
  const limitProblem = limit === "" || /^[1-9]\d*$/.test(limit.trim()) ? null : "This is no whole number above 0.";
  const run = async (dryRun: boolean): Promise<void> => {
    const maxRowsPerSecond = limit === "" ? null : Number(limit);
    const { data, error: refused } = await start({ input: { kind, dryRun, maxRowsPerSecond } });
    // Somebody else may have started one, which is then there to see.
    if (data || refused) started();
  };
  return (
    <section className="card" aria-label="Start a run">
      <div className="card-head">
        <h2>Start a run</h2>
      </div>
      <div className="stack">
        <div className="columns">
          <ChoiceField
            label="What"
            value={kind}
            change={(id) => change({ ...wanted, kind: id as BackfillKind })}
            choices={Object.entries(KINDS).map(([id, [name]]) => ({ id, name }))}
            hint={KINDS[kind][1]}
          />
          <TextInput label="Rows a second, at most" value={limit} change={(text) => change({ ...wanted, limit: text })} mode="numeric" hint="Of all workers together; empty is no limit." problem={limitProblem} />
        </div>
        {error && <Notice tone="bad">{tell(error)}</Notice>}
        {rehearsed && (
          <Notice tone="neutral">
            The dry run looked at {count(last.total, "row")}: {last.changed.toLocaleString()} would change, {last.quarantined.toLocaleString()} cannot be decided.
          </Notice>
        )}
        <div className="row-actions">
          <Button look={rehearsed ? "plain" : "primary"} icon="play" isDisabled={fetching || limitProblem !== null} onPress={() => void run(true)}>
            {rehearsed ? "Dry run again" : "Start a dry run"}
          </Button>
          <Button look={rehearsed ? "primary" : "plain"} isDisabled={fetching || limitProblem !== null || !rehearsed} onPress={() => void run(false)}>
            Start for good
          </Button>
          {!rehearsed && <span className="hint">A dry run comes first. It changes nothing and counts the same.</span>}
        </div>
      </div>
    </section>
  );
}
