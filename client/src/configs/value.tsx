import type { ReactElement } from "react";
import { print } from "../api/exact";
import type { ConfigType } from "../api/generated";
import { Badge } from "../components/basics";
import { Icon } from "../components/icons";

export const TYPES: Readonly<Record<ConfigType, string>> = {
  STRING: "Text",
  INT: "Number",
  BOOL: "Switch",
  JSON: "JSON",
  SECRET: "Secret",
};

interface ValueProps {
  readonly type: ConfigType;
  readonly value: unknown;
  /** Undefined where it is of no interest. */
  readonly sealed?: boolean;
}

/** Of a value that may be 64 KB long, what a list has room for, and what a title tells. */
const IN_SIGHT = 400;
const LONGEST = 2000;

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** A value as lists show it: a secret is a lock, and marked if it is not sealed yet. */
export function Value({ type, value, sealed }: ValueProps): ReactElement {
  if (type === "SECRET") {
    return (
      <span className="value secret">
        <Icon name={sealed === false ? "unlock" : "lock"} />
        <code>[SECRET]</code>
        {sealed === false && <Badge tone="warning">Not sealed</Badge>}
      </span>
    );
  }
  if (value === null || value === undefined) return <span className="value none">–</span>;
  const text = cut(print(value), LONGEST);
  return (
    <code className="value" title={text} dir="auto">
      {cut(text, IN_SIGHT)}
    </code>
  );
}
