import type { ReactElement } from "react";
import { useClient, useMutation } from "urql";
import { CreateIntegrationDocument, IntegrationsDocument, type IntegrationsQuery } from "../api/generated";
import { pageOf } from "../api/pages";
import { Moment } from "../components/basics";
import { NamedList } from "../components/named-list";
import type { Column } from "../components/table";
import { useMay, useUnlimited } from "../session/viewer";

type Row = IntegrationsQuery["integrations"]["edges"][number]["node"];

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", title: "Name", cell: ({ name }) => name },
  { id: "description", title: "Description", cell: ({ description }) => description ?? "–" },
  { id: "updated", title: "Updated", cell: ({ updatedAt }) => <Moment at={updatedAt} /> },
];

export function IntegrationsPage(): ReactElement {
  const client = useClient();
  const [, create] = useMutation(CreateIntegrationDocument);
  const holds = useMay("integration:write");
  const mayWrite = useUnlimited() && holds;
  return (
    <NamedList<Row>
      title="Integrations"
      one="integration"
      path="/integrations"
      columns={COLUMNS}
      load={async (nameContains, after) => {
        const { data, error } = await client.query(IntegrationsDocument, { nameContains, first: 200, after }, { requestPolicy: "network-only" });
        return error ?? (data && pageOf(data.integrations));
      }}
      make={
        mayWrite
          ? async (name, description) => {
              const { data, error } = await create({ input: { name, description, configSchema: [] } });
              return data ? data.createIntegration.integration : { error };
            }
          : null
      }
      isDescribed
    />
  );
}
