import type { ConfigFieldInput, ConfigType, SchemaFragment } from "../api/generated";
import { check, read, write } from "../edit/values";

/** A field of the schema as it is edited; `id` tells fields apart while their keys change. */
export interface FieldDraft {
  readonly id: number;
  readonly key: string;
  readonly type: ConfigType;
  readonly required: boolean;
  readonly default: string;
  readonly options: string;
  readonly description: string;
}

let lastId = 0;

export function newField(): FieldDraft {
  lastId += 1;
  return { id: lastId, key: "", type: "STRING", required: false, default: "", options: "", description: "" };
}

/** The field as one of another type: what was no switch is none by default. */
export function retype(field: FieldDraft, type: ConfigType): FieldDraft {
  const fits = type !== "BOOL" || field.default === "true" || field.default === "false";
  return { ...field, type, default: fits ? field.default : "" };
}

function draftsOf(schema: SchemaFragment["configSchema"]): readonly FieldDraft[] {
  return schema.map((field) => ({
    ...newField(),
    key: field.key,
    type: field.type,
    required: field.required,
    default: write(field.default, field.type),
    options: field.options?.join("\n") ?? "",
    description: field.description ?? "",
  }));
}

/** An integration as it is edited. */
export interface SchemaDraft {
  readonly name: string;
  readonly description: string;
  readonly fields: readonly FieldDraft[];
}

export function beginDraft({ name, description, configSchema }: SchemaFragment): SchemaDraft {
  return { name, description: description ?? "", fields: draftsOf(configSchema) };
}

export interface SchemaInput {
  readonly name: string;
  readonly description: string | null;
  readonly configSchema: ConfigFieldInput[];
}

/** What is sent for it; null if a default cannot be. */
export function inputOf({ name, description, fields }: SchemaDraft): SchemaInput | null {
  const configSchema = inputsOf(fields);
  return configSchema && { name, description: description || null, configSchema };
}

function inputsOf(drafts: readonly FieldDraft[]): ConfigFieldInput[] | null {
  const inputs: ConfigFieldInput[] = [];
  for (const draft of drafts) {
    const isSecret = draft.type === "SECRET";
    if (!isSecret && check(draft.default, draft.type) !== null) return null;
    const options = draft.options.split("\n").map((option) => option.trim()).filter(Boolean);
    inputs.push({
      key: draft.key,
      type: draft.type,
      required: draft.required,
      default: isSecret || draft.default === "" ? null : read(draft.default, draft.type),
      options: isSecret || options.length === 0 ? null : options,
      description: draft.description || null,
    });
  }
  return inputs;
}
