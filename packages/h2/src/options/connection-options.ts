/** The options of a connection, checked and completed in one place. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { type AsciiCodec, portableAscii } from "../bytes/ascii.js";
import { type LifetimeOptions, type ResolvedLifetime, resolveLifetime } from "./lifetime.js";
import { type ConnectionLimits, type ResolvedLimits, resolveLimits } from "./limits.js";
import { type LocalSettings, resolveSettings } from "./settings.js";

/** The options of one connection. */
export interface ConnectionOptions {
  /** The side of the connection: a client opens streams, a server answers on them. */
  readonly role: "client" | "server";
  /** The settings that this side announces. */
  readonly settings?: LocalSettings;
  /** The bounds of memory, work and time. */
  readonly limits?: ConnectionLimits;
  /** Keepalive, age and idleness: all off by default. */
  readonly lifetime?: LifetimeOptions;
  /**
   * Removes white space at the ends of received field values, as gRPC lets its peers send it. Default false: such a
   * field makes its message malformed (RFC 9113 §8.2.1).
   */
  readonly stripFieldSpace?: boolean;
  /** The codec of header text. Default: `portableAscii`. */
  readonly ascii?: AsciiCodec;
}

const connectionOptionNames = optionNames<ConnectionOptions>({
  role: true,
  settings: true,
  limits: true,
  lifetime: true,
  stripFieldSpace: true,
  ascii: true,
});

/** Options with their defaults filled in. */
export interface ResolvedOptions {
  readonly role: "client" | "server";
  readonly settings: Required<LocalSettings>;
  readonly limits: ResolvedLimits;
  readonly lifetime: ResolvedLifetime;
  readonly stripFieldSpace: boolean;
  readonly ascii: AsciiCodec;
}

/**
 * Checks options without making a connection, and returns them with the defaults filled in. Connections that are made
 * with the `limits` of the result share that one object.
 * @throws RangeError for a number out of its range, TypeError for anything else, naming the option, the value and what
 * it may be
 */
export function checkConnectionOptions(options: ConnectionOptions): Required<ConnectionOptions> {
  return resolveOptions(options);
}

/** Checks options once and fills in the defaults. @throws RangeError or TypeError as `checkConnectionOptions` */
export function resolveOptions(options: ConnectionOptions): ResolvedOptions {
  checkOptionNames("a connection", options, connectionOptionNames);
  const { role } = options;
  if (role !== "client" && role !== "server")
    throw new TypeError(`role must be "client" or "server", not ${String(role)}`);
  const settings = resolveSettings(role, options.settings ?? {});
  return {
    role,
    settings,
    limits: resolveLimits(options.limits ?? {}, settings.initialWindowSize),
    lifetime: resolveLifetime(options.lifetime ?? {}),
    stripFieldSpace: options.stripFieldSpace ?? false,
    ascii: options.ascii ?? portableAscii,
  };
}
