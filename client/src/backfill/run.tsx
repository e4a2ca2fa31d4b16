import { useEffect, useState, type ReactElement } from "react";
import { ProgressBar } from "react-aria-components";
import { useMutation, useSubscription } from "urql";
import { tell } from "../api/errors";
import { CancelRunDocument, PauseRunDocument, ResumeRunDocument, WatchRunDocument, type RunFragment } from "../api/generated";
import { Badge, Button, Failure, Notice } from "../components/basics";
import { useKept } from "../components/kept";
import { Confirm } from "../components/overlays";
import { isActive, spell, STATUSES, titleOf } from "./runs";

const RETRY_MS = 3000;
const SILENCE_MS = 6000;

/** A run as it goes, told by the service as it happens. */
export function RunCard({ run: begun, changed }: { run: RunFragment; changed: () => void }): ReactElement {
  const [{ data, error }, again] = useSubscription({ query: WatchRunDocument, variables: { id: begun.id } });
  const [told, setTold] = useState<RunFragment | null>(null);
  const [round, setRound] = useState(0);
  const last = useKept(data?.backfillProgress ?? null, begun.id);
  const run = told ?? last ?? begun;
  const [seen, setSeen] = useState(data);
  if (seen !== data) {
    // What the stream tells is newer than what a button was answered.
    setSeen(data);
    setTold(null);
  }
  const over = data !== undefined && !isActive(data.backfillProgress);
  useEffect(() => {
    if (over) changed();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when it ends
  }, [over]);
  useEffect(() => {
    // A stream ends with its connection, and not every end is told of; the run goes on. Silence is asked again, too.
    if (over) return;
    const ask = (): void => {
      again();
      setRound(round + 1);
    };
    const timer = setTimeout(ask, error ? RETRY_MS : SILENCE_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `again` does the same whenever it is called
  }, [data, error, over, round]);
  const [name, tone] = STATUSES[run.status];
  return (
    <section className="card" aria-label={`Run: ${titleOf(run)}`}>
      <div className="card-head">
        <h2>{titleOf(run)}</h2>
        <span role="status">
          <Badge tone={tone}>{name}</Badge>
        </span>
        <Controls run={run} changed={setTold} />
      </div>
      {error && <Failure error={error} retry={() => again()} />}
      <Progress run={run} />
      {run.throttledBy !== null && <Notice tone="warning">The workers hold back: {run.throttledBy}.</Notice>}
      <dl className="figures">
        <Figure name="Looked at" value={`${run.processed.toLocaleString()} of ${run.total.toLocaleString()}`} />
        <Figure name={run.dryRun ? "Would change" : "Changed"} value={run.changed.toLocaleString()} />
        <Figure name="As they should be" value={run.skipped.toLocaleString()} />
        <Figure name="Quarantined" value={run.quarantined.toLocaleString()} />
        <Figure name="Rows a second" value={run.rowsPerSecond === null ? "–" : Math.round(run.rowsPerSecond).toLocaleString()} />
        <Figure name="Time left" value={timeLeft(run)} />
      </dl>
    </section>
  );
}

function Progress({ run }: { run: RunFragment }): ReactElement {
  const share = run.total > 0 ? (100 * run.processed) / run.total : 0;
  return (
    <ProgressBar className="progress" aria-label="Progress" value={share} isIndeterminate={run.total === 0}>
      {({ percentage }) => (
        <span className="progress-track">
          <span className="progress-done" style={{ width: `${percentage ?? 0}%` }} />
        </span>
      )}
    </ProgressBar>
  );
}

function Figure({ name, value }: { name: string; value: string }): ReactElement {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function timeLeft(run: RunFragment): string {
  return run.status !== "RUNNING" || run.secondsLeft === null ? "–" : `about ${spell(run.secondsLeft)}`;
}

function Controls({ run, changed }: { run: RunFragment; changed: (run: RunFragment) => void }): ReactElement {
  const [asks, setAsks] = useState(false);
  const [pausing, pause] = useMutation(PauseRunDocument);
  const [resuming, resume] = useMutation(ResumeRunDocument);
  const [cancelling, cancel] = useMutation(CancelRunDocument);
  const busy = pausing.fetching || resuming.fetching || cancelling.fetching;
  const error = pausing.error ?? resuming.error ?? cancelling.error;
  const run_ = { id: run.id };
  return (
    <div className="row-actions">
      {(run.status === "RUNNING" || run.status === "ENQUEUED") && (
        <Button icon="pause" isDisabled={busy} onPress={() => void pause(run_).then(({ data }) => data && changed(data.pauseBackfill))}>
          Pause
        </Button>
      )}
      {run.status === "PAUSED" && (
        <Button icon="play" look="primary" isDisabled={busy} onPress={() => void resume(run_).then(({ data }) => data && changed(data.resumeBackfill))}>
          Resume
        </Button>
      )}
      {run.status !== "CANCELLING" && (
        <Button icon="stop" look="danger" isDisabled={busy} onPress={() => setAsks(true)}>
          Cancel
        </Button>
      )}
      {error && <Notice tone="bad">{tell(error)}</Notice>}
      {asks && (
        <Confirm
          title="Cancel this run?"
          action="Cancel the run"
          danger
          busy={busy}
          run={() =>
            void cancel(run_).then(({ data }) => {
              setAsks(false);
              if (data) changed(data.cancelBackfill);
            })
          }
          close={() => setAsks(false)}
        >
          <p>What is done stays done. The rest stays as it is; another run can do it later.</p>
        </Confirm>
      )}
    </div>
  );
}
