import { useEffect, useState, type ReactElement } from "react";
import { Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";
import { useViewer } from "../session/viewer";
import { useReveal, type Plaintext } from "./secret";

const SECONDS = 30;
const NO_CLIPBOARD = "The browser does not let this page use the clipboard. Reveal the value instead.";

/** Browsers keep it from pages that did not come over HTTPS or from this machine. */
function hasClipboard(): boolean {
  return (navigator as { clipboard?: Clipboard }).clipboard !== undefined;
}

/** Shows one secret for thirty seconds, or copies it without showing it. Either is on record. */
export function Reveal({ id, name, revealed }: { id: string; name: string; revealed: () => void }): ReactElement {
  const { revealNeedsReason } = useViewer();
  const reveal = useReveal();
  const [reason, setReason] = useState("");
  const [shown, setShown] = useState<Plaintext | null>(null);
  const [told, setTold] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const run = async (take: (plaintext: Plaintext) => Promise<void> | void): Promise<void> => {
    setBusy(true);
    setProblem(null);
    setTold(null);
    try {
      const plaintext = await reveal(id, reason);
      revealed();
      await take(plaintext);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "The value could not be had.");
    }
    setBusy(false);
  };
  const copy = async ({ text }: Plaintext): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      throw new Error(NO_CLIPBOARD);
    }
    setTold("Copied. The clipboard holds it until something else is copied.");
  };
  const fetchToCopy = (): void => {
    // Where there is none, nothing is to be on record as revealed.
    if (hasClipboard()) void run(copy);
    else setProblem(NO_CLIPBOARD);
  };
  const hide = (): void => {
    setShown(null);
    setTold("Hidden again.");
  };
  return (
    <div className="reveal">
      {revealNeedsReason && shown === null && (
        <TextInput label="Reason" value={reason} change={setReason} hint="Kept in the audit log, for ever. No secrets in it." required />
      )}
      {shown === null ? (
        <div className="row-actions">
          <Button icon="eye" isDisabled={busy || (revealNeedsReason && reason.trim() === "")} onPress={() => void run(setShown)}>
            Reveal
          </Button>
          <Button icon="copy" isDisabled={busy || (revealNeedsReason && reason.trim() === "")} onPress={fetchToCopy}>
            Copy without showing
          </Button>
        </div>
      ) : (
        <Shown plaintext={shown} name={name} hide={hide} />
      )}
      <p className="hint">Revealing and copying are recorded in the audit log under your name.</p>
      {told !== null && <Notice tone="neutral">{told}</Notice>}
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
    </div>
  );
}

function Shown({ plaintext, name, hide }: { plaintext: Plaintext; name: string; hide: () => void }): ReactElement {
  const [left, setLeft] = useState(SECONDS);
  useEffect(() => {
    const end = Date.now() + SECONDS * 1000;
    const look = (): void => setLeft(Math.ceil((end - Date.now()) / 1000));
    const timer = setInterval(look, 250);
    // A page that nobody looks at has its timers slowed down: whoever comes back late sees nothing.
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
  useEffect(() => {
    if (left <= 0) hide();
  });
  return (
    <div className="shown">
      <pre tabIndex={0} role="region" dir="auto" aria-label={`Value of ${name}`}>
        {plaintext.text}
      </pre>
      <div className="row-actions">
        <Button icon="hide" onPress={hide} autoFocus>
          Hide
        </Button>
        <span className="hint" role="timer">
          Hidden in {Math.max(left, 0)} s
        </span>
      </div>
    </div>
  );
}
