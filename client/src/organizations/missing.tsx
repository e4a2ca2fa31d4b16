import { useState, type ReactElement } from "react";
import { useClient } from "urql";
import { Link } from "wouter";
import { MissingValuesDocument, type MissingValuesQuery } from "../api/generated";
import { pageOf, usePages } from "../api/pages";
import { Badge, Button, count, Empty, Failure, Loading, PageFrame } from "../components/basics";
import { valuePath } from "../edit/paths";

type Mapping = MissingValuesQuery["mappings"]["edges"][number]["node"];

const PAGE = 200;
const ENOUGH = 50;
/** Mappings that are looked at before the reader is asked whether to go on. */
const MOST = 2000;

/** Which customer misses which required key, of which integration. */
export function MissingPage(): ReactElement {
  const client = useClient();
  const [looked, setLooked] = useState({ at: 0, of: 0 });
  const [state, pages] = usePages<Mapping>("", async (after) => {
    const rows: Mapping[] = [];
    let at = after;
    for (let seen = 0; ; ) {
      const { data, error } = await client.query(MissingValuesDocument, { first: PAGE, after: at }, { requestPolicy: "network-only" });
      if (error ?? !data) return error;
      const page = pageOf(data.mappings);
      seen += page.rows.length;
      at = page.cursor;
      rows.push(...page.rows.filter(({ missing }) => missing.length > 0));
      if (page.hasNext && rows.length < ENOUGH && seen < MOST) continue;
      setLooked((before) => ({ at: before.at + seen, of: data.mappings.totalCount }));
      return { rows, cursor: at, hasNext: page.hasNext };
    }
  }, ({ id }) => id);
  return (
    <PageFrame
      title="Missing values"
      note={
        <span role="status">
          Looked at {looked.at.toLocaleString()} of {count(looked.of, "mapping")}
        </span>
      }
    >
      <p className="hint">Required keys that have neither a value of the organization&rsquo;s own nor a default. Whoever resolves these integrations gets them without.</p>
      {state.rows.length > 0 && (
        <section className="card" aria-label="Missing values">
          <table className="small-table missing-table" aria-label="Missing values">
            <thead>
              <tr>
                <th scope="col">Organization</th>
                <th scope="col">Integration</th>
                <th scope="col">Missing</th>
              </tr>
            </thead>
            <tbody>
              {state.rows.map((mapping) => (
                <Row key={mapping.id} mapping={mapping} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {state.status === "loading" && <Loading what="what is missing" />}
      {state.error && <Failure error={state.error} retry={pages.more} />}
      {state.status === "ready" && state.rows.length === 0 && !state.hasNext && <Empty title="Nothing is missing" />}
      {state.status === "ready" && state.hasNext && <Button onPress={pages.more}>Look further</Button>}
    </PageFrame>
  );
}

function Row({ mapping: { organization, integration, missing } }: { mapping: Mapping }): ReactElement {
  return (
    <tr>
      <th scope="row">
        {organization ? <Link href={`/organizations/${organization.id}?show=missing`}>{organization.name}</Link> : <Badge>Fallback for all others</Badge>}
      </th>
      <td>
        <Link href={`/integrations/${integration.id}`}>{integration.name}</Link>
      </td>
      <td>
        <span className="keys">
          {missing.map((key) => (
            <Link key={key} href={valuePath(integration.id, organization?.id ?? null, key)}>
              <code>{key}</code>
            </Link>
          ))}
        </span>
      </td>
    </tr>
  );
}
