import type { ReactElement } from "react";
import type { ConfigType } from "../api/generated";
import { ChoiceField, TextInput, Toggle } from "../components/fields";
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
        <Toggle label={label} value={text === "true"} change={(on) => change(String(on))} isDisabled={isDisabled} />
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
    return <ChoiceField label={label} choices={known} value={text} change={change} hint={hint} problem={problem} isDisabled={isDisabled} />;
  }
  return (
    <TextInput
      label={label}
      type={type === "SECRET" ? "password" : "text"}
      mode={type === "INT" ? "numeric" : "text"}
      {...(type === "JSON" ? { lines: Math.min(14, Math.max(3, text.split("\n").length)), code: true } : {})}
      value={text}
      change={change}
      hint={hint}
      problem={problem ?? check(text, type)}
      placeholder={placeholder}
      isDisabled={isDisabled}
      autoFocus={autoFocus}
    />
  );
}
