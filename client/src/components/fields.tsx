import { useClient } from "urql";
import { useEffect, useState, type ClipboardEvent, type ReactElement } from "react";
import {
  Button,
  ComboBox,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SearchField,
  Select,
  SelectValue,
  SwitchButton,
  SwitchField,
  Text,
  TextArea,
  TextField,
} from "react-aria-components";
import { Icon } from "./icons";

export interface Choice {
  readonly id: string;
  readonly name: string;
}

interface ChoiceFieldProps {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly value: string;
  readonly change: (id: string) => void;
  readonly problem?: string | null;
  readonly hint?: string | null;
  readonly isDisabled?: boolean;
  readonly autoFocus?: boolean;
}

/** One of a few. */
export function ChoiceField({ label, choices, value, change, problem, hint, isDisabled, autoFocus }: ChoiceFieldProps): ReactElement {
  return (
    <Select
      className="field"
      isDisabled={isDisabled ?? false}
      isInvalid={Boolean(problem)}
      value={value}
      onChange={(key) => {
        if (key !== null) change(String(key));
      }}
    >
      <Label>{label}</Label>
      <Button className="control select" autoFocus={autoFocus ?? false}>
        <SelectValue />
        <Icon name="chevron" />
      </Button>
      {hint && <Text slot="description">{hint}</Text>}
      <FieldError>{problem}</FieldError>
      <Popover className="popover">
        <ListBox items={choices}>
          {(choice) => (
            <ListBoxItem className="option" textValue={choice.name}>
              {choice.name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}

interface PickerProps {
  readonly label: string;
  /** Shown where nothing is chosen. */
  readonly none: string;
  /** Whether nothing can be chosen again. */
  readonly needed?: boolean;
  readonly fixed?: readonly Choice[];
  readonly value: string | null;
  readonly change: (id: string | null) => void;
  readonly find: (text: string) => Promise<readonly Choice[]>;
  readonly nameOf: (id: string) => Promise<string | null>;
}

/** One of many, found by typing a part of its name. */
export function Picker({ label, none, needed = false, fixed = [], value, change, find, nameOf }: PickerProps): ReactElement {
  const [text, setText] = useState("");
  const [found, setFound] = useState<readonly Choice[]>([]);
  const [chosen, setChosen] = useState<Choice | null>(null);
  const client = useClient();

  useEffect(() => {
    let wanted = true;
    const known = value === null ? null : fixed.find(({ id }) => id === value);
    const show = (choice: Choice | null): void => {
      if (!wanted) return;
      setChosen(choice);
      setText(choice?.name ?? "");
    };
    if (value === null || known) void Promise.resolve(known ?? null).then(show);
    else void nameOf(value).then((name) => show({ id: value, name: name ?? "(not visible)" }));
    return () => {
      wanted = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the look-ups are the same for as long as the client is
  }, [value, client]);

  useEffect(() => {
    let wanted = true;
    const typed = text === chosen?.name ? "" : text;
    const timer = setTimeout(() => void find(typed).then((choices) => wanted && setFound(choices)), typed ? 150 : 0);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- as above
  }, [text, chosen, client]);

  // What was found before is narrowed at once, so that nothing moves under the pointer when the answer comes.
  const fits = found.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  const shown = text === "" || text === chosen?.name ? [...(needed ? [] : [{ id: "", name: none }]), ...fixed, ...found] : fits;
  return (
    <ComboBox
      className="field"
      menuTrigger="focus"
      items={shown}
      inputValue={text}
      onInputChange={setText}
      value={value ?? ""}
      allowsEmptyCollection
      onChange={(key) => {
        if (key === null) return;
        change(key === "" ? null : String(key));
        setText(key === "" ? "" : (shown.find(({ id }) => id === key)?.name ?? ""));
      }}
      onBlur={() => {
        setText(chosen?.name ?? "");
      }}
    >
      <Label>{label}</Label>
      <div className="control combo">
        <Input placeholder={none} dir="auto" autoComplete="off" />
        <Button>
          <Icon name="chevron" />
        </Button>
      </div>
      <Popover className="popover">
        <ListBox renderEmptyState={() => <p className="option-none">Nothing found</p>}>
          {(choice: Choice) => (
            <ListBoxItem className="option" textValue={choice.name}>
              {choice.name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}

export interface TextProps {
  readonly label: string;
  readonly value: string;
  readonly change: (text: string) => void;
  readonly hint?: string | null;
  readonly problem?: string | null;
  readonly placeholder?: string;
  readonly type?: "text" | "password" | "datetime-local";
  readonly mode?: "text" | "numeric";
  readonly lines?: number;
  readonly code?: boolean;
  readonly required?: boolean;
  readonly isDisabled?: boolean;
  readonly autoFocus?: boolean;
  readonly autoComplete?: string;
}

/** A field of one line drops the ends of lines; pasted text of several has to stay as it is. */
function pasteLines(event: ClipboardEvent<HTMLInputElement>, change: (text: string) => void): void {
  const pasted = event.clipboardData.getData("text").replace(/\r\n?/g, "\n");
  if (!pasted.trimEnd().includes("\n")) return;
  event.preventDefault();
  const { value, selectionStart, selectionEnd } = event.currentTarget;
  change(value.slice(0, selectionStart ?? value.length) + pasted + value.slice(selectionEnd ?? value.length));
}

export function TextInput(props: TextProps): ReactElement {
  const { label, value, change, hint, problem, placeholder, type = "text", mode, lines, code, required } = props;
  return (
    <TextField
      className="field"
      value={value}
      onChange={change}
      type={type}
      isInvalid={Boolean(problem)}
      isRequired={required ?? false}
      validationBehavior="aria"
      isDisabled={props.isDisabled ?? false}
      {...(props.autoFocus ? { autoFocus: true } : {})}
    >
      <Label>{label}</Label>
      {lines ? (
        <TextArea className={code ? "control code" : "control"} dir={code ? "ltr" : "auto"} rows={lines} spellCheck={!code} />
      ) : (
        <Input
          className={code ? "control code" : "control"}
          dir={code || type !== "text" ? "ltr" : "auto"}
          inputMode={mode}
          placeholder={placeholder}
          // Other than "off", this keeps the browser from filling in a password, such as a saved token.
          autoComplete={props.autoComplete ?? (type === "password" ? "new-password" : "off")}
          onPaste={(event) => pasteLines(event, change)}
          spellCheck={false}
        />
      )}
      {hint && <Text slot="description">{hint}</Text>}
      <FieldError>{problem}</FieldError>
    </TextField>
  );
}

export function SearchInput({ label, value, change }: { label: string; value: string; change: (text: string) => void }): ReactElement {
  return (
    <SearchField className="field search" value={value} onChange={change}>
      <Label>{label}</Label>
      <div className="control combo">
        <Icon name="search" />
        <Input dir="auto" autoComplete="off" spellCheck={false} />
      </div>
    </SearchField>
  );
}

interface ToggleProps {
  readonly label: string;
  readonly value: boolean;
  readonly change: (on: boolean) => void;
  readonly isDisabled?: boolean;
  readonly autoFocus?: boolean;
}

export function Toggle({ label, value, change, isDisabled, autoFocus }: ToggleProps): ReactElement {
  return (
    <SwitchField className="switch-field" isSelected={value} onChange={change} isDisabled={isDisabled ?? false} autoFocus={autoFocus ?? false}>
      <SwitchButton className="switch">
        <span className="switch-track" aria-hidden="true" />
        <span>{label}</span>
      </SwitchButton>
    </SwitchField>
  );
}
