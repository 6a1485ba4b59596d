/**
 * The states of a stream (RFC 9113 §5.1) as a table; a missing entry is an error of whoever caused the event.
 * There is no server push, so no reserved states.
 */
export type StreamState = "idle" | "open" | "halfClosedLocal" | "halfClosedRemote" | "closed";

export type StreamEvent = "sendHeaders" | "receiveHeaders" | "sendEndStream" | "receiveEndStream" | "reset";

type Transitions = Readonly<Record<StreamState, Readonly<Partial<Record<StreamEvent, StreamState>>>>>;

export const transitions: Transitions = {
  idle: { sendHeaders: "open", receiveHeaders: "open", reset: "closed" },
  open: { sendEndStream: "halfClosedLocal", receiveEndStream: "halfClosedRemote", reset: "closed" },
  halfClosedLocal: { receiveEndStream: "closed", reset: "closed" },
  halfClosedRemote: { sendEndStream: "closed", reset: "closed" },
  closed: {},
};

/** The state after the event, or undefined where the event must not happen. */
export function nextState(state: StreamState, event: StreamEvent): StreamState | undefined {
  return transitions[state][event];
}
