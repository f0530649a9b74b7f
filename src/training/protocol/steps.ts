import type { TailCut } from '../../onnx/gradient/tail.js';
import type { BaseFile } from '../../runtime/networks/network-spec.js';

// The steps that the trainer takes for the server, one call each. Tensors are the parts of the frame, little-endian: float32 unless
// said otherwise. A step takes about two seconds at most with data of ordinary size, so that progress can be told.

/** Receives the features and standardises them. Parts: features (rows x size), labels (int32, one for each row). */
interface OpenHead {
  kind: 'head/open';
  /** Features of a row. */
  size: number;
  classes: number;
}

/**
 * Fits a head. Parts: the rows to fit on (int32), their weights (float32), the rows whose probabilities are wanted (int32).
 * Answers with those probabilities (wanted rows x classes).
 */
interface FitHead {
  kind: 'head/fit';
  /** Name of the fit in the trainer. */
  name: string;
  /** Units of the hidden layer; 0: none. */
  hidden: number;
  l2: number;
  /** Whether to begin with the weights of the last fit of this name, if it had as many units. */
  warm: boolean;
  /** For the first weights of a hidden layer. */
  seed: number;
  /** Stops when no part of the gradient of the mean loss is larger. */
  tolerance: number;
}

/** Asks for the weights of a fit, with the standardisation folded in. Answers with weights and bias of the output layer, then of the hidden. */
interface GetHead {
  kind: 'head/weights';
  name: string;
}

/** Receives features to compare. Parts: features (rows x size). Answers with the fact `median`: the median cosine of random pairs. */
interface OpenFeatures {
  kind: 'features/open';
  size: number;
  seed: number;
}

/** Joins a block of rows with later rows that are as similar. Answers with the fact `to`: the row at which the next block begins. */
interface JoinFeatures {
  kind: 'features/join';
  from: number;
  /** Least cosine. */
  threshold: number;
}

/** Answers with a part that names the group of each row: its first row. */
interface GetGroups {
  kind: 'features/groups';
}

/** Finds rows that stand for others. Part: the others (int32). Answers with rows of length 1 (at most `most` x size). */
interface GetCentres {
  kind: 'features/centres';
  most: number;
  seed: number;
}

/** Parts: rows (int32), known rows (rows of length 1). Answers with the distance of each row to the nearest known one. */
interface GetDistances {
  kind: 'features/distances';
}

/** Finds the shape of every tensor of a network for one picture. Answers with a tensor without values for each. */
interface GetShapes {
  kind: 'tail/shapes';
  /** Path of the ONNX file. */
  file: string;
}

/** Reads a network and makes the training graph of its tail. Parts: weights (classes x features) and bias of the first head. */
interface OpenTail {
  kind: 'tail/open';
  base: BaseFile;
  cut: TailCut;
  classes: number;
}

/** One step of training. Parts: activations at the cut, targets (pictures x classes). Answers with the fact `loss`. */
interface StepTail {
  kind: 'tail/step';
  learningRate: number;
}

/** Part: activations at the cut. Answers with logits (pictures x classes). */
interface GetLogits {
  kind: 'tail/logits';
}

/** Keeps the weights of now as the best. */
interface KeepTail {
  kind: 'tail/keep';
}

/** Answers with the best weights. */
interface GetTail {
  kind: 'tail/weights';
}

/** Makes a small JPEG of a picture, for people to look at. Part: the picture's file. Answers with a tensor of the JPEG's bytes. */
interface MakeThumbnail {
  kind: 'picture/thumbnail';
  maxPixels: number;
}

/**
 * Writes the file of a network with a new head. Parts: weights and bias of the output layer, those of the hidden layer if there is one,
 * and the known rows, which may be empty. Answers with the fact `macs`: multiply-accumulates for one picture.
 */
interface WriteFile {
  kind: 'file/write';
  base: BaseFile;
  /** Units of the hidden layer; 0: none. */
  hidden: number;
  classes: number;
  /** Where the trained tail begins, whose weights are those that were kept; undefined: the network stays as it is. */
  cut: TailCut | undefined;
  /** The file to write, in a folder of its own. */
  target: string;
  /** Shape of the input for one picture. */
  inputShape: readonly number[];
}

/** Part: activations at the cut. Answers with the features that the kept tail makes of them (pictures x size). */
interface GetTailFeatures {
  kind: 'tail/features';
}

export type TrainStep =
  | OpenHead
  | FitHead
  | GetHead
  | OpenFeatures
  | JoinFeatures
  | GetGroups
  | GetCentres
  | GetDistances
  | GetShapes
  | OpenTail
  | StepTail
  | GetLogits
  | KeepTail
  | GetTailFeatures
  | GetTail
  | MakeThumbnail
  | WriteFile;

const KINDS: Readonly<Record<TrainStep['kind'], true>> = {
  'head/open': true,
  'head/fit': true,
  'head/weights': true,
  'features/open': true,
  'features/join': true,
  'features/groups': true,
  'features/centres': true,
  'features/distances': true,
  'tail/shapes': true,
  'tail/open': true,
  'tail/step': true,
  'tail/logits': true,
  'tail/keep': true,
  'tail/weights': true,
  'tail/features': true,
  'picture/thumbnail': true,
  'file/write': true,
};

/** Whether the trainer knows a step. It trusts the server with the fields. */
export function isTrainStep(step: { kind: string }): step is TrainStep {
  return Object.hasOwn(KINDS, step.kind);
}

/** A tensor that the trainer answers with. */
export interface TrainTensor {
  name: string;
  dims: readonly number[];
  values: Float32Array;
}

/** The trainer's answer to a step: tensors, and numbers by name, among them `waitedMs`, for which it had nothing to do before. */
export interface StepAnswer {
  tensors: TrainTensor[];
  facts: Record<string, number>;
}

/** Takes a step in the trainer. */
export type TakeStep = (
  step: TrainStep,
  parts?: readonly (Float32Array | Int32Array | Uint8Array)[],
) => Promise<StepAnswer>;
