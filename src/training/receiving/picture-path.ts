import { invalidData } from '../../datasets/labelled-picture.js';
import { type LeftOut, leftOutByName } from '../../datasets/walk.js';
import { pathText } from '../../system/paths.js';

/** Folders that a file may lie in, one inside the other. */
const MAX_DEPTH = 16;
/** Bytes of a name, as most file systems have it, and of a path. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 1024;
/** Most characters of a path that a message repeats. */
const MAX_QUOTED = 100;

/** A path within a set, in parts, that is safe to create. */
export interface PicturePath {
  /** None for the folder of the set itself, which archives often begin with. */
  parts: string[];
  /** Set if a file is not kept: what operating systems and their tools leave beside pictures. */
  leftOut: LeftOut | undefined;
}

/**
 * Checks the path that a form or an archive gives a file or folder. `.` and empty parts are left out.
 * @throws MenagerieError `invalid_data` naming the path and the rule
 */
export function picturePath(path: string): PicturePath {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const fault = pathFault(path, parts);
  if (fault !== undefined) throw invalidData(`The path ${quotedPath(path)} is not accepted: ${fault}.`);
  return { parts, leftOut: parts.map(leftOutByName).find((reason) => reason !== undefined) };
}

/** A path as a client gave it, for messages. */
export function quotedPath(path: string): string {
  return `"${pathText(path.slice(0, MAX_QUOTED))}"`;
}

function pathFault(path: string, parts: readonly string[]): string | undefined {
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'its path is absolute';
  if (parts.includes('..')) return 'its path leads out of the set (..)';
  if (path.includes('\\')) return 'its path has a backslash; parts are separated by /';
  if (/\p{Cc}/u.test(path)) return 'its path has a control character';
  if (path.includes('\ufffd')) return 'its path is not in UTF-8';
  if (parts.length > MAX_DEPTH + 1) return `it has more than ${MAX_DEPTH} folders`;
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    return `a name has more than ${MAX_NAME_BYTES} bytes`;
  return Buffer.byteLength(path) > MAX_PATH_BYTES ? `its path has more than ${MAX_PATH_BYTES} bytes` : undefined;
}
