import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { processExists } from './process-exists.js';

/** The end of the names of files that are being written. */
export const PARTIAL = '.partial';
const HOST = hostname().replace(/[^A-Za-z0-9]+/g, '_') || 'host';
const FORM = /^(.+?)(?:\.([A-Za-z0-9_]+)-(\d+)-[0-9a-f]{8})?\.partial$/;

/**
 * A name for a file that this process alone writes: `<stem>.<host>-<pid>-<id>.partial`. Processes of several containers may have the
 * same id and write into one folder.
 */
export function ownPartial(stem: string): string {
  return `${stem}.${HOST}-${process.pid}-${randomUUID().slice(0, 8)}${PARTIAL}`;
}

/** Milliseconds without a write after which a partial of another machine (on a shared disk) counts as abandoned. */
const FOREIGN_STALE_MS = 60 * 60 * 1000;

/** The process that writes a partial file: its id, and whether it is on this machine. */
export interface PartialWriter {
  pid: number;
  here: boolean;
}

/**
 * Parses the name of a partial file.
 * @returns the stem and, if a process is writing the file, which; undefined for other names
 */
export function parsePartial(name: string): { stem: string; writer?: PartialWriter } | undefined {
  const [, stem, host, pid] = FORM.exec(name) ?? [];
  if (stem === undefined) return undefined;
  return host === undefined ? { stem } : { stem, writer: { pid: Number(pid), here: host === HOST } };
}

/** Whether the writer of a partial file is gone. @param modifiedMs when the file was last written */
export function isAbandoned({ pid, here }: PartialWriter, modifiedMs: number): boolean {
  if (!here) return Date.now() - modifiedMs > FOREIGN_STALE_MS;
  // In a container every start has the same id.
  if (pid === process.pid) return modifiedMs < performance.timeOrigin;
  return !processExists(pid);
}
