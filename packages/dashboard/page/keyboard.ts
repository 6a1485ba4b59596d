/** The keys that work on every view. A view registers those of its list while it is shown. */
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { go, views } from "./route.ts";

/** The keys of a list. */
export interface ListKeys {
  readonly next?: () => void;
  readonly previous?: () => void;
  readonly open?: () => void;
  readonly end?: () => void;
  readonly leave?: () => void;
}

export const isHelpOpen = signal(false);

let keysOfList: ListKeys = {};

/** Registers the keys of the list that is shown. */
export function useListKeys(keys: ListKeys): void {
  // Before the next key: an effect after painting would let a quick second key meet the list as it was.
  useLayoutEffect(() => {
    keysOfList = keys;
    return () => {
      if (keysOfList === keys) keysOfList = {};
    };
  });
}

/** Listens for keys. */
export function listenForKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
    const target = event.target as HTMLElement;
    const isTyping = target.matches("input, select, textarea");
    if (isTyping && (event.key === "Escape" || (event.key === "Enter" && target.matches("[type=search]")))) {
      document.querySelector<HTMLElement>("[role=grid]")?.focus();
      target.blur();
      document.querySelector<HTMLElement>("[role=grid]")?.focus();
      return;
    }
    if (isTyping) return;
    const isControl = target.matches("button, a, summary");
    if (event.key === "Enter" && isControl) return;
    const done = handle(event.key);
    if (done) event.preventDefault();
  });
}

function handle(key: string): boolean {
  const call = (run: (() => void) | undefined): boolean => {
    run?.();
    return run !== undefined;
  };
  switch (key) {
    case "/": {
      const filter = document.querySelector<HTMLInputElement>("input[type=search]");
      filter?.focus();
      filter?.select();
      return filter !== null;
    }
    case "?":
      isHelpOpen.value = true;
      return true;
    case "j":
    case "ArrowDown":
      return call(keysOfList.next);
    case "k":
    case "ArrowUp":
      return call(keysOfList.previous);
    case "Enter":
      return call(keysOfList.open);
    case "x":
      return call(keysOfList.end);
    case "Escape":
      return call(keysOfList.leave);
    default: {
      const view = /^[1-9]$/.test(key) ? views[Number(key) - 1] : undefined;
      if (view !== undefined) go(view.id);
      return view !== undefined;
    }
  }
}
