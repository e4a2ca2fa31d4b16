import { useState, type ReactElement } from "react";
import { useClient, useQuery } from "urql";
import { useSearchParams } from "wouter";
import { ConfigCountDocument, ConfigsDocument, type ConfigRowFragment } from "../api/generated";
import { pageOf, usePages } from "../api/pages";
import { Badge, Button, count, Empty, Moment, PageFrame } from "../components/basics";
import { ChoiceField, Picker, SearchInput } from "../components/fields";
import { useAddressText } from "../components/search";
import { NothingFound, Table, type Column } from "../components/table";
import { StandaloneDialog } from "../edit/standalone";
import { useMay, useViewer } from "../session/viewer";
import { Details } from "./details";
import { filterOf, isNarrowed, NO_FILTERS, STANDALONE, useFilters, type Filters } from "./filters";
import { useLookups } from "./lookups";
import { TYPES, Value } from "./value";

const PAGE = 200;

const COLUMNS: readonly Column<ConfigRowFragment>[] = [
  { id: "key", title: "Key", cell: (row) => <KeyCell row={row} />, order: ["KEY", "KEY_DESC"] },
  { id: "integration", title: "Integration", cell: ({ integration, standalone }) => (integration ? <Badge tone="accent">{integration.name}</Badge> : standalone ? "–" : <span className="muted">(deleted)</span>) },
  { id: "scope", title: "Scope", cell: ({ scope }) => (scope === "GLOBAL" ? "Global" : "Organization") },
  { id: "organization", title: "Organization", cell: ({ organization }) => organization?.name ?? "–" },
  { id: "type", title: "Type", cell: ({ type }) => TYPES[type] },
  { id: "value", title: "Value", cell: ({ type, value, sealed }) => <Value type={type} value={value} sealed={sealed} /> },
  { id: "updated", title: "Updated", cell: ({ updatedAt }) => <Moment at={updatedAt} />, order: ["UPDATED_AT", "UPDATED_AT_DESC"] },
  { id: "by", title: "By", cell: ({ updatedBy }) => updatedBy },
];

/** On a narrow screen there is no column for whose value it is: it is told below the key. */
function KeyCell({ row }: { row: ConfigRowFragment }): ReactElement {
  return (
    <>
      <span className="whole" title={row.key}>
        {row.key}
      </span>
      <span className="below">{row.organization?.name ?? "Global"}</span>
    </>
  );
}

export function ConfigsPage(): ReactElement {
  const [filters, change] = useFilters();
  const [parameters, setParameters] = useSearchParams();
  const client = useClient();
  const [making, setMaking] = useState(false);
  const [round, setRound] = useState(0);
  const holds = useMay("config:write");
  const { integrationIds } = useViewer();
  const mayWrite = holds && integrationIds === null;
  const filter = filterOf(filters);
  const [state, pages] = usePages(JSON.stringify([filter, filters.order, round]), async (after) => {
    const variables = { filter, orderBy: filters.order, first: PAGE, after };
    const { data, error } = await client.query(ConfigsDocument, variables, { requestPolicy: "network-only" });
    return error ?? (data && pageOf(data.configs));
  }, ({ id }: ConfigRowFragment) => id);
  const [{ data: counted }] = useQuery({ query: ConfigCountDocument, variables: { filter } });
  const total = counted?.configs.totalCount ?? null;

  const open = parameters.get("config");
  const withConfig = (id: string | null): URLSearchParams => {
    const next = new URLSearchParams(parameters);
    if (id === null) next.delete("config");
    else next.set("config", id);
    return next;
  };
  return (
    <PageFrame
      title="Configuration"
      wide
      note={total !== null && <Count total={total} />}
      actions={
        mayWrite && (
          <Button icon="add" onPress={() => setMaking(true)}>
            New standalone value
          </Button>
        )
      }
    >
      <FilterBar filters={filters} change={change} />
      <Table
        label="Configuration"
        columns={COLUMNS}
        state={state}
        more={pages.more}
        total={total}
        keyOf={({ id }) => id}
        linkOf={({ id }) => `/?${withConfig(id).toString()}`}
        order={filters.order}
        sort={(order) => change({ order: order as Filters["order"] })}
        empty={
          isNarrowed(filters) ? (
            <NothingFound clear={() => change(NO_FILTERS)} />
          ) : (
            <Empty title="No configuration yet">
              <p>Values appear here once an integration has defaults or an organization has values of its own.</p>
            </Empty>
          )
        }
      />
      {open !== null && (
        <Details
          key={open}
          id={open}
          close={() => setParameters(withConfig(null), { replace: true })}
          changed={(config) => pages.patch((row) => (row.id === config.id ? config : row))}
          deleted={(id) => pages.patch((row) => (row.id === id ? null : row))}
        />
      )}
      {making && <StandaloneDialog config={null} close={() => setMaking(false)} written={() => setRound(round + 1)} />}
    </PageFrame>
  );
}

function Count({ total }: { total: number }): ReactElement {
  return <span role="status">{count(total, "value")}</span>;
}

function FilterBar({ filters, change }: { filters: Filters; change: (part: Partial<Filters>) => void }): ReactElement {
  const { organizations, integrations } = useLookups();
  const [typed, type] = useAddressText("search");
  return (
    <search className="filters" aria-label="Filters">
      <SearchInput label="Search keys" value={typed} change={type} />
      <Picker label="Organization" none="Any" value={filters.organization} change={(organization) => change({ organization })} {...organizations} />
      <ChoiceField
        label="Scope"
        value={filters.scope}
        change={(scope) => change({ scope: scope as Filters["scope"] })}
        choices={[
          { id: "ORGANIZATION_AND_GLOBAL", name: "Organization and global" },
          { id: "ORGANIZATION_ONLY", name: "Organization only" },
          { id: "GLOBAL_ONLY", name: "Global only" },
          { id: "ALL", name: "All" },
        ]}
      />
      <Picker
        label="Integration"
        none="Any"
        fixed={[{ id: STANDALONE, name: "– Standalone" }]}
        value={filters.integration}
        change={(integration) => change({ integration })}
        {...integrations}
      />
      <ChoiceField
        label="Type"
        value={filters.type ?? ""}
        change={(type) => change({ type: type === "" ? null : (type as Filters["type"]) })}
        choices={[{ id: "", name: "Any" }, ...Object.entries(TYPES).map(([id, name]) => ({ id, name }))]}
      />
    </search>
  );
}
