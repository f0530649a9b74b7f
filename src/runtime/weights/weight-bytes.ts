import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { externalFiles } from '../../onnx/file/external-data.js';
import { FileBytes } from './file-bytes.js';

/** Size of an ONNX file and its external data files in bytes; files that do not exist count as 0. */
export function weightBytes(file: string): number {
  const names = [file, ...externalOf(file).map((name) => join(dirname(file), name))];
  return names.reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Names of the external data files; none if the file is faulty, which loading reports. */
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
