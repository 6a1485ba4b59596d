/** Returns a time as people read it: `"340 ms"`, `"12 s"`, `"5 min"`. */
export function printDuration(ms: number): string {
  if (ms < 10_000) return `${ms} ms`;
  return ms < 600_000 ? `${Math.floor(ms / 1_000)} s` : `${Math.floor(ms / 60_000)} min`;
}
