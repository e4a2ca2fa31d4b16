import { useState, type ReactElement } from "react";
import type { RunFragment } from "../api/generated";
import { Badge, Button, Moment } from "../components/basics";
import { CertificateDialog } from "./certificate";
import { spell, STATUSES, titleOf } from "./runs";

export function RunTable({ runs }: { runs: readonly RunFragment[] }): ReactElement {
  const [opened, setOpened] = useState<RunFragment["certificate"]>(null);
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
                  {run.certificate && (
                    <Button look="bare" icon="check" onPress={() => setOpened(run.certificate)}>
                      Certificate
                    </Button>
                  )}
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
      {opened && <CertificateDialog certificate={opened} close={() => setOpened(null)} />}
    </div>
  );
}

function took({ startedAt, finishedAt }: RunFragment): string {
  if (startedAt === null || finishedAt === null) return "–";
  return spell((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
}
