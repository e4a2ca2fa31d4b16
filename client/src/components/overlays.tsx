import { useEffect, type ReactElement, type ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Button } from "./basics";
import { goOnInPage } from "./focus";

const QUESTION = "Close this? What you have typed here is not saved.";

interface OverlayProps {
  readonly title: ReactNode;
  readonly close: () => void;
  readonly kind: "drawer" | "dialog";
  readonly alert?: boolean;
  /** Whether something is typed into it that is not saved: Escape, pressed by mistake, does not lose it. */
  readonly isDirty?: boolean;
  readonly children: ReactNode;
}

/** A drawer at the side or a dialog in the middle, open for as long as it is there. Escape closes it. */
export function Overlay({ title, close, kind, alert = false, isDirty = false, children }: OverlayProps): ReactElement {
  useEffect(() => goOnInPage, []);
  return (
    <ModalOverlay
      isOpen
      // A press beside a dialog would lose what was typed into it.
      isDismissable={kind === "drawer"}
      onOpenChange={(open) => {
        if (!open && (!isDirty || confirm(QUESTION))) close();
      }}
      className={`overlay ${kind}-overlay`}
    >
      <Modal className={kind}>
        <AriaDialog className="dialog-body" role={alert ? "alertdialog" : "dialog"}>
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            <Button icon="close" look="bare" aria-label="Close" onPress={close} />
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly action: string;
  readonly danger?: boolean;
  readonly busy?: boolean;
  readonly run: () => void;
  readonly close: () => void;
  readonly children: ReactNode;
}

/** A question before something that cannot be taken back easily. */
export function Confirm({ title, action, danger = false, busy = false, run, close, children }: ConfirmProps): ReactElement {
  return (
    <Overlay title={title} close={close} kind="dialog" alert>
      <div className="dialog-content">{children}</div>
      <Foot close={close} action={action} look={danger ? "danger" : "primary"} isDisabled={busy} run={run} />
    </Overlay>
  );
}

interface FootProps {
  readonly close: () => void;
  readonly action: string;
  readonly look?: "primary" | "danger";
  readonly isDisabled: boolean;
  readonly run: () => void;
}

/** The end of a dialog: leave it, or do what it is for. */
export function Foot({ close, action, look = "primary", isDisabled, run }: FootProps): ReactElement {
  return (
    <footer className="dialog-foot">
      <Button onPress={close}>Cancel</Button>
      <Button look={look} isDisabled={isDisabled} onPress={run}>
        {action}
      </Button>
    </footer>
  );
}
