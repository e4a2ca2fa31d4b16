import { useState, type ReactElement } from "react";
import { useQuery } from "urql";
import { RunsDocument, type RunFragment } from "../api/generated";
import { Button, Failure, Loading, PageFrame } from "../components/basics";
import { Quarantine } from "./quarantine";
import { RunCard } from "./run";
import { isActive } from "./runs";
import { RootKeys } from "./root-keys";
import { RunTable } from "./run-table";
import { Start, type Wanted } from "./start";

/** As many runs as one page of the service's can have. */
const MOST = 200;

/** Runs: start one, watch it, steer it, and see what it left alone. */
export function BackfillPage(): ReactElement {
  const [first, setFirst] = useState(20);
  const [{ data, error }, again] = useQuery({ query: RunsDocument, variables: { first } });
  const [round, setRound] = useState(0);
  // Kept here: the form goes away while a run is under way, and what was chosen for the dry run is for the real one, too.
  const [wanted, setWanted] = useState<Wanted>({ kind: "SEAL", limit: "" });
  const reload = (): void => {
    again({ requestPolicy: "network-only" });
    setRound(round + 1);
  };
  const runs: readonly RunFragment[] = data?.backfillRuns.edges.map(({ node }) => node) ?? [];
  const active = runs.filter(isActive);
  const over = runs.filter((run) => !isActive(run));
  return (
    <PageFrame title="Backfill and keys">
      {error && <Failure error={error} retry={reload} />}
      {!data && !error && <Loading what="runs" />}
      {data && (
        <>
          {active.map((run) => (
            <RunCard key={run.id} run={run} changed={reload} />
          ))}
          {active.length === 0 && <Start runs={over} wanted={wanted} change={setWanted} started={reload} />}
          <Quarantine key={`quarantine ${round}`} />
          <RootKeys key={`keys ${round}`} />
          <section className="card" aria-label="Earlier runs">
            <div className="card-head">
              <h2>Earlier runs</h2>
            </div>
            {over.length === 0 ? <p className="muted">No run has ended yet.</p> : <RunTable runs={over} />}
            {data.backfillRuns.pageInfo.hasNextPage && first < MOST && <Button onPress={() => setFirst(MOST)}>Show more</Button>}
          </section>
        </>
      )}
    </PageFrame>
  );
}
