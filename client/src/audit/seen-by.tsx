import type { ReactElement } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";
import { AuditEventsDocument, type AuditEventFilter, type ConfigRowFragment, type EventFragment } from "../api/generated";
import { Failure, Loading, Moment } from "../components/basics";
import { describeAction } from "./actions";

const SHOWN = 10;
/** Events that are looked through for those with this key. */
const LOOKED_AT = 100;

/** Who saw a secret: the people who revealed it, and the clients that resolved it; of any other value, who touched it. */
export function SeenBy({ config }: { config: ConfigRowFragment }): ReactElement {
  const isSecret = config.type === "SECRET";
  return (
    <>
      <Events
        filter={{ configId: config.id, ...(isSecret ? { action: "config.reveal" } : {}) }}
        first={SHOWN}
        none={isSecret ? "Nobody has revealed it." : "Nothing is on record about it."}
      />
      {isSecret && config.integration !== null && <Resolved config={config} integrationId={config.integration.id} />}
      <Link href={`/audit?config=${config.id}`}>All events about it</Link>
    </>
  );
}

function Resolved({ config: { key, organization }, integrationId }: { config: ConfigRowFragment; integrationId: string }): ReactElement {
  const filter = { action: "config.resolve", integrationId, ...(organization ? { organizationId: organization.id } : {}) };
  return (
    <>
      <h4>{organization ? "Clients that resolved it" : "Clients that resolved it, or an organization’s own value"}</h4>
      <Events filter={filter} first={LOOKED_AT} holds={key} none="None, of late." />
    </>
  );
}

interface EventsProps {
  readonly filter: AuditEventFilter;
  readonly first: number;
  /** Only events with this key. */
  readonly holds?: string;
  readonly none: string;
}

function Events({ filter, first, holds, none }: EventsProps): ReactElement {
  const [{ data, error }, again] = useQuery({ query: AuditEventsDocument, variables: { filter, first }, requestPolicy: "network-only" });
  if (error) return <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading what="the audit log" />;
  const events = data.auditEvents.edges.map(({ node }) => node).filter(({ keys }) => holds === undefined || keys?.includes(holds));
  if (events.length === 0) return <p className="muted">{none}</p>;
  return (
    <ul className="lines">
      {events.slice(0, SHOWN).map((event) => (
        <Line key={event.id} event={event} />
      ))}
    </ul>
  );
}

function Line({ event }: { event: EventFragment }): ReactElement {
  return (
    <li>
      <strong>
        <bdi>{event.actor}</bdi>
      </strong>
      <span>
        {describeAction(event.action)}
        {event.times > 1 && ` ${event.times.toLocaleString()} times`}
      </span>
      <span className="muted">
        <Moment at={event.lastAt} />
        {event.address !== null && ` from ${event.address}`}
      </span>
      {event.reason !== null && <q dir="auto">{event.reason}</q>}
    </li>
  );
}
