import type { ReactElement } from "react";
import { useQuery } from "urql";
import { ConfigDetailsDocument, type ConfigRowFragment } from "../api/generated";
import { Failure, Loading, Moment } from "../components/basics";
import { Overlay } from "../components/overlays";
import { TYPES, Value } from "./value";

interface DetailsProps {
  readonly id: string;
  readonly close: () => void;
  readonly changed: (config: ConfigRowFragment) => void;
  readonly deleted: (id: string) => void;
}

export function Details({ id, close }: DetailsProps): ReactElement {
  const [{ data, error }, again] = useQuery({ query: ConfigDetailsDocument, variables: { id } });
  const config = data?.config;
  return (
    <Overlay title={config?.key ?? "Configuration"} close={close} kind="drawer">
      {error && <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} />}
      {!config && !error && <Loading what="the value" />}
      {config && (
        <dl className="facts">
          <dt>Integration</dt>
          <dd>{config.integration?.name ?? "–"}</dd>
          <dt>Organization</dt>
          <dd>{config.organization?.name ?? "– (global)"}</dd>
          <dt>Type</dt>
          <dd>{TYPES[config.type]}</dd>
          <dt>Value</dt>
          <dd><Value type={config.type} value={config.value} sealed={config.sealed} /></dd>
          <dt>Updated</dt>
          <dd><Moment at={config.updatedAt} /> by {config.updatedBy}</dd>
        </dl>
      )}
    </Overlay>
  );
}
