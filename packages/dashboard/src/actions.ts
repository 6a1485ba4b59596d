/** The actions of a page, each with the check of what it was sent. */

import type { IncomingMessage } from "node:http";
import { reasonText } from "@trunkline/base";
import type { DashboardSource } from "./source.js";

/** The largest body of an action. */
const maxBodyBytes = 16_384;
/** The longest reason that an operator may give. */
const maxReasonChars = 200;
const maxTextChars = 1_024;

/** An action that cannot be done, with the status that says why. */
export class ActionError extends Error {
  override name = "ActionError";
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

type Fields = Readonly<Record<string, unknown>>;

type Action = (source: DashboardSource, fields: Fields, by: string) => unknown;

const actions: Readonly<Record<string, Action>> = {
  kill: (source, fields, by) => source.killStream(text(fields, "id"), reasonOf(fields), by),
  evict: (source, fields, by) =>
    source.evictName(
      {
        name: text(fields, "name"),
        ...(fields["listenerId"] !== undefined && { listenerId: text(fields, "listenerId") }),
        reason: reasonOf(fields),
        killStreams: fields["killStreams"] === true,
      },
      by,
    ),
  drain: (source, _fields, by) => source.drain(undefined, by),
};

/** Returns true for the name of an action. */
export function isAction(name: string): boolean {
  return Object.hasOwn(actions, name);
}

/** Does what a page asks for, and returns what the router answers. @throws ActionError */
export async function act(
  name: string,
  source: DashboardSource,
  request: IncomingMessage,
  by: string,
): Promise<unknown> {
  if (request.headers["content-type"]?.split(";")[0]?.trim() !== "application/json")
    throw new ActionError(415, "an action must be sent as application/json");
  const fields = await readFields(request);
  try {
    return (await actions[name]?.(source, fields, by)) ?? {};
  } catch (error) {
    if (error instanceof ActionError) throw error;
    throw new ActionError(409, reasonText(error), { cause: error });
  }
}

async function readFields(request: IncomingMessage): Promise<Fields> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new ActionError(413, `the body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw new ActionError(400, "the body is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ActionError(400, "the body must be a JSON object");
  return value as Fields;
}

function text(fields: Fields, name: string, byDefault?: string): string {
  const value = fields[name] ?? byDefault;
  if (typeof value === "string" && value.length <= maxTextChars) return value;
  throw new ActionError(400, `${name} must be text of at most ${maxTextChars} characters`);
}

function reasonOf(fields: Fields): string {
  const reason = text(fields, "reason", "").trim();
  if (reason.length <= maxReasonChars && !/\p{Cc}/u.test(reason)) return reason;
  throw new ActionError(400, `reason must be one line of at most ${maxReasonChars} characters`);
}
