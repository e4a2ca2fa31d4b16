import { useState, type ReactElement } from "react";
import { useClient } from "urql";
import { useSearchParams } from "wouter";
import { print } from "../api/exact";
import { AuditEventsDocument, type AuditEventFilter, type EventFragment } from "../api/generated";
import { pageOf, usePages } from "../api/pages";
import { Badge, Button, Empty, Facts, Moment, PageFrame, type Fact } from "../components/basics";
import { ChoiceField, Picker, TextInput } from "../components/fields";
import { Overlay } from "../components/overlays";
import { useAddressText } from "../components/search";
import { NothingFound, Table, type Column } from "../components/table";
import { useLookups } from "../configs/lookups";
import { ACTIONS, describeAction } from "./actions";

const COLUMNS: readonly Column<EventFragment>[] = [
  { id: "at", title: "When", cell: ({ at }) => <Moment at={at} /> },
  { id: "actor", title: "Who", cell: ({ actor }) => actor },
  { id: "action", title: "What", cell: ({ action, times }) => (times > 1 ? `${describeAction(action)} × ${times.toLocaleString()}` : describeAction(action)) },
  { id: "keys", title: "Keys", cell: ({ keys }) => (keys ? <code>{keys.join(", ")}</code> : "–") },
  { id: "integration", title: "Integration", cell: ({ integration, integrationId }) => (integration ? <Badge tone="accent">{integration.name}</Badge> : integrationId ? "(deleted)" : "–") },
  { id: "organization", title: "Organization", cell: ({ organization, organizationId }) => organization?.name ?? (organizationId ? "(deleted)" : "–") },
  { id: "reason", title: "Reason", cell: ({ reason }) => reason ?? "–" },
];

const NAMES = ["action", "actor", "organization", "integration", "config", "since", "until"] as const;

/** Who did what, newest first. */
export function AuditPage(): ReactElement {
  const client = useClient();
  const [parameters, setParameters] = useSearchParams();
  const get = (name: (typeof NAMES)[number]): string | null => parameters.get(name);
  const set = (name: (typeof NAMES)[number], value: string | null): void =>
    setParameters((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(name, value);
      else after.delete(name);
      return after;
    });
  const [actor, typeActor] = useAddressText("actor");
  const filter: AuditEventFilter = {
    action: get("action"),
    actor: get("actor"),
    organizationId: get("organization"),
    integrationId: get("integration"),
    configId: get("config"),
    since: moment(get("since")),
    until: moment(get("until")),
  };
  const [state, pages] = usePages<EventFragment>(JSON.stringify(filter), async (after) => {
    const { data, error } = await client.query(AuditEventsDocument, { filter, first: 100, after }, { requestPolicy: "network-only" });
    return error ?? (data && pageOf(data.auditEvents));
  }, ({ id }) => id);
  const open = parameters.get("event");
  const event = state.rows.find(({ id }) => id === open);
  const withEvent = (id: string | null): URLSearchParams => {
    const next = new URLSearchParams(parameters);
    if (id === null) next.delete("event");
    else next.set("event", id);
    return next;
  };
  const { organizations, integrations } = useLookups();
  const narrowed = NAMES.some((name) => parameters.has(name));
  return (
    <PageFrame
      title="Audit"
      wide
      note={
        filter.configId && (
          <Badge tone="accent">About one value</Badge>
        )
      }
      actions={narrowed && <Button onPress={() => setParameters({})}>Clear filters</Button>}
    >
      <search className="filters" aria-label="Filters">
        <ChoiceField
          label="What"
          value={get("action") ?? ""}
          change={(action) => set("action", action)}
          choices={[{ id: "", name: "Anything" }, ...Object.entries(ACTIONS).map(([id, name]) => ({ id, name: `${name} (${id})` }))]}
        />
        <TextInput label="Who" value={actor} change={typeActor} placeholder="Exact name" />
        <Picker label="Organization" none="Any" value={get("organization")} change={(id) => set("organization", id)} {...organizations} />
        <Picker label="Integration" none="Any" value={get("integration")} change={(id) => set("integration", id)} {...integrations} />
        <TextInput label="From" type="datetime-local" value={localTime(get("since"))} change={(text) => set("since", moment(text))} />
        <TextInput label="Until" type="datetime-local" value={localTime(get("until"))} change={(text) => set("until", moment(text))} />
      </search>
      <Table
        label="Audit log"
        columns={COLUMNS}
        state={state}
        more={pages.more}
        total={null}
        keyOf={({ id }) => id}
        linkOf={({ id }) => `/audit?${withEvent(id).toString()}`}
        empty={narrowed ? <NothingFound clear={() => setParameters({})} /> : <Empty title="Nothing has been done yet" />}
      />
      {event && <EventDrawer event={event} close={() => setParameters(withEvent(null), { replace: true })} />}
    </PageFrame>
  );
}

/** A moment of the address as the reader's clock shows it, for a field. */
function localTime(text: string | null): string {
  const at = moment(text);
  if (at === null) return "";
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What the reader's clock shows, as a moment with its zone: the address is for others, too. */
function moment(text: string | null): string | null {
  const date = text ? new Date(text) : null;
  return date && !Number.isNaN(date.getTime()) ? date.toISOString() : null;
}

function Span({ event: { at, lastAt } }: { event: EventFragment }): ReactElement {
  return (
    <>
      <Moment at={at} /> to <Moment at={lastAt} />
    </>
  );
}

function EventDrawer({ event, close }: { event: EventFragment; close: () => void }): ReactElement {
  const [raw, setRaw] = useState(false);
  const facts: readonly Fact[] = [
    ["When", event.times > 1 ? <Span event={event} /> : <Moment at={event.at} />],
    ["Times", event.times > 1 ? event.times.toLocaleString() : null],
    ["Who", event.actor],
    ["What", `${describeAction(event.action)} (${event.action})`],
    ["Keys", event.keys?.join(", ") ?? null],
    ["Integration", event.integration?.name ?? event.integrationId],
    ["Organization", event.organization?.name ?? event.organizationId],
    ["Value", event.configId],
    ["Reason", event.reason],
    ["From", event.address],
    ["Number in its chain", event.sequence],
  ];
  return (
    <Overlay title={describeAction(event.action)} close={close} kind="drawer">
      <div className="dialog-content">
        <Facts facts={facts} />
        {event.detail !== null && (
          <>
            <div className="row-actions">
              <Button onPress={() => setRaw(!raw)} aria-expanded={raw}>
                {raw ? "Hide details" : "Show details"}
              </Button>
            </div>
            {raw && <pre>{print(event.detail, 2)}</pre>}
          </>
        )}
      </div>
    </Overlay>
  );
}
