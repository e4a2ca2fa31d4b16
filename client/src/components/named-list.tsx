// A list of things with names, such as organizations: searched by name, and a new one is made by its name.
import { useState, type ReactElement } from "react";
import type { CombinedError } from "urql";
import { useLocation } from "wouter";
import { tell } from "../api/errors";
import { usePages, type Page } from "../api/pages";
import { Button, Empty, Notice, PageFrame } from "./basics";
import { SearchInput, TextInput, type Choice } from "./fields";
import { Foot, Overlay } from "./overlays";
import { useAddressText } from "./search";
import { NothingFound, Table, type Column } from "./table";

/** The id of what was made, or why it was not. */
export type Made = { readonly id: string } | { readonly error: CombinedError | undefined };

interface NamedListProps<Row extends Choice> {
  /** What they are, in the plural, as a title has it. */
  readonly title: string;
  /** What one of them is. */
  readonly one: string;
  /** The list's address; one of them is below it, by its id. */
  readonly path: string;
  readonly columns: readonly Column<Row>[];
  readonly load: (nameContains: string | null, after: string | null) => Promise<Page<Row> | CombinedError | undefined>;
  /** Makes one; null where the viewer may not. */
  readonly make: ((name: string, description: string | null) => Promise<Made>) | null;
  readonly isDescribed?: boolean;
}

export function NamedList<Row extends Choice>({ title, one, path, columns, load, make, isDescribed = false }: NamedListProps<Row>): ReactElement {
  const [typed, type, search] = useAddressText("search");
  const [making, setMaking] = useState(false);
  const [state, pages] = usePages<Row>(search, (after) => load(search || null, after), ({ id }) => id);
  return (
    <PageFrame
      title={title}
      wide
      actions={
        make && (
          <Button icon="add" onPress={() => setMaking(true)}>
            New {one}
          </Button>
        )
      }
    >
      <search className="filters one" aria-label="Filters">
        <SearchInput label="Search names" value={typed} change={type} />
      </search>
      <Table
        label={title}
        columns={columns}
        state={state}
        more={pages.more}
        total={null}
        keyOf={({ id }) => id}
        linkOf={({ id }) => `${path}/${id}`}
        empty={search ? <NothingFound clear={() => type("")} /> : <Empty title={`No ${title.toLowerCase()} yet`} />}
      />
      {making && make && <Making one={one} path={path} make={make} isDescribed={isDescribed} close={() => setMaking(false)} />}
    </PageFrame>
  );
}

interface MakingProps {
  readonly one: string;
  readonly path: string;
  readonly make: (name: string, description: string | null) => Promise<Made>;
  readonly isDescribed: boolean;
  readonly close: () => void;
}

function Making({ one, path, make, isDescribed, close }: MakingProps): ReactElement {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CombinedError | undefined>(undefined);
  const [, go] = useLocation();
  const run = async (): Promise<void> => {
    setBusy(true);
    const made = await make(name, description || null);
    setBusy(false);
    if ("id" in made) go(`${path}/${made.id}`);
    else setError(made.error);
  };
  return (
    <Overlay title={`New ${one}`} close={close} kind="dialog" isDirty={name !== "" || description !== ""}>
      <div className="dialog-content">
        <TextInput label="Name" value={name} change={setName} required autoFocus />
        {isDescribed && <TextInput label="Description" value={description} change={setDescription} />}
        {error && <Notice tone="bad">{tell(error)}</Notice>}
      </div>
      <Foot close={close} action="Create" isDisabled={name === "" || busy} run={() => void run()} />
    </Overlay>
  );
}
