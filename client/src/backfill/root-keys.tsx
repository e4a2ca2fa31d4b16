import type { ReactElement } from "react";
import { useQuery } from "urql";
import { RootKeysDocument, type RootKeysQuery } from "../api/generated";
import { Badge, Failure, Loading } from "../components/basics";

type RootKey = RootKeysQuery["rootKeys"][number];

/** The root keys, what each still wraps, and which may be retired. */
export function RootKeys(): ReactElement {
  const [{ data, error }, again] = useQuery({ query: RootKeysDocument, requestPolicy: "network-only" });
  return (
    <section className="card" aria-label="Root keys">
      <div className="card-head">
        <h2>Root keys</h2>
      </div>
      {error && <Failure error={error} retry={() => again()} />}
      {!data && !error && <Loading what="root keys" />}
      {data && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Root keys, scrolls sideways">
          <table className="small-table" aria-label="Root keys">
            <thead>
              <tr>
                <th scope="col">Id</th>
                <th scope="col" className="right">
                  Data keys
                </th>
                <th scope="col" className="right">
                  Of those, for old values
                </th>
                <th scope="col" className="right">
                  Audit keys
                </th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {data.rootKeys.map((key) => (
                <tr key={key.id}>
                  <th scope="row">
                    <code>{key.id}</code>
                  </th>
                  <td className="right">{key.dataKeys.toLocaleString()}</td>
                  <td className="right">{key.retiredDataKeys.toLocaleString()}</td>
                  <td className="right">{key.auditKeys.toLocaleString()}</td>
                  <td>
                    <State rootKey={key} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="hint">A key that may be retired is needed by nothing in the database. Backups made before may still need it.</p>
    </section>
  );
}

function State({ rootKey }: { rootKey: RootKey }): ReactElement {
  if (!rootKey.present) return <Badge tone="bad">Missing from the keyring, and needed</Badge>;
  if (rootKey.primary) return <Badge tone="accent">Primary: wraps new keys</Badge>;
  return rootKey.safeToRemove ? <Badge tone="good">May be retired</Badge> : <Badge tone="warning">Still needed: rewrap first</Badge>;
}
