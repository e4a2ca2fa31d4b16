import { useState, type ReactElement } from "react";
import { useMutation, useQuery } from "urql";
import { Link, useLocation, useParams } from "wouter";
import { codeOf, tell } from "../api/errors";
import { DeleteIntegrationDocument, IntegrationDetailsDocument } from "../api/generated";
import { Button, Failure, Loading, Notice, PageFrame } from "../components/basics";
import { useKept } from "../components/kept";
import { plainly } from "../components/names";
import { Confirm } from "../components/overlays";
import { useMay, useViewer } from "../session/viewer";
import { Mappings } from "./mappings";
import { SchemaEditor } from "./schema-editor";

/** One integration: its schema, its defaults, and who is mapped to it. */
export function IntegrationPage(): ReactElement {
  const { id } = useParams<{ id: string }>();
  const [{ data, error }, again] = useQuery({ query: IntegrationDetailsDocument, variables: { id } });
  const [deleting, setDeleting] = useState(false);
  const holds = useMay("integration:write");
  const { organizationIds } = useViewer();
  const mayWrite = holds && organizationIds === null;
  const reload = (): void => again({ requestPolicy: "network-only" });
  const integration = useKept(data?.integration ?? null, id);
  if (!integration || (error && codeOf(error) === "NOT_FOUND")) {
    return (
      <PageFrame title="Integration">
        {error ? <Failure error={error} retry={reload} /> : <Loading what="the integration" />}
      </PageFrame>
    );
  }
  return (
    <PageFrame
      title={integration.name}
      note={
        <nav className="crumbs" aria-label="Where this belongs">
          <Link href={`/?integration=${id}`}>Its values in the list</Link>
        </nav>
      }
      actions={
        <>
          <Link className="button plain" href={`/edit/${id}`}>
            Defaults
          </Link>
          {mayWrite && (
            <Button icon="remove" look="danger" onPress={() => setDeleting(true)}>
              Delete
            </Button>
          )}
        </>
      }
    >
      <SchemaEditor key={id} integration={integration} mayWrite={mayWrite} reload={reload} />
      <Mappings integrationId={id} />
      {deleting && <Delete id={id} name={integration.name} close={() => setDeleting(false)} />}
    </PageFrame>
  );
}

function Delete({ id, name, close }: { id: string; name: string; close: () => void }): ReactElement {
  const [{ fetching, error }, remove] = useMutation(DeleteIntegrationDocument);
  const [, go] = useLocation();
  const run = async (): Promise<void> => {
    const { data } = await remove({ id });
    if (data) go("/integrations");
  };
  return (
    <Confirm title={`Delete ${plainly(name)}?`} action="Delete" danger busy={fetching} run={() => void run()} close={close}>
      <p>Nobody resolves it from then on. Its values stay, masked, and its name is free again. This cannot be undone here.</p>
      {error && <Notice tone="bad">{tell(error)}</Notice>}
    </Confirm>
  );
}
