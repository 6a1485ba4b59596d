/** `trunkline router`: exchange and router in one server, found by other commands on this machine through its file. */
import type { SecureContextOptions } from "node:tls";
import { deferred } from "@trunkline/base";
import { type KeySource, Router, type RouterEvent, type RouterOptions, type RouterPolicy } from "@trunkline/router";
import { certificateFiles } from "../certificates.js";
import { CommandError, reasonOf } from "../command-error.js";
import { type Context, graceMsOf, interrupted, keepaliveOf, maxGraceMs, maxLingerMs } from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { type Publication, publish } from "../local-router.js";
import { Audit, type AuditOptions } from "../operation/audit.js";
import { chooseDashboard, openDashboard, type ServedDashboard } from "../operation/dashboard.js";
import { type FileWatchOptions, type LoadedFiles, loadFiles, watchFiles } from "../operation/file-watch.js";
import { printConfig, shownSettings } from "../operation/print-config.js";
import { Reload } from "../operation/reload.js";
import { parseLimits } from "../operation/router-limits.js";
import { type EffectiveSettings, effectiveSettings, maxClockToleranceMs } from "../operation/router-settings.js";
import { StatusServer } from "../operation/status-server.js";
import type { RouterCommandOptions, RouterSettings } from "../router-options.js";
import { chooseKeys, clientCertificates, identityIssuers, type RouterKeys } from "../router-setup.js";
import { cannotListen } from "../sockets.js";
import { isLocalAddress, parseEndpoint, parseListen, printAddress } from "../target.js";
import { tellEnding } from "./ending.js";

/** Runs until interrupted. @throws CommandError */
export async function router(options: RouterCommandOptions, context: Context): Promise<void> {
  const { output, env } = context;
  const effective = await effectiveSettings(options, env);
  for (const variable of effective.unknownVariables)
    output.note("warn", { event: "unknown-variable", variable }, `${variable} is no setting of a router, and ignored`);
  if (options.printConfig === true) printConfig(effective, env, output);
  else await runRouter(effective, context);
}

