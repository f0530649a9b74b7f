import { writeFileSync } from 'node:fs';
import { MenagerieError } from '../../core/errors.js';
import { backboneOf } from '../../onnx/cut/backbone.js';
import { type HeadWeights, headFile } from '../../onnx/cut/head-file.js';
import { fileWithTail } from '../../onnx/gradient/tail-file.js';
import type { BaseFile } from '../../runtime/networks/network-spec.js';
import { readWeights } from '../../runtime/weights/weights.js';
import type { TrainStep, TrainTensor } from '../protocol/steps.js';

/**
 * Writes a network: the base without its last layer, and a new head.
 * @param parts weights and bias of the output layer, those of the hidden layer if there is one, and the known rows
 * @param tail weights of the tail that was trained, by the names of its training graph
 * @throws MenagerieError `not_trainable` for a network without features, and what reading the base's file throws; system errors
 */
export function writeNetwork(
  { base, hidden, classes, cut, target }: Extract<TrainStep, { kind: 'file/write' }>,
  parts: readonly Float32Array[],
  tail: readonly TrainTensor[] | undefined,
): void {
  const { model, external } = readWeights(base.file, base);
  const file = cut && tail ? fileWithTail(model, cut, tail) : model;
  const backbone = backboneOf(file, base.output, external);
  if (!backbone) {
    throw new MenagerieError(
      'not_trainable',
      'The network has no last layer with weights that a new one could replace.',
    );
  }
  writeFileSync(target, headFile(backbone, headOf(parts, classes, hidden)));
}

/**
 * The file of a network whose last layers are to be trained.
 * @throws MenagerieError `not_trainable` for one with external data; what reading it throws
 */
export function readBase(base: BaseFile): Uint8Array {
  const { model, external } = readWeights(base.file, base);
  if (external.length === 0) return model;
  throw new MenagerieError(
    'not_trainable',
    'The network keeps its weights in external data; only its classifier can be trained.',
  );
}

function headOf(parts: readonly Float32Array[], classes: number, units: number): HeadWeights {
  const [weights, bias, ...rest] = parts;
  const known = rest.pop();
  if (!weights || !bias || !known) throw new Error('a head without weights');
  const [unitWeights, unitBias] = rest;
  return {
    classes,
    weights,
    bias,
    ...(unitWeights && unitBias && { hidden: { units, weights: unitWeights, bias: unitBias } }),
    ...(known.length > 0 && { known }),
  };
}
