/** Items with metadata and without. */
import { Metadata } from "@trunkline/metadata";
import type { ReceivedMessage } from "../contract/stream.js";

/** Returns the item of a message, and `undefined` for the end. */
export function dataOf<T extends {}>(message: ReceivedMessage<T> | undefined): T | undefined {
  return message?.data;
}

/** Returns the item as a message without metadata, and `undefined` for the end. */
export function messageOf<T extends {}>(data: T | undefined): ReceivedMessage<T> | undefined {
  return data === undefined ? undefined : { data, metadata: Metadata.empty };
}