async function runRouter({ settings: options, origins }: EffectiveSettings, context: Context): Promise<void> {
  const { output, signal } = context;
  using reload = new Reload(context);
  const address = parseListen(options.listen);
  const graceMs = graceMsOf(options);
  const lingerMs =
    options.linger === undefined ? undefined : Math.max(1, parseDuration(options.linger, "--linger", maxLingerMs));
  const keepalive = keepaliveOf(options);
  const certificateSource = certificateFiles(options);
  const tlsFiles = certificateSource && (await loadFiles(certificateSource));
  const tls = tlsFiles?.value;
  if (tls !== undefined && options.plaintext === true)
    throw new CommandError("--tls-cert and --plaintext exclude each other", ExitCode.usage);
  if (tls === undefined && options.plaintext !== true && !isLocalAddress(address)) {
    const where = `${printAddress(address)}, which other machines can reach,`;
    throw new CommandError(`listening on ${where} needs --tls-cert and --tls-key (or --plaintext)`, ExitCode.usage);
  }
  const isLocalRouter = origins.listen.origin === "default";
  const dashboardChoice = chooseDashboard({ ...options, isLocalRouter, tls });
  const statusAddress = options.metrics === undefined ? undefined : parseListen(options.metrics);
  const issuers = await identityIssuers(options);
  const certificates = clientCertificates(options);
  const policyFiles = options.policy === undefined ? undefined : await loadPolicy(options.policy);
  const keys = await chooseKeys(options, context);
  await using audit = options.audit === undefined ? undefined : await Audit.open(options.audit, auditTrouble(context));
  const drainAsked = deferred<number | undefined>();
  let drainMs = graceMs;
  const given = {
    onDrain: (deadlineMs: number | undefined) => drainAsked.resolve(deadlineMs),
    lingerMs,
    ...keepalive,
    ...(options.limits !== undefined && parseLimits(options.limits, "--limits")),
    policy: policyFiles?.value,
    issuers,
    clientCertificates: certificates,
    ...tokenOptions(options),
  };
  const server = makeRouter(keys, given, audit, context);
  reload.add({ lookNow: () => server.refreshKeys() });
  await using status = statusAddress === undefined ? undefined : await StatusServer.listen(statusAddress, server);
  let publication: Publication | undefined;
  let dashboard: ServedDashboard | undefined;
  try {
    const rejectUnauthorized = options.requireClientCert === true;
    const secure = tls && { ...tls, ...(certificates !== undefined && { requestCert: true, rejectUnauthorized }) };
    const bound = await server
      .listen(printAddress(address), {
        tls: secure,
        plaintext: options.plaintext,
        onRefused: connectionRefusals(context),
      })
      .catch((error: unknown) => {
        throw cannotListen(address, error);
      });
    publication = await publishIfFree(server, keys, bound, context);
    const found = publication === undefined ? "" : "; expose and connect on this machine find it by themselves";
    output.result(
      {
        event: "listening",
        address: bound,
        ...parseEndpoint(bound),
        pid: process.pid,
        ...(status !== undefined && { metrics: status.address }),
        ...(publication !== undefined && { stateFile: publication.path }),
      },
      `router listening on ${bound}${found}`,
    );
    if (dashboardChoice !== undefined) {
      const settings = shownSettings(origins).map(({ name, value, origin }) => ({
        name,
        value: value === undefined ? "not set" : String(value),
        origin,
      }));
      dashboard = await openDashboard(dashboardChoice, server.admin, { keys: keys.keys, settings }, context);
    }
    reload.add(dashboard);
    const renew = (renewed: SecureContextOptions): void => {
      server.server.updateTls(renewed);
      dashboard?.updateTls(renewed);
    };
    using ownCertificate = tlsFiles && (await watchFiles(tlsFiles, certificateChanges(renew, context)));
    using policies = policyFiles && (await watchFiles(policyFiles, policyChanges(server, context)));
    using keySets = keys.files && (await watchFiles(keys.files, keyChanges(server, publication, context)));
    for (const files of [ownCertificate, policies, keySets]) reload.add(files);
    const byOperator = drainAsked.promise.then((deadlineMs = graceMs) => {
      drainMs = Math.min(deadlineMs, maxGraceMs);
    });
    await Promise.race([interrupted(signal), byOperator]);
    status?.drain();
    tellEnding(context, server.stats.livePairs, drainMs);
  } finally {
    await publication?.remove();
    await server.drain({ deadlineMs: drainMs });
    await dashboard?.[Symbol.asyncDispose]();
  }
  const { pairs, brokenPairs, refusals, bytes } = server.stats;
  output.note(
    pairs + refusals === 0 ? "debug" : "info",
    { event: "summary", pairs, brokenPairs, refusals, bytes },
    `joined ${pairs} pairs, of which ${brokenPairs} broke; refused ${refusals} calls`,
  );
}

type GivenOptions = Omit<RouterOptions, "keys" | "onEvent" | "onError">;

/** Returns the options about tokens. */
function tokenOptions({ issuer, audience, clockTolerance }: RouterSettings): GivenOptions {
  return {
    streamTokens: { issuer, audience },
    clockToleranceMs: parseDuration(clockTolerance ?? "0", "--clock-tolerance", maxClockToleranceMs),
  };
}

/** Reads a policy. The reader of YAML is loaded only here: most routers start without it. @throws CommandError */
async function loadPolicy(path: string): Promise<LoadedFiles<RouterPolicy>> {
  const { policyFile } = await import("../operation/policy-file.js");
  return loadFiles(policyFile(path));
}

/** The words about files that have changed. */
interface ChangeReport {
  /** The event and the text where the change was taken. */
  readonly changed: readonly [event: string, text: string];
  /** The event and the end of the text where it cannot be used. */
  readonly unusable: readonly [event: string, text: string];
}

/** Takes each change of files, and reports it and those that cannot be used. */
function taking<Value>(
  { changed, unusable }: ChangeReport,
  { output, clock }: Context,
  take: (value: Value) => void,
): FileWatchOptions<Value> {
  return {
    clock,
    onChanged(value) {
      take(value);
      output.note("info", { event: changed[0] }, changed[1]);
    },
    onUnusable: ({ message }) =>
      output.note("error", { event: unusable[0], error: message }, `${message}; ${unusable[1]}`),
  };
}

