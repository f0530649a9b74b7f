import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { externalFiles } from '../../onnx/file/external-data.js';
import { FileBytes } from './file-bytes.js';

/** Bytes of an ONNX file and of the files in which it keeps external data, as far as they are there. */
export function weightBytes(file: string): number {
  const names = [file, ...externalOf(file).map((name) => join(dirname(file), name))];
  return names.reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Loading says what is wrong with a file. */
function externalOf(file: string): string[] {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return [];
  try {
    const source = new FileBytes(file);
    try {
      return externalFiles(source);
    } finally {
      source.close();
    }
  } catch {
    return [];
  }
}
