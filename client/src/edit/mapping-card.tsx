import type { ReactElement } from "react";
import type { Problem } from "../api/errors";
import type { EditFormQuery } from "../api/generated";
import { Badge, Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";

type Form = EditFormQuery["overview"][number];
type Mapping = NonNullable<Form["mapping"]>;

/** What the customer is over there, as somebody has changed it and not saved it. */
export interface EntityDraft {
  readonly id: string;
  readonly name: string;
  /** The entity id that the form showed; null is: not mapped yet. */
  readonly base: string | null;
}

/** The mapping that is the organization's own: that of a fallback is everybody's. */
export function ownMapping(form: Form): Mapping | null {
  return form.mapping?.organization ? form.mapping : null;
}

/** Whether somebody else has mapped it, or mapped it to another entity, since the draft was begun. */
export function isOvertaken(form: Form, draft: EntityDraft | null): boolean {
  const mapping = ownMapping(form);
  return draft !== null && mapping !== null && draft.base !== mapping.entityId;
}

interface MappingCardProps {
  readonly form: Form;
  readonly draft: EntityDraft | null;
  /** Null drops what was changed. */
  readonly change: (draft: EntityDraft | null) => void;
  readonly overtaken: boolean;
  readonly problems: readonly Problem[];
  readonly isDisabled: boolean;
}

/** What the customer is over there. */
export function MappingCard({ form, draft, change, overtaken, problems, isDisabled }: MappingCardProps): ReactElement {
  const mapping = ownMapping(form);
  const entity = draft ?? { id: mapping?.entityId ?? "", name: mapping?.entityName ?? "", base: mapping?.entityId ?? null };
  const find = (name: string): string | null => problems.find(({ path }) => path[0] === name)?.message ?? null;
  return (
    <section className="card stack" aria-label="Mapping">
      <div className="card-head">
        <h2>Mapping</h2>
        {!mapping && <Badge tone="warning">{form.mapping ? "Uses the fallback: saving makes a mapping of its own" : "Not mapped yet: saving makes the mapping"}</Badge>}
      </div>
      {overtaken && mapping && draft && <Overtaken mapping={mapping} draft={draft} change={change} />}
      <div className="columns">
        <TextInput label="Entity id" hint="The customer's id over there." value={entity.id} change={(id) => change({ ...entity, id })} problem={find("entityId")} isDisabled={isDisabled} required />
        <TextInput label="Entity name" value={entity.name} change={(name) => change({ ...entity, name })} problem={find("entityName")} isDisabled={isDisabled} />
      </div>
    </section>
  );
}

function Overtaken({ mapping, draft, change }: { mapping: Mapping; draft: EntityDraft; change: (draft: EntityDraft | null) => void }): ReactElement {
  return (
    <div className="conflict" role="group" aria-label="Conflict of the mapping">
      <Notice tone="warning">Somebody else has changed the mapping since you began. Nothing was saved: choose what is to stay.</Notice>
      <div className="columns">
        <div className="side-by-side">
          <p className="label">Theirs</p>
          <Entity id={mapping.entityId} name={mapping.entityName ?? ""} />
          <Button onPress={() => change(null)} aria-label="Keep theirs: mapping">
            Keep theirs
          </Button>
        </div>
        <div className="side-by-side">
          <p className="label">Yours</p>
          <Entity id={draft.id} name={draft.name} />
          <Button onPress={() => change({ ...draft, base: mapping.entityId })} aria-label="Use mine: mapping">
            Use mine
          </Button>
        </div>
      </div>
    </div>
  );
}

function Entity({ id, name }: { id: string; name: string }): ReactElement {
  return (
    <p>
      <code dir="auto">{id}</code> <bdi>{name}</bdi>
    </p>
  );
}
