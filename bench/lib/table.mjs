/** The results as Markdown tables: a scenario a row, a subject a column, then our own ratio to each peer. */
import { median, medianRatio } from "./statistics.mjs";

/**
 * The value of each round, by scenario and subject; undefined where the run failed.
 * @typedef {Map<string, Map<string, (number | undefined)[]>>} Results
 */

/** @type {Record<import("../types.d.ts").Kind, { title: string, own: string, peers: readonly string[] }>} */
const tables = {
  hpack: { title: "HPACK", own: "trunkline-hpack", peers: [] },
  codec: { title: "Messages", own: "trunkline-codec", peers: ["protobuf-es", "protobufjs"] },
  h2: { title: "HTTP/2 alone", own: "trunkline-h2", peers: ["node-http2", "tcp-exchange"] },
  grpc: { title: "gRPC calls", own: "trunkline", peers: ["grpc-js", "connect-node", "grpc-go", "trunkline-bytes"] },
  tunnel: { title: "Through the router", own: "trunkline-router", peers: ["no-resume", "tcp-relay", "tcp"] },
};

/**
 * The processor time of all processes together, and of each by itself.
 * @typedef {{ all: Results, server: Results, middle: Results, client: Results }} CpuResults
 */

/** @type {Record<keyof CpuResults, string>} */
const cpuHeads = {
  all:
    "Processor time of all processes together, user and system; lower is better. A µs for one is a second for a " +
    "million, and a µs for 1 KB a second for 1 GB:",
  server: "Of that, the server's:",
  middle: "Of that, the time of the process in the middle:",
  client: "Of that, the client's:",
};

/**
 * @param {Results} results
 * @param {CpuResults} cpu in microseconds a unit
 * @param {readonly import("../types.d.ts").Scenario[]} scenarios
 * @returns {string}
 */
export function resultTables(results, cpu, scenarios) {
  return Object.entries(tables)
    .map(([kind, table]) => {
      const rows = scenarios.filter((scenario) => scenario.kind === kind && results.has(scenario.name));
      if (rows.length === 0) return "";
      const text = `## ${table.title}\n\n${resultTable(results, rows, table)}\n`;
      return (
        text +
        /** @type {const} */ (["all", "server", "middle", "client"])
          .map((whose) => cpuTable(cpu[whose], cpuHeads[whose], rows, table))
          .join("")
      );
    })
    .filter((text) => text !== "")
    .join("\n");
}

/**
 * Returns the table of processor times with its head; "" where none are known.
 * @param {Results} cpu
 * @param {string} head
 * @param {readonly import("../types.d.ts").Scenario[]} rows
 * @param {{ own: string, peers: readonly string[] }} table
 */
function cpuTable(cpu, head, rows, table) {
  const cpuRows = rows
    .filter(({ name }) =>
      [...(cpu.get(name)?.values() ?? [])].some((values) => values.some((value) => value !== undefined)),
    )
    .map((row) => ({
      ...row,
      unit: row.perUnit === 1 ? `µs for one of ${row.unit.replace("/s", "")}` : "µs for 1 KB",
    }));
  return cpuRows.length === 0 ? "" : `\n${head}\n\n${resultTable(cpu, cpuRows, table)}\n`;
}

/**
 * @param {Results} results
 * @param {readonly import("../types.d.ts").Scenario[]} rows
 * @param {{ own: string, peers: readonly string[] }} table
 */
function resultTable(results, rows, { own, peers }) {
  const subjects = [own, ...peers].filter((subject) => rows.some(({ name }) => results.get(name)?.has(subject)));
  const compared = subjects.includes(own) ? subjects.filter((subject) => subject !== own) : [];
  const head = ["", "unit", ...subjects, ...compared.map((peer) => `to ${peer}`)];
  const lines = rows.map(({ name, title, unit }) => {
    /** @param {string} subject */
    const of = (subject) => results.get(name)?.get(subject) ?? [];
    return [
      title,
      unit,
      ...subjects.map((subject) => cell(of(subject))),
      ...compared.map((peer) => ratio(of(own), of(peer))),
    ];
  });
  return [head, head.map((_, column) => (column < 2 ? "---" : "---:")), ...lines]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}

/** @param {readonly (number | undefined)[]} values */
function cell(values) {
  if (values.length === 0) return "–";
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? "failed" : formatValue(median(known));
}

/**
 * @param {readonly (number | undefined)[]} values
 * @param {readonly (number | undefined)[]} base
 */
function ratio(values, base) {
  const value = medianRatio(values, base);
  return value === undefined ? "–" : `${value.toFixed(2)} ×`;
}

/**
 * Three digits that mean something, or all of the whole ones.
 * @param {number} value
 */
export function formatValue(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
}
