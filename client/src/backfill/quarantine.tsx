import type { ReactElement } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import { QuarantineDocument, type QuarantineQuery } from "../api/generated";
import { pageOf, usePages } from "../api/pages";
import { Badge, Button, Failure, Loading, Moment } from "../components/basics";
import { TYPES } from "../configs/value";

type Row = QuarantineQuery["quarantine"]["edges"][number]["node"];

/** Rows that no run can decide, each with its reason. Writing or deleting one clears it. */
export function Quarantine(): ReactElement {
  const client = useClient();
  const [{ data: counted }] = useQuery({ query: QuarantineDocument, variables: { first: 1 }, requestPolicy: "network-only" });
  const [state, pages] = usePages<Row>("", async (after) => {
    const { data, error } = await client.query(QuarantineDocument, { first: 50, after }, { requestPolicy: "network-only" });
    return error ?? (data && pageOf(data.quarantine));
  }, ({ config }) => config.id);
  const total = counted?.quarantine.totalCount ?? 0;
  return (
    <section className="card" aria-label="Quarantine">
      <div className="card-head">
        <h2>Quarantine</h2>
        {total > 0 && <Badge tone="warning">{total.toLocaleString()}</Badge>}
      </div>
      {state.status === "loading" && state.rows.length === 0 && <Loading what="the quarantine" />}
      {state.error && <Failure error={state.error} retry={pages.more} />}
      {state.status === "ready" && state.rows.length === 0 && <p className="muted">Empty: no row waits for somebody to decide it.</p>}
      {state.rows.length > 0 && (
        <>
          <p className="hint">Left untouched, each with its reason. Writing a new value or deleting the row clears it.</p>
          <ul className="lines">
            {state.rows.map(({ config, reason, since }) => (
              <li key={config.id}>
                <Link href={`/?config=${config.id}`}>
                  <code>{config.key}</code>
                </Link>
                <span>
                  {config.integration?.name ?? "standalone"} · {config.organization?.name ?? "global"} · {TYPES[config.type]}
                </span>
                <span className="problem">{reason}</span>
                <span className="muted">
                  since <Moment at={since} />
                </span>
              </li>
            ))}
          </ul>
          {state.hasNext && <Button onPress={pages.more}>More rows</Button>}
        </>
      )}
    </section>
  );
}
