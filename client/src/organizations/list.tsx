import type { ReactElement } from "react";
import { useClient, useMutation } from "urql";
import { CreateOrganizationDocument, OrganizationsDocument } from "../api/generated";
import { pageOf } from "../api/pages";
import type { Choice } from "../components/fields";
import { NamedList } from "../components/named-list";
import type { Column } from "../components/table";
import { useMay, useUnlimited } from "../session/viewer";

const COLUMNS: readonly Column<Choice>[] = [
  { id: "name", title: "Name", cell: ({ name }) => name },
  { id: "id", title: "Id", cell: ({ id }) => <code className="muted">{id}</code> },
];

export function OrganizationsPage(): ReactElement {
  const client = useClient();
  const [, create] = useMutation(CreateOrganizationDocument);
  const holds = useMay("organization:write");
  const mayWrite = useUnlimited() && holds;
  return (
    <NamedList<Choice>
      title="Organizations"
      one="organization"
      path="/organizations"
      columns={COLUMNS}
      load={async (nameContains, after) => {
        const { data, error } = await client.query(OrganizationsDocument, { nameContains, first: 200, after }, { requestPolicy: "network-only" });
        return error ?? (data && pageOf(data.organizations));
      }}
      make={
        mayWrite
          ? async (name) => {
              const { data, error } = await create({ name });
              return data ? data.createOrganization.organization : { error };
            }
          : null
      }
    />
  );
}
