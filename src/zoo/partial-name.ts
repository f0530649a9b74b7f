import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** The end of the names of files that are being written. */
export const PARTIAL = '.partial';
const HOST = hostname().replace(/[^A-Za-z0-9]+/g, '_') || 'host';
const PLACE = /\.([A-Za-z0-9_]+)-(\d+)-[0-9a-f]{8}\.partial$/;

/**
 * A name for a file that this process alone writes: `<stem>.<host>-<pid>-<id>.partial`. Processes of several containers may have the
 * same id and write into one folder.
 */
export function ownPartial(stem: string): string {
  return `${stem}.${HOST}-${process.pid}-${randomUUID().slice(0, 8)}${PARTIAL}`;
}

/** The process that writes a file, and whether it is on this machine; undefined if the name does not say. */
export function writerOf(name: string): { pid: number; here: boolean } | undefined {
  const [, host, pid] = PLACE.exec(name) ?? [];
  return host === undefined ? undefined : { pid: Number(pid), here: host === HOST };
}
