import type { InferenceSession } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { inputShape } from '../../core/manifest/input-shape.js';
import { fitsBytes } from '../../core/pixels/normalise.js';
import { isPixelType, PIXEL_TYPES, type PixelType } from '../../core/pixels/pixel-type.js';
import { countOf } from '../../core/shape.js';
import type { NetworkSpec } from './network-spec.js';

/** How a network takes views. */
export interface Signature {
  /** Number format of the pixels. */
  type: PixelType;
  /** Shape of one view in the input tensor. */
  view: readonly number[];
  /** Whether the input has a dimension for the batch, before those of the view. */
  batched: boolean;
  /** Whether a run takes any number of views. */
  takesBatches: boolean;
}

/** Shape of the input tensor for so many views. */
export function inputDims({ view, batched }: Signature, rows: number): number[] {
  return batched ? [rows, ...view] : [...view];
}

/**
 * Compares the input of a network with its manifest.
 *
 * The file may leave out the dimension of the channels if there is only one, flatten a view (in the manifest's layout), or have no
 * batch dimension.
 * @throws MenagerieError `signature_mismatch`
 */
export function readSignature(session: InferenceSession, spec: NetworkSpec): Signature {
  const { name } = spec.input;
  const { inputMetadata, inputNames } = session;
  const [only, ...others] = inputMetadata;
  if (others.length > 0) {
    throw mismatch(`the file has ${inputNames.length} inputs, ${quote(inputNames)}; a picture can only feed one`);
  }
  if (only?.name !== name) {
    throw mismatch(`the manifest names the input "${name}", the file has ${quote(inputNames)}`);
  }
  if (!only.isTensor) throw mismatch(`the input "${name}" is not a tensor`);
  const { type, shape } = only;
  if (!isPixelType(type)) {
    const known = Object.keys(PIXEL_TYPES).join(', ');
    throw mismatch(`the input "${name}" is ${type}; pixels are fed as one of ${known}`);
  }
  if (type === 'uint8' && !fitsBytes(spec.preprocess)) {
    throw mismatch(`the input "${name}" is uint8, so preprocess must have scale 1, mean 0 and std 1`);
  }
  const fit = layoutsOf(spec).find((layout) => fits(layout, shape));
  if (!fit) {
    const wanted = inputShape(spec, 1).join('x');
    const [batch, ...rest] = shape;
    const fixed = layoutsOf(spec).some((layout) => fits(layout, ['', ...rest]));
    const advice = fixed ? `; it takes exactly ${batch} views at a time: export it for 1, or for any number` : '';
    throw mismatch(
      `the manifest's input is ${wanted}, the file's ${shape.map((size) => size || '?').join('x')}${advice}`,
    );
  }
  return { ...fit, type, takesBatches: fit.batched && spec.batch === 'dynamic' && isOpen(shape[0]) };
}

type Layout = Pick<Signature, 'view' | 'batched'>;

/** The shapes in which a network may take the manifest's input, the usual one first. */
function layoutsOf(spec: NetworkSpec): Layout[] {
  const full = inputShape(spec, 1).slice(1);
  const withoutChannel = full.filter((_, i) => i !== (spec.input.layout === 'NCHW' ? 0 : full.length - 1));
  const views = spec.preprocess.color === 'GRAY' ? [full, withoutChannel] : [full];
  return [
    ...views.map((view) => ({ view, batched: true })),
    { view: [countOf(full)], batched: true },
    ...views.map((view) => ({ view, batched: false })),
  ];
}

/** @param shape the file's; empty if it does not say */
function fits({ view, batched }: Layout, shape: readonly (number | string)[]): boolean {
  const wanted = batched ? [1, ...view] : view;
  if (shape.length === 0) return true;
  return shape.length === wanted.length && shape.every((size, i) => isOpen(size) || size === wanted[i]);
}

/** Whether a dimension has any size: it is named or unknown. */
function isOpen(size: number | string | undefined): boolean {
  return typeof size === 'string' || (size !== undefined && size < 0);
}

/** The error for a file that differs from its manifest. */
export function mismatch(what: string): MenagerieError {
  return new MenagerieError('signature_mismatch', `Manifest and network differ: ${what}.`);
}

/** Names in quotes, for a message. */
export function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
