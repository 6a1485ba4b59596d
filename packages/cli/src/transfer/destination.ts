/** The place that a receiver puts entries into. Paths were checked: they are relative, and stay below it. */
import type { Buffer } from "node:buffer";

/** A part of a file that is there from an earlier try. */
export interface StoredPart {
  readonly path: Buffer;
  readonly bytes: number;
  readonly sha256: string;
}

/** The beginning of a file. */
export interface FileStart {
  readonly path: Buffer;
  readonly mode: number;
  readonly mtimeMs: number;
  /** The first byte that follows: the file has those before it. */
  readonly from: number;
}

/** A file that is being written. */
export interface FileSink {
  /** Takes the next bytes, whose memory may be used again once it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** The file is whole. Returns its checksum: SHA-256, in hexadecimal. */
  finish(): Promise<string>;
  /** The file will not be whole. Never rejects. */
  abandon(): Promise<void>;
}

/** The place of one transfer. Its methods throw `CommandError`s that name the path. */
export interface Destination {
  /** Yields the parts of files from an earlier try. */
  parts(): AsyncIterable<StoredPart>;
  addFolder(path: Buffer, mode: number, mtimeMs: number): Promise<void>;
  addLink(path: Buffer, target: Buffer): Promise<void>;
  beginFile(start: FileStart): Promise<FileSink>;
  /** Everything has come and is whole: puts it under its final names. */
  publish(): Promise<void>;
}
