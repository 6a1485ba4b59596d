/** The messages of the event stream, and the reader of its text. */
import type { NameEntry, RouterLogEvent, RouterNumbers, RouterSetting, StreamEntry } from "../../src/source.ts";

/** The first message. */
export interface Hello {
  readonly rights: "see" | "act";
  readonly nowUnixMs: number;
  readonly historyColumns: readonly string[];
  readonly settings: readonly RouterSetting[];
}

/** The changes since the message before. */
export interface Delta {
  readonly numbers?: RouterNumbers;
  readonly streamsLeftOut?: number;
  readonly points?: readonly (readonly number[])[];
  readonly events?: readonly RouterLogEvent[];
  readonly names?: readonly NameEntry[];
  readonly namesGone?: readonly string[];
  readonly streams?: readonly StreamEntry[];
  readonly streamsGone?: readonly string[];
}

/** One event of an event stream. */
export interface StreamedEvent {
  readonly event: string;
  readonly data: string;
}

/** Splits the text of an event stream into its events, whatever the pieces it comes in. */
export class EventReader {
  #text = "";

  /** Takes a piece, and returns the events that it completes. */
  take(piece: string): StreamedEvent[] {
    const blocks = (this.#text + piece).split("\n\n");
    this.#text = blocks.pop() ?? "";
    return blocks.map((block) => {
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at !== -1) fields.set(line.slice(0, at), line.slice(at + 2));
      }
      return { event: fields.get("event") ?? "", data: fields.get("data") ?? "" };
    });
  }
}
