import { useState, type ReactElement } from "react";
import { useClient, useMutation } from "urql";
import { useLocation } from "wouter";
import { tell } from "../api/errors";
import { CreateIntegrationDocument, IntegrationsDocument, type IntegrationsQuery } from "../api/generated";
import { usePages } from "../api/pages";
import { Button, Empty, Moment, Notice, PageFrame } from "../components/basics";
import { SearchInput, TextInput } from "../components/fields";
import { Overlay } from "../components/overlays";
import { useAddressText } from "../components/search";
import { NothingFound, Table, type Column } from "../components/table";
import { useMay, useUnlimited } from "../session/viewer";

type Row = IntegrationsQuery["integrations"]["edges"][number]["node"];

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", title: "Name", cell: ({ name }) => name },
  { id: "description", title: "Description", cell: ({ description }) => description ?? "–" },
  { id: "updated", title: "Updated", cell: ({ updatedAt }) => <Moment at={updatedAt} /> },
];

export function IntegrationsPage(): ReactElement {
  const client = useClient();
  const [typed, type, search] = useAddressText("search");
  const [making, setMaking] = useState(false);
  const mayWrite = useMay("integration:write");
  const unlimited = useUnlimited();
  const [state, pages] = usePages<Row>(search, async (after) => {
    const variables = { nameContains: search || null, first: 200, after };
    const { data, error } = await client.query(IntegrationsDocument, variables, { requestPolicy: "network-only" });
    if (error ?? !data) return error;
    const { edges, pageInfo } = data.integrations;
    return { rows: edges.map(({ node }) => node), cursor: pageInfo.endCursor, hasNext: pageInfo.hasNextPage };
  });
  return (
    <PageFrame
      title="Integrations"
      wide
      actions={
        mayWrite &&
        unlimited && (
          <Button icon="add" onPress={() => setMaking(true)}>
            New integration
          </Button>
        )
      }
    >
      <search className="filters one" aria-label="Filters">
        <SearchInput label="Search names" value={typed} change={type} />
      </search>
      <Table
        label="Integrations"
        columns={COLUMNS}
        state={state}
        more={pages.more}
        total={null}
        keyOf={({ id }) => id}
        linkOf={({ id }) => `/integrations/${id}`}
        empty={search ? <NothingFound clear={() => type("")} /> : <Empty title="No integrations yet" />}
      />
      {making && <NewIntegration close={() => setMaking(false)} />}
    </PageFrame>
  );
}

function NewIntegration({ close }: { close: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [{ fetching, error }, create] = useMutation(CreateIntegrationDocument);
  const [, go] = useLocation();
  const run = async (): Promise<void> => {
    const { data } = await create({ input: { name, description: description || null, configSchema: [] } });
    if (data) go(`/integrations/${data.createIntegration.integration.id}`);
  };
  return (
    <Overlay title="New integration" close={close} kind="dialog">
      <div className="dialog-content">
        <TextInput label="Name" value={name} change={setName} required autoFocus />
        <TextInput label="Description" value={description} change={setDescription} />
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
