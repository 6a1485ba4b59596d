/**
 * The settings of both sides (RFC 9113 §6.5). Ours are announced once, at the start, and are in step when the peer
 * has acknowledged them; until then the peer may still go by the protocol's defaults.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { type SettingEntry, SettingId } from "../frame/settings.js";
import { max31Bit } from "../frame/types.js";
import type { LocalSettings } from "../options/settings.js";
import { type InitialWindow, protocolInitialWindow } from "../stream/flow.js";

/**
 * The number of streams that a client opens before it knows the limit of the server: §6.5.2 recommends that no limit be
 * smaller, and a refused stream costs a round trip.
 */
const streamsBeforeSettings = 100;
const smallestMaxFrameSize = 16_384;
const largestMaxFrameSize = 2 ** 24 - 1;

export class Settings {
  readonly local: Required<LocalSettings>;
  readonly #role: "client" | "server";
  /** `"waiting"`: announced and not acknowledged; `"inStep"`: the peer goes by them. */
  localState: "waiting" | "inStep" = "waiting";

  /** True once the first SETTINGS of the peer have come; until then its settings are the defaults of the protocol. */
  peerReceived = false;
  peerMaxConcurrentStreams: number = streamsBeforeSettings;
  /** The window that the peer grants each stream: all send windows begin with it. */
  readonly peerInitialWindow: InitialWindow = { bytes: protocolInitialWindow };
  peerMaxFrameSize: number = smallestMaxFrameSize;
  /** The largest header section that the peer says it takes; advisory. */
  peerMaxHeaderListSize: number = Number.POSITIVE_INFINITY;
  /** True where the server takes extended CONNECT (RFC 8441). */
  peerEnableConnectProtocol = false;

  /**
   * The window that we grant each stream, as the peer sees it now: all receive windows begin with it. A client's
   * SETTINGS reach the server before any of its requests do; a client may have sent requests before it saw the
   * server's.
   */
  readonly localInitialWindow: InitialWindow;

  constructor(role: "client" | "server", local: Required<LocalSettings>) {
    this.#role = role;
    this.local = local;
    this.localInitialWindow = { bytes: role === "client" ? local.initialWindowSize : protocolInitialWindow };
  }

  /** Returns the entries of our first SETTINGS frame. */
  entries(): SettingEntry[] {
    const { local } = this;
    const entries: SettingEntry[] = [
      [SettingId.HEADER_TABLE_SIZE, local.headerTableSize],
      [SettingId.MAX_CONCURRENT_STREAMS, local.maxConcurrentStreams],
      [SettingId.INITIAL_WINDOW_SIZE, local.initialWindowSize],
      [SettingId.MAX_FRAME_SIZE, local.maxFrameSize],
      [SettingId.MAX_HEADER_LIST_SIZE, local.maxHeaderListSize],
    ];
    if (this.#role === "client") entries.push([SettingId.ENABLE_PUSH, 0]);
    if (local.enableConnectProtocol) entries.push([SettingId.ENABLE_CONNECT_PROTOCOL, 1]);
    return entries;
  }

  acknowledged(): void {
    if (this.localState === "inStep")
      throw connectionError(ErrorCode.PROTOCOL_ERROR, "SETTINGS acknowledged that were not sent");
    this.localState = "inStep";
    this.localInitialWindow.bytes = this.local.initialWindowSize;
  }

  /**
   * Takes over the peer's entries in order; what follows from a change is the caller's to do. `onTableSize` hears of
   * each size of the header table, since the smallest one counts too (RFC 7541 §4.2). @throws H2Error
   */
  applyPeer(entries: readonly SettingEntry[], onTableSize: (bytes: number) => void): void {
    if (!this.peerReceived) this.peerMaxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.peerReceived = true;
    for (const [id, value] of entries) {
      if (id === SettingId.HEADER_TABLE_SIZE) onTableSize(value);
      else this.#applyEntry(id, value);
    }
  }

  #applyEntry(id: number, value: number): void {
    switch (id) {
      case SettingId.ENABLE_PUSH:
        // §6.5.2: a server must not send 1, and no other value is known.
        if (value !== 0 && (value !== 1 || this.#role === "client")) {
          throw connectionError(ErrorCode.PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH is ${value}`);
        }
        return;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.peerMaxConcurrentStreams = value;
        return;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > max31Bit)
          throw connectionError(
            ErrorCode.FLOW_CONTROL_ERROR,
            `SETTINGS_INITIAL_WINDOW_SIZE ${value} is larger than ${max31Bit}`,
          );
        this.peerInitialWindow.bytes = value;
        return;
      case SettingId.MAX_FRAME_SIZE:
        if (value < smallestMaxFrameSize || value > largestMaxFrameSize) {
          throw connectionError(
            ErrorCode.PROTOCOL_ERROR,
            `SETTINGS_MAX_FRAME_SIZE ${value} is not from ${smallestMaxFrameSize} to ${largestMaxFrameSize}`,
          );
        }
        this.peerMaxFrameSize = value;
        return;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.peerMaxHeaderListSize = value;
        return;
      case SettingId.ENABLE_CONNECT_PROTOCOL:
        // RFC 8441 §3: 0 or 1, and never 0 after 1.
        if (value > 1 || (value === 0 && this.peerEnableConnectProtocol)) {
          const before = this.peerEnableConnectProtocol ? " after 1" : "";
          throw connectionError(ErrorCode.PROTOCOL_ERROR, `SETTINGS_ENABLE_CONNECT_PROTOCOL is ${value}${before}`);
        }
        this.peerEnableConnectProtocol = value === 1;
        return;
      default: // §6.5.2: unknown settings are ignored.
    }
  }
}
