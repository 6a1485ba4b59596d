/** The settings that this side announces (RFC 9113 §6.5.2), each with its default and its reason. */
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";

/** The settings that this side announces. */
export interface LocalSettings {
  /** The bytes of HPACK dynamic table that the peer may use. Default 4,096: the protocol's own. */
  readonly headerTableSize?: number;
  /**
   * The number of streams that the peer may have open. Default 256. A stream counts until its handler has released it.
   */
  readonly maxConcurrentStreams?: number;
  /**
   * The bytes that a new stream may send before any of them is consumed. Default 65,536. The window grows while the
   * reader keeps up.
   */
  readonly initialWindowSize?: number;
  /**
   * The largest frame payload that is taken, 16,384 to 16,777,215 bytes. Default 16,384: larger frames measured no
   * faster.
   */
  readonly maxFrameSize?: number;
  /**
   * The largest header section that is taken, in bytes counted as RFC 9113 §6.5.2 does (32 a field on top). Default
   * 16,384 at a server, 65,536 at a client, whose trailers may hold error details.
   */
  readonly maxHeaderListSize?: number;
  /**
   * True makes a server take extended CONNECT, a request with `:protocol` whose stream becomes a tunnel, for WebSockets
   * among others (RFC 8441). Default `false`.
   */
  readonly enableConnectProtocol?: boolean;
}

const settingNames = optionNames<LocalSettings>({
  headerTableSize: true,
  maxConcurrentStreams: true,
  initialWindowSize: true,
  maxFrameSize: true,
  maxHeaderListSize: true,
  enableConnectProtocol: true,
});

const maxWindow = 2 ** 31 - 1;

/**
 * Checks settings and fills in the defaults. @throws RangeError or TypeError naming the setting, the value and its
 * range
 */
export function resolveSettings(role: "client" | "server", settings: LocalSettings): Required<LocalSettings> {
  checkOptionNames("settings", settings, settingNames);
  const { enableConnectProtocol = false } = settings;
  if (typeof enableConnectProtocol !== "boolean" || (enableConnectProtocol && role === "client")) {
    throw new TypeError(
      `enableConnectProtocol must be true or false, and true at a server only, not ${String(enableConnectProtocol)}`,
    );
  }
  const maxHeaderListSize = settings.maxHeaderListSize ?? (role === "server" ? 16_384 : 65_536);
  return {
    headerTableSize: wholeNumber("headerTableSize", settings.headerTableSize ?? 4_096, 0, 2 ** 20),
    maxConcurrentStreams: wholeNumber("maxConcurrentStreams", settings.maxConcurrentStreams ?? 256, 0, maxWindow),
    initialWindowSize: wholeNumber("initialWindowSize", settings.initialWindowSize ?? 65_536, 0, maxWindow),
    maxFrameSize: wholeNumber("maxFrameSize", settings.maxFrameSize ?? 16_384, 16_384, 2 ** 24 - 1),
    maxHeaderListSize: wholeNumber("maxHeaderListSize", maxHeaderListSize, 0, 2 ** 28),
    enableConnectProtocol,
  };
}
