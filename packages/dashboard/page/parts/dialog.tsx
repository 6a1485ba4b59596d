/** Dialogs: the confirmation of an action, and the help. */
import { signal } from "@preact/signals";
import { reasonText } from "@trunkline/base";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { announce } from "../connection.ts";
import { isHelpOpen } from "../keyboard.ts";

/** An action that is to be confirmed. */
export interface Confirmation {
  readonly title: string;
  /** What will happen. */
  readonly consequences: string;
  /** The word on the button. */
  readonly verb: string;
  readonly asksReason?: boolean;
  /** A further choice. */
  readonly choice?: string;
  /** Does it, and returns what to say afterwards. */
  run(reason: string, isChosen: boolean): Promise<string>;
}

const asked = signal<Confirmation | undefined>(undefined);

/** Asks before an action. */
export function confirmFirst(confirmation: Confirmation): void {
  asked.value = confirmation;
}

/** A modal dialog that is open while it is there. */
function Modal({ title, onClose, children }: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key, which belongs to the dialog.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** The confirmation that is open. */
export function ConfirmDialog() {
  const confirmation = asked.value;
  return confirmation === undefined ? null : <ConfirmForm key={confirmation.title} confirmation={confirmation} />;
}

function ConfirmForm({ confirmation }: { confirmation: Confirmation }) {
  const { title, consequences, verb, asksReason, choice, run } = confirmation;
  const [reason, setReason] = useState("");
  const [isChosen, setChosen] = useState(false);
  const [problem, setProblem] = useState("");
  const [isRunning, setRunning] = useState(false);
  const close = (): void => {
    asked.value = undefined;
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setRunning(true);
    try {
      announce(await run(reason, isChosen));
      close();
    } catch (error) {
      setProblem(reasonText(error));
      setRunning(false);
    }
  };
  return (
    <Modal title={title} onClose={close}>
      <form method="dialog" onSubmit={(event) => void submit(event)}>
        <p>{consequences}</p>
        {asksReason === true && (
          <label class="field">
            Reason, which both peers and the log are told
            <input
              type="text"
              maxLength={200}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
              autocomplete="off"
            />
          </label>
        )}
        {choice !== undefined && (
          <label class="check">
            <input type="checkbox" checked={isChosen} onChange={(event) => setChosen(event.currentTarget.checked)} />
            {choice}
          </label>
        )}
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={isRunning}>
            {verb}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const help: readonly (readonly [string, string])[] = [
  ["1 … 6", "show a view"],
  ["/", "filter the list; Escape or Enter leads back to it"],
  ["j, k", "go down and up in the list; arrow keys too"],
  ["Enter", "open the entry"],
  ["Escape", "leave the entry, or close a dialog"],
  ["x", "end the stream, or evict the name, after a confirmation"],
  ["?", "show this help"],
];

/** The help for the keyboard. */
export function HelpDialog() {
  if (!isHelpOpen.value) return null;
  const close = (): void => {
    isHelpOpen.value = false;
  };
  return (
    <Modal title="Keyboard" onClose={close}>
      <dl class="keys">
        {help.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">A filter takes several words; all of them must be there, and those with a minus must not.</p>
      <div class="buttons">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Modal>
  );
}
