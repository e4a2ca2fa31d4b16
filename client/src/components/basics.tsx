import type { CombinedError } from "@urql/core";
import { Fragment, type ReactElement, type ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components";
import { tell } from "../api/errors";
import { Icon, type IconName } from "./icons";

interface ButtonProps extends Omit<AriaButtonProps, "children" | "className"> {
  readonly icon?: IconName;
  readonly look?: "primary" | "plain" | "danger" | "bare";
  readonly children?: ReactNode;
}

/** A button. One without text needs an aria-label. */
export function Button({ icon, look = "plain", children, ...rest }: ButtonProps): ReactElement {
  return (
    <AriaButton {...rest} className={`button ${look}${children === undefined ? " square" : ""}`}>
      {icon && <Icon name={icon} />}
      {children}
    </AriaButton>
  );
}

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }): ReactElement {
  return (
    <span className={`badge ${tone}`} {...(typeof children === "string" ? { title: children } : {})}>
      {children}
    </span>
  );
}

export type Tone = "neutral" | "accent" | "good" | "warning" | "bad";

/** A moment in the reader's zone; its title has the whole of it. */
export function Moment({ at }: { at: string }): ReactElement {
  const date = new Date(at);
  return (
    <time dateTime={at} title={LONG.format(date)}>
      {SHORT.format(date)}
    </time>
  );
}

const SHORT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function Failure({ error, retry }: { error: CombinedError; retry?: () => void }): ReactElement {
  return (
    <Notice tone="bad">
      <span>{tell(error)}</span>
      {retry && (
        <Button
          onPress={({ target }) => {
            // The button goes with the failure: whoever pressed it by keyboard goes on in what it is part of.
            target.closest<HTMLElement>("[role=dialog], main")?.focus({ preventScroll: true });
            retry();
          }}
        >
          Try again
        </Button>
      )}
    </Notice>
  );
}

/** Something that is told at once, to screen readers too. */
export function Notice({ tone, children }: { tone: Tone; children: ReactNode }): ReactElement {
  return (
    <div className={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {tone !== "good" && tone !== "neutral" && <Icon name="warning" />}
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }): ReactElement {
  return (
    <p className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      Loading {what}…
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** So many of something: "1 value", "2,000 values". */
export function count(number: number, one: string): string {
  return `${number.toLocaleString()} ${one}${number === 1 ? "" : "s"}`;
}

/** A name and what is to be told under it; nothing is told where that is null. */
export type Fact = readonly [name: string, value: ReactNode];

export function Facts({ facts }: { facts: readonly Fact[] }): ReactElement {
  return (
    <dl className="facts">
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </Fragment>
          ),
      )}
    </dl>
  );
}

interface PageProps {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly note?: ReactNode;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

/** A page: its title, which is the document's too, what can be done there, and the rest. */
export function PageFrame({ title, actions, note, wide = false, children }: PageProps): ReactElement {
  return (
    <main className={wide ? "page wide" : "page"} id="main" tabIndex={-1}>
      <title>{`${title} · Strongroom`}</title>
      <header className="page-head">
        <h1>{title}</h1>
        {note !== undefined && <div className="page-note">{note}</div>}
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </main>
  );
}
