/**
 * Counts the work of the engine: the calls of all methods of the classes that know streams. What one received byte
 * costs must not depend on how many streams are open.
 */
import { Assemblies } from "../../../packages/h2/src/connection/assemblies.js";
import { IdMap } from "../../../packages/h2/src/connection/id-map.js";
import { LateFrames } from "../../../packages/h2/src/connection/late-frames.js";
import { ReceiveWindows } from "../../../packages/h2/src/connection/receive-windows.js";
import { Scheduler } from "../../../packages/h2/src/connection/scheduler.js";
import { StreamTable } from "../../../packages/h2/src/connection/stream-table.js";
import { WidestWindows } from "../../../packages/h2/src/connection/widest-windows.js";

let calls = 0;

for (const { prototype } of [Assemblies, IdMap, LateFrames, ReceiveWindows, Scheduler, StreamTable, WidestWindows]) {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === "constructor" || typeof value !== "function") continue;
    Object.defineProperty(prototype, name, {
      value: function (this: unknown, ...parts: unknown[]): unknown {
        calls += 1;
        const result: unknown = value.apply(this, parts);
        // What lists streams visits each of them.
        if (Array.isArray(result)) calls += result.length;
        return result;
      },
    });
  }
}

/** Returns the number of calls so far. */
export function workDone(): number {
  return calls;
}
