import type { ReactElement } from "react";
import { Button, count } from "../components/basics";
import { TextInput, type TextProps } from "../components/fields";

/** A secret that is being written: never shown, and with all of its lines, as keys and certificates have them. */
export function SecretInput(props: Pick<TextProps, "label" | "value" | "change" | "hint" | "problem" | "placeholder" | "isDisabled" | "autoFocus">): ReactElement {
  const { label, value, change, problem } = props;
  if (!value.includes("\n")) return <TextInput {...props} type="password" />;
  return (
    <div className="field" role="group" aria-label={label}>
      <span>{label}</span>
      <div className="row-actions" role="status">
        A secret of {count(value.trimEnd().split("\n").length, "line")}, as it was pasted. It is not shown.
        <Button onPress={() => change("")}>Paste another</Button>
      </div>
      {problem && (
        <span className="problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
