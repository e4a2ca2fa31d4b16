import type { ReactElement } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";
import { AuditEventsDocument, type ConfigRowFragment } from "../api/generated";
import { Failure, Loading, Moment } from "../components/basics";
import { describeAction } from "./actions";

/** The last events about one config, with a link to all of them. */
export function SeenBy({ config }: { config: ConfigRowFragment }): ReactElement {
  const filter = { configId: config.id, ...(config.type === "SECRET" ? { action: "config.reveal" } : {}) };
  const [{ data, error }, again] = useQuery({ query: AuditEventsDocument, variables: { filter, first: 10 }, requestPolicy: "network-only" });
  if (error) return <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading what="the audit log" />;
  return (
    <>
      {data.auditEvents.edges.length === 0 && <p className="muted">Nobody, as far as reveals go.</p>}
      <ul className="lines">
        {data.auditEvents.edges.map(({ node }) => (
          <li key={node.id}>
            <strong>{node.actor}</strong>
            <span>{describeAction(node.action)}</span>
            <span className="muted">
              <Moment at={node.at} />
              {node.address !== null && ` from ${node.address}`}
            </span>
            {node.reason !== null && <q>{node.reason}</q>}
          </li>
        ))}
      </ul>
      <Link href={`/audit?config=${config.id}`}>All events about it</Link>
    </>
  );
}
