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

const cpuHead = "Processor time of all processes together, user and system; lower is better:";

/**
 * @param {Results} results
 * @param {Results} cpu in microseconds a unit
 * @param {readonly import("../types.d.ts").Scenario[]} scenarios
 * @returns {string}
 */
export function resultTables(results, cpu, scenarios) {
  return Object.entries(tables)
    .map(([kind, table]) => {
      const rows = scenarios.filter((scenario) => scenario.kind === kind && results.has(scenario.name));
      if (rows.length === 0) return "";
      const text = `## ${table.title}\n\n${resultTable(results, rows, table)}\n`;
      const cpuRows = rows
        .filter(({ name }) =>
          [...(cpu.get(name)?.values() ?? [])].some((values) => values.some((value) => value !== undefined)),
        )
        .map((row) => ({
          ...row,
          unit: row.perUnit === 1 ? `µs for one of ${row.unit.replace("/s", "")}` : "µs for 1 KB",
        }));
      return cpuRows.length === 0 ? text : `${text}\n${cpuHead}\n\n${resultTable(cpu, cpuRows, table)}\n`;
    })
    .filter((text) => text !== "")
    .join("\n");
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
