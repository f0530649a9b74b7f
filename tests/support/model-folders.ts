import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { atTheEnd } from './at-the-end.js';

/** A new empty folder that goes when the test has finished; its path is free of links. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'menagerie-')));
  atTheEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files, given by path relative to `root`; objects become JSON. */
export async function writeTree(root: string, files: Record<string, string | Uint8Array | object>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = join(root, name);
    await mkdir(dirname(file), { recursive: true });
    const raw = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(file, raw ? content : JSON.stringify(content));
  }
}

/** What `manifestOf` says of pictures. */
export const PREPROCESS = {
  resize: { mode: 'exact', filter: 'bilinear' },
  color: 'RGB',
  scale: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** A manifest that is in order, for the model `id`, with `changes` laid over its top level. */
export function manifestOf(id: string, changes: object = {}): object {
  return {
    id,
    title: id,
    family: 'test',
    dataset: 'Shapes',
    labels: './labels.txt',
    input: { name: 'x', layout: 'NCHW', height: 8, width: 8 },
    preprocess: { ...PREPROCESS },
    output: { name: 'y', kind: 'logits' },
    batch: 1,
    variants: { fp32: { file: `${id}.onnx` } },
    default_variant: 'fp32',
    license: 'MIT',
    ...changes,
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
