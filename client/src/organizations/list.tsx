import { useState, type ReactElement } from "react";
import { useClient, useMutation } from "urql";
import { useLocation } from "wouter";
import { tell } from "../api/errors";
import { CreateOrganizationDocument, OrganizationsDocument } from "../api/generated";
import { usePages } from "../api/pages";
import { Button, Empty, Notice, PageFrame } from "../components/basics";
import { SearchInput, TextInput, type Choice } from "../components/fields";
import { Overlay } from "../components/overlays";
import { useAddressText } from "../components/search";
import { NothingFound, Table, type Column } from "../components/table";
import { useMay, useUnlimited } from "../session/viewer";

const COLUMNS: readonly Column<Choice>[] = [
  { id: "name", title: "Name", cell: ({ name }) => name },
  { id: "id", title: "Id", cell: ({ id }) => <code className="muted">{id}</code> },
];

export function OrganizationsPage(): ReactElement {
  const client = useClient();
  const [typed, type, search] = useAddressText("search");
  const [making, setMaking] = useState(false);
  const mayWrite = useMay("organization:write");
  const unlimited = useUnlimited();
  const [state, pages] = usePages<Choice>(search, async (after) => {
    const variables = { nameContains: search || null, first: 200, after };
    const { data, error } = await client.query(OrganizationsDocument, variables, { requestPolicy: "network-only" });
    if (error ?? !data) return error;
    const { edges, pageInfo } = data.organizations;
    return { rows: edges.map(({ node }) => node), cursor: pageInfo.endCursor, hasNext: pageInfo.hasNextPage };
  });
  return (
    <PageFrame
      title="Organizations"
      wide
      actions={
        mayWrite &&
        unlimited && (
          <Button icon="add" onPress={() => setMaking(true)}>
            New organization
          </Button>
        )
      }
    >
      <search className="filters one" aria-label="Filters">
        <SearchInput label="Search names" value={typed} change={type} />
      </search>
      <Table
        label="Organizations"
        columns={COLUMNS}
        state={state}
        more={pages.more}
        total={null}
        keyOf={({ id }) => id}
        linkOf={({ id }) => `/organizations/${id}`}
        empty={search ? <NothingFound clear={() => type("")} /> : <Empty title="No organizations yet" />}
      />
      {making && <NewOrganization close={() => setMaking(false)} />}
    </PageFrame>
  );
}

function NewOrganization({ close }: { close: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [{ fetching, error }, create] = useMutation(CreateOrganizationDocument);
  const [, go] = useLocation();
  const run = async (): Promise<void> => {
    const { data } = await create({ name });
    if (data) go(`/organizations/${data.createOrganization.organization.id}`);
  };
  return (
    <Overlay title="New organization" close={close} kind="dialog">
      <div className="dialog-content">
        <TextInput label="Name" value={name} change={setName} required autoFocus />
        {error && <Notice tone="bad">{tell(error)}</Notice>}
      </div>
      <footer className="dialog-foot">
        <Button onPress={close}>Cancel</Button>
        <Button look="primary" isDisabled={name === "" || fetching} onPress={() => void run()}>
          Create
        </Button>
      </footer>
    </Overlay>
  );
}
