import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Crops } from '../../src/core/manifest/crops.js';
import { type MemberAnswer, memberAnswer } from '../../src/core/scores/averaging.js';
import { topK } from '../../src/core/scores/top-k.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import { type Decoded, decode } from '../../src/imaging/decode.js';
import { Network } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { rendered, scoresOn } from './networks.js';

// For comparisons with what Pillow and ONNX Runtime's Python package make of the photographs in the assets.

/** The best five of each network for one picture. */
export type Top5 = Record<string, [index: number, score: number][]>;

/** The photographs, and the name of their reference files. */
export const PICTURE_SETS = [
  { name: 'imagenet-sample-250', folder: 'datasets/imagenet-sample-250' },
  { name: 'images', folder: 'images' },
];

const TOLERANCE = 1e-3;

/** Pictures by file name. EXIF orientation is ignored, as by the reference. */
export async function decodeAll(folder: string, names: readonly string[]): Promise<Map<string, Decoded>> {
  const read = (file: string) => decode(readFileSync(join(folder, file)), false, { maxPixels: 50_000_000 });
  return new Map(await Promise.all(names.map(async (file) => [file, await read(file)] as const)));
}

/** For what is slow: the first of every so many pictures, but all where there are few. */
export function everyNth<T>(pictures: ReadonlyMap<string, T>, n: number): Map<string, T> {
  const FEW = 30;
  return new Map([...pictures].filter((_, i) => pictures.size <= FEW || i % n === 0));
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What a network answers to every picture, by file. */
export async function answersOf(
  spec: NetworkSpec,
  pictures: ReadonlyMap<string, Decoded>,
  crops: Crops = 1,
): Promise<Map<string, MemberAnswer>> {
  const geometry = geometryOf(spec);
  const network = await Network.load(spec, { device: 'cpu', threads: 1, batch: undefined }, new Sessions());
  const answers = new Map<string, MemberAnswer>();
  for (const [file, picture] of pictures) {
    const views = cropViews(picture, geometry, crops);
    const { outcomes } = await scoresOn(network, [rendered(picture, geometry, views)], new InputTensor());
    const [outcome] = outcomes;
    if (!outcome || 'error' in outcome) throw new Error(file, { cause: outcome?.error });
    const weights = views.map(({ count }) => count);
    answers.set(file, memberAnswer(outcome.scores, network.info.classes, weights, 'logits', 'probabilities'));
  }
  await network.release();
  return answers;
}

/**
 * Like answersOf, but each network sees its pictures once, whichever test asks first.
 * @param shownTo the pictures for a network
 */
export function rememberedAnswers(
  shownTo: (spec: NetworkSpec) => ReadonlyMap<string, Decoded>,
): (spec: NetworkSpec) => Promise<Map<string, MemberAnswer>> {
  const known = new Map<string, Promise<Map<string, MemberAnswer>>>();
  return (spec) => {
    const promise = known.get(spec.key) ?? answersOf(spec, shownTo(spec));
    known.set(spec.key, promise);
    return promise;
  };
}

/** How the best five differ from those of the reference, in words. */
export function faultsOf(file: string, probabilities: Float32Array, expected: Top5[string] | undefined): string[] {
  if (expected?.length !== 5) return [`${file}: the reference has no best five`];
  const found = topK(probabilities, 5);
  return expected.flatMap(([index, score], rank) => {
    const got = found[rank];
    // Two classes closer than the tolerance may change places.
    const inOrder = got?.index === index || Math.abs((got?.score ?? 0) - score) <= TOLERANCE;
    if (inOrder && Math.abs((probabilities[index] ?? 0) - score) <= TOLERANCE) return [];
    return [`${file}: rank ${rank + 1}: expected ${index} at ${score}, got ${got?.index} at ${got?.score}`];
  });
}
