import type { ReactElement } from "react";
import type { RunFragment } from "../api/generated";
import { Facts, Moment, type Fact } from "../components/basics";
import { Overlay } from "../components/overlays";

type Certificate = NonNullable<RunFragment["certificate"]>;

/** What a VERIFY proved: what it opened, and what the database itself refuses from then on. */
export function CertificateDialog({ certificate, close }: { certificate: Certificate; close: () => void }): ReactElement {
  const facts: readonly Fact[] = [
    ["When", <Moment at={certificate.at} />],
    ["Values looked at", certificate.rowsChecked.toLocaleString()],
    ["Secrets opened", certificate.secretsOpened.toLocaleString()],
    ["Earlier values looked at", certificate.historyChecked.toLocaleString()],
    ["Earlier secrets opened", certificate.historyOpened.toLocaleString()],
    ["Earlier secrets that do not open", certificate.historyUndecided.toLocaleString()],
    ["Data keys", certificate.dataKeys.toLocaleString()],
    ["Audit keys", certificate.auditKeys.toLocaleString()],
    ["Root keys in use", certificate.rootKeys.join(", ")],
  ];
  return (
    <Overlay title="What was proved" close={close} kind="dialog">
      <div className="dialog-content">
        <Facts facts={facts} />
        <p>The database itself holds from then on:</p>
        <ul className="lines">
          {certificate.constraints.map((constraint) => (
            <li key={constraint}>
              <code>{constraint}</code>
            </li>
          ))}
        </ul>
      </div>
    </Overlay>
  );
}
