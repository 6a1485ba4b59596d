/** The names of what is sent, as bytes: the names of files are bytes, and need not be UTF-8. */
import { Buffer } from "node:buffer";
import { printable } from "../format.js";

const slash = 0x2f;
const maxPathBytes = 4_096;
const maxSegmentBytes = 255;

/** Returns the segments of a path. */
export function segmentsOf(path: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  let start = 0;
  for (let end = path.indexOf(slash); end !== -1; end = path.indexOf(slash, start)) {
    segments.push(path.subarray(start, end));
    start = end + 1;
  }
  return [...segments, path.subarray(start)];
}

/**
 * Returns why a path from another machine is not taken, or undefined for a relative one that stays below the folder
 * that it is put into.
 */
export function pathProblem(path: Buffer): string | undefined {
  if (path.length > maxPathBytes) return `is longer than ${maxPathBytes} bytes`;
  if (path.includes(0)) return "has a zero byte";
  for (const segment of segmentsOf(path)) {
    if (segment.length === 0) return "has an empty part";
    if (segment.length > maxSegmentBytes) return `has a part that is longer than ${maxSegmentBytes} bytes`;
    if (isDots(segment)) return "has a part that is . or ..";
  }
  return undefined;
}

/**
 * Returns why the target of a symbolic link at `path` is not taken, or undefined for one that stays inside its item.
 */
export function linkProblem(path: Buffer, target: Buffer): string | undefined {
  if (target.length === 0 || target.length > maxPathBytes) return `does not have 1 to ${maxPathBytes} bytes`;
  if (target.includes(0)) return "has a zero byte";
  if (target[0] === slash) return "is absolute";
  let depth = segmentsOf(path).length - 1;
  for (const segment of segmentsOf(target)) {
    if (segment.toString("latin1") === "..") depth -= 1;
    else if (segment.length > 0 && segment.toString("latin1") !== ".") depth += 1;
    if (depth < 1) return "leads out of what is sent";
  }
  return undefined;
}

function isDots(segment: Buffer): boolean {
  const text = segment.toString("latin1");
  return text === "." || text === "..";
}

/** Returns a path below another one. */
export function below(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.of(slash), name]);
}

/** Returns a path for people. */
export function shownPath(path: Buffer): string {
  return printable(path.toString("utf8"));
}