function certificateChanges(
  take: (tls: SecureContextOptions) => void,
  context: Context,
): FileWatchOptions<SecureContextOptions> {
  const report: ChangeReport = {
    changed: ["certificate-renewed", "new connections get the new certificate"],
    unusable: ["certificate-unusable", "the old one stays"],
  };
  return taking(report, context, take);
}

function policyChanges(server: Router, context: Context): FileWatchOptions<RouterPolicy> {
  const report: ChangeReport = {
    changed: ["policy-changed", "the new policy holds; what it does not allow has ended"],
    unusable: ["policy-unusable", "the old one stays"],
  };
  return taking(report, context, (policy) => server.updatePolicy(policy));
}

/** Reports connections that were refused: handshakes that have failed, and those beyond the limit. */
function connectionRefusals({ output }: Context): (error: Error) => void {
  return ({ message }) =>
    output.note("info", { event: "connection-refused", error: message }, message, { repeated: true });
}

/** Takes new keys, with a new token in this machine's file. */
function keyChanges(
  server: Router,
  publication: Publication | undefined,
  context: Context,
): FileWatchOptions<readonly KeySource[]> {
  const report: ChangeReport = {
    changed: ["keys-changed", "the new keys hold; tokens of keys that are gone are refused"],
    unusable: ["keys-unusable", "the old ones stay"],
  };
  return taking(report, context, (keys) => {
    server.updateKeys(keys);
    publication?.renew().catch((error: unknown) => {
      const reason = reasonOf(error);
      context.output.note("warn", { event: "not-published", error: reason }, reason);
    });
  });
}

/** Reports lines of the audit that are lost; the router serves on. */
function auditTrouble({ output }: Context): AuditOptions {
  return {
    onTrouble: ({ message }) =>
      output.note("error", { event: "audit-error", error: message }, `the audit loses lines: ${message}`, {
        repeated: true,
      }),
  };
}

function makeRouter({ keys }: RouterKeys, given: GivenOptions, audit: Audit | undefined, { output }: Context): Router {
  try {
    return new Router({
      keys,
      ...given,
      onEvent(event) {
        audit?.onEvent(event);
        output.note(levelOf(event), routerEvent(event), textOf(event));
      },
      onError: (error) =>
        output.note(
          "error",
          { event: "router-error", error: error.message },
          `an error of the router: ${error.message}`,
          {
            repeated: true,
          },
        ),
    });
  } catch (error) {
    throw new CommandError(`the keys cannot be used: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
}

/**
 * Writes this machine's file; undefined where it belongs to another router, and where it cannot be written and need not
 * be.
 */
async function publishIfFree(
  server: Router,
  keys: RouterKeys,
  bound: string,
  { output, env }: Context,
): Promise<Publication | undefined> {
  if (keys.otherAt !== undefined) {
    const found = `on this machine, expose and connect find the router at ${keys.otherAt}`;
    const advice = "for this one give them --endpoint and a token (trunkline token)";
    output.note("info", { event: "not-published", other: keys.otherAt }, `${found}; ${advice}`);
    return undefined;
  }
  try {
    return await publish(server, bound, env);
  } catch (error) {
    if (!keys.given) throw error;
    output.note(
      "warn",
      { event: "not-published", error: reasonOf(error) },
      `${reasonOf(error)}; expose and connect need --endpoint and a token`,
    );
    return undefined;
  }
}

/**
 * Returns the level of an event's line. Events that matter only in a search for a cause are shown only with
 * `--log-level debug`.
 */
function levelOf({ kind }: RouterEvent): "debug" | "info" | "warn" {
  if (kind === "refused" || kind === "refusals-omitted" || kind === "keys-unavailable") return "warn";
  if (kind === "killed" || kind === "evicted" || kind === "drain-requested") return "warn";
  if (kind === "keys-fetched" || kind === "listener-health") return "info";
  return kind === "listening" || kind === "listener-removed" ? "info" : "debug";
}

function routerEvent({ kind, ...fields }: RouterEvent): { event: string } {
  return { event: `router-${kind}`, ...fields };
}

function textOf({ kind, ...fields }: RouterEvent): string {
  const words = Object.entries(fields).map(
    ([name, value]) => `${name} ${typeof value === "number" ? value : JSON.stringify(value)}`,
  );
  return `${kind} ${words.join(", ")}`.trimEnd();
}
