import type { ReactElement } from "react";
import type { ConfigType } from "../api/generated";
import { ChoiceField, TextInput, Toggle } from "../components/fields";
import { SecretInput } from "./secret-editor";
import { check } from "./values";

interface ValueEditorProps {
  readonly label: string;
  readonly type: ConfigType;
  readonly options: readonly string[] | null;
  readonly text: string;
  readonly change: (text: string) => void;
  readonly hint: string | null;
  readonly problem: string | null;
  readonly placeholder: string;
  readonly isDisabled: boolean;
  readonly autoFocus: boolean;
}

/** The editor of one value that is no stored secret: text, number, switch, JSON or one of several choices. */
export function ValueEditor({ label, type, options, text, change, hint, problem, placeholder, isDisabled, autoFocus }: ValueEditorProps): ReactElement {
  if (type === "BOOL") {
    return (
      <div className="field">
        <Toggle label={label} value={text === "true"} change={(on) => change(String(on))} isDisabled={isDisabled} autoFocus={autoFocus} />
        {hint && <span className="hint">{hint}</span>}
        {problem && (
          <span className="problem" role="alert">
            {problem}
          </span>
        )}
      </div>
    );
  }
  if (options) {
    const choices = [{ id: "", name: placeholder || "Not set" }, ...options.map((name) => ({ id: name, name }))];
    const known = text === "" || options.includes(text) ? choices : [...choices, { id: text, name: `${text} (no longer an option)` }];
    return <ChoiceField label={label} choices={known} value={text} change={change} hint={hint} problem={problem} isDisabled={isDisabled} autoFocus={autoFocus} />;
  }
  const common = { label, value: text, change, hint, problem: problem ?? check(text, type), placeholder, isDisabled, autoFocus };
  if (type === "SECRET") return <SecretInput {...common} />;
  const lines = Math.min(14, Math.max(3, text.split("\n").length));
  if (type === "JSON") return <TextInput {...common} lines={lines} code />;
  return <TextInput {...common} mode={type === "INT" ? "numeric" : "text"} {...(text.includes("\n") ? { lines } : {})} />;
}
