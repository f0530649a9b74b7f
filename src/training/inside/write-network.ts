import { writeFileSync } from 'node:fs';
import { MenagerieError } from '../../core/errors.js';
import { backboneOf } from '../../onnx/cut/backbone.js';
import { type HeadWeights, headFile } from '../../onnx/cut/head-file.js';
import type { BaseFile } from '../../runtime/networks/network-spec.js';
import { readWeights } from '../../runtime/weights/weights.js';

/**
 * Writes a network: the base without its last layer, and a new head.
 * @param parts weights and bias of the output layer, those of the hidden layer if there is one, and the known rows
 * @throws MenagerieError `not_trainable` for a network without features, and what reading the base's file throws; system errors
 */
export function writeNetwork(
  { base, hidden, classes, target }: { base: BaseFile; hidden: number; classes: number; target: string },
  parts: readonly Float32Array[],
): void {
  const { model, external } = readWeights(base.file, base);
  const backbone = backboneOf(model, base.output, external);
  if (!backbone) throw noFeatures();
  writeFileSync(target, headFile(backbone, headOf(parts, classes, hidden)));
}

/** The error for a network that has no layer whose input is a picture's features. */
function noFeatures(): MenagerieError {
  return new MenagerieError(
    'not_trainable',
    'The network has no last layer with weights that a new one could replace.',
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
