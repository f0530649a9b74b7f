import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

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

/**
 * Parses the name of a partial file.
 * @returns the stem and, if a process is writing the file, its id and whether it is on this machine; undefined for other names
 */
export function parsePartial(name: string): { stem: string; writer?: { pid: number; here: boolean } } | undefined {
  const [, stem, host, pid] = FORM.exec(name) ?? [];
  if (stem === undefined) return undefined;
  return host === undefined ? { stem } : { stem, writer: { pid: Number(pid), here: host === HOST } };
}
