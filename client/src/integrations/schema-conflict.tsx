import type { ReactElement } from "react";
import { mark, print } from "../api/exact";
import type { SchemaFragment } from "../api/generated";
import { Button, Moment, Notice } from "../components/basics";
import { TYPES } from "../configs/value";
import type { SchemaInput } from "./drafts";

interface SchemaConflictProps {
  readonly theirs: SchemaFragment;
  readonly mine: SchemaInput;
  readonly keepTheirs: () => void;
  readonly useMine: () => void;
}

/** A schema that somebody else has changed meanwhile, beside one's own: where they differ. Nothing is saved until one is chosen. */
export function SchemaConflict({ theirs, mine, keepTheirs, useMine }: SchemaConflictProps): ReactElement {
  return (
    <section className="conflicts" aria-label="Conflict">
      <Notice tone="warning">
        <span>
          Somebody else has changed this integration since you began, <Moment at={theirs.updatedAt} />. Nothing was saved: choose what to go on from.
        </span>
      </Notice>
      <table className="small-table differences" aria-label="Where the two differ">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Theirs</th>
            <th scope="col">Yours</th>
          </tr>
        </thead>
        <tbody>
          {compare(theirs, mine).map(([what, one, other]) => (
            <tr key={what}>
              <th scope="row">
                <code>{what}</code>
              </th>
              <td dir="auto">{one}</td>
              <td dir="auto">{other}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="row-actions">
        <Button onPress={keepTheirs}>Keep theirs, discard mine</Button>
        <Button onPress={useMine}>Go on with mine</Button>
      </div>
    </section>
  );
}

type Difference = readonly [what: string, theirs: string, mine: string];

function compare(theirs: SchemaFragment, mine: SchemaInput): Difference[] {
  const [one, other] = [tellFields(theirs.configSchema), tellFields(mine.configSchema)];
  const told: Difference[] = [
    ["Name", theirs.name, mine.name],
    ["Description", theirs.description ?? "–", mine.description ?? "–"],
    ...[...new Set([...one.keys(), ...other.keys()])].map((key): Difference => [key, one.get(key) ?? "not there", other.get(key) ?? "not there"]),
  ];
  return told.filter(([, first, second]) => first !== second);
}

type AnyField = SchemaFragment["configSchema"][number] | SchemaInput["configSchema"][number];

function tellFields(fields: readonly AnyField[]): Map<string, string> {
  return new Map(fields.map((field) => [field.key, tellField(field)]));
}

function tellField({ type, required, default: value, options, description }: AnyField): string {
  const parts = [TYPES[type], required ? "required" : null];
  // What is edited has its lines; written anew the two are alike.
  if (value !== null && value !== undefined) parts.push(`default ${print(type === "JSON" ? parse(value) : value)}`);
  if (options && options.length > 0) parts.push(`one of ${options.join(", ")}`);
  if (description) parts.push(`“${description}”`);
  return parts.filter((part) => part !== null).join(", ");
}

function parse(value: unknown): unknown {
  try {
    return typeof value === "string" ? (JSON.parse(mark(value)) as unknown) : value;
  } catch {
    return value;
  }
}
