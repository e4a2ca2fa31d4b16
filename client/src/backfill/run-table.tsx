import type { ReactElement } from "react";
import type { RunFragment } from "../api/generated";
import { Badge, Moment } from "../components/basics";
import { spell, STATUSES, titleOf } from "./runs";

export function RunTable({ runs }: { runs: readonly RunFragment[] }): ReactElement {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Earlier runs, scrolls sideways">
      <table className="small-table" aria-label="Earlier runs">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Ended</th>
            <th scope="col">How</th>
            <th scope="col" className="right">Rows</th>
            <th scope="col" className="right">Changed</th>
            <th scope="col" className="right">Quarantined</th>
            <th scope="col" className="right">Took</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => {
            const [name, tone] = STATUSES[run.status];
            return (
              <tr key={run.id}>
                <th scope="row">{titleOf(run)}</th>
                <td>{run.finishedAt === null ? "–" : <Moment at={run.finishedAt} />}</td>
                <td>
                  <Badge tone={tone}>{name}</Badge>
                  {run.error !== null && <p className="problem">{run.error}</p>}
                </td>
                <td className="right">{run.processed.toLocaleString()}</td>
                <td className="right">{run.changed.toLocaleString()}</td>
                <td className="right">{run.quarantined.toLocaleString()}</td>
                <td className="right">{took(run)}</td>
                <td>{run.startedBy}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function took({ startedAt, finishedAt }: RunFragment): string {
  if (startedAt === null || finishedAt === null) return "–";
  return spell((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
}
