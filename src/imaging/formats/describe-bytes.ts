import { SNIFFED_BYTES } from './sniff.js';

/** What is often sent in place of a picture, by how it begins. */
const OTHERS: readonly [begin: string | RegExp, what: string][] = [
  ['PK\u0003\u0004', 'a ZIP archive'],
  ['\u001f\u008b', 'gzip data'],
  [/^.{4}ftyp/s, 'a video or another ISO media file'],
  [/^data:/i, 'a data URL'],
  [/^https?:\/\//i, 'a web address'],
  [/^(<!doctype html|<html|<head)/i, 'a web page (HTML)'],
  ['<?xml', 'XML'],
  [/^[{[]/, 'JSON'],
  [/^--\S+\r?\n.*content-disposition/is, 'a multipart form'],
  ['version https://git-lfs', 'a Git LFS pointer'],
  [/^[\w.%+[\]-]{1,64}=/, 'URL-encoded form fields'],
  [/^[\w+/=\s-]{40,}$/, 'base64 text'],
];

/** What bytes that are no picture seem to be, in a few words. */
export function describeBytes(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SNIFFED_BYTES));
  const text = head
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  const begins = (begin: string | RegExp) => (typeof begin === 'string' ? text.startsWith(begin) : begin.test(text));
  const [, what] = OTHERS.find(([begin]) => begins(begin)) ?? [];
  // Text has no control characters but tabs and line ends.
  return (
    what ?? (head.some((byte) => byte < 9 || (byte > 13 && byte < 32)) ? 'data of no known picture format' : 'text')
  );
}
