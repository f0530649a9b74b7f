import { MenagerieError } from '../../core/errors.js';
import type { HeadWeights } from '../../onnx/cut/head-file.js';
import type { TailCut } from '../../onnx/gradient/tail.js';
import type { BaseFile } from '../../runtime/networks/network-spec.js';
import type { TrainTensor } from '../protocol/steps.js';

/** Where the activations at the cut come from. */
export interface ActivationSource {
  /**
   * Activations of pictures: pictures x values at the cut. It is called for the next batches while the trainer works on one.
   * @param epoch of training, from 0 on, in which pictures may be distorted anew; undefined: the plain view
   */
  read(pictures: Int32Array, epoch: number | undefined): Promise<Float32Array>;
}

/** The last layers of a network to train, with a new head. */
export interface TailTask {
  /** The network's file. */
  base: BaseFile;
  cut: TailCut;
  /** A head without a hidden layer, trained without the held-out pictures: training begins with it. */
  head: HeadWeights;
  activations: ActivationSource;
  /** Class of each picture. */
  labels: Int32Array;
  classes: number;
  /** Indices of the pictures to train on. */
  training: Int32Array;
  /** Indices of the pictures that choose the epoch. */
  heldOut: Int32Array;
  /** Whether classes count equally, however many pictures they have. */
  weighted: boolean;
  epochs: number;
  seed: number;
}

/** Results on the held-out pictures after an epoch. */
export interface TailEpoch {
  /** Mean loss of the training pictures; undefined before training. */
  trainingLoss: number | undefined;
  /** Mean of -ln of the true class's probability; if classes are weighted, mean over classes. */
  logLoss: number;
  /** 0..1 */
  accuracy: number;
}

export interface TailResult {
  /** Before training, with the frozen network and the head; then after each epoch. */
  epochs: TailEpoch[];
  /** Index of the epoch with the least loss. */
  best: number;
  /** Probabilities of the held-out pictures at the best epoch: held-out pictures x classes. */
  heldOut: Float32Array;
  /** What the best epoch has, if it is better than the frozen network with the head; else undefined: the head alone is kept. */
  trained:
    | {
        /** By the names of the training graph, without the head's. */
        weights: TrainTensor[];
        head: HeadWeights;
      }
    | undefined;
  /** Milliseconds for which the trainer waited for activations, and that training took in all. */
  waitedMs: number;
  tookMs: number;
}

/** @throws MenagerieError `invalid_data` naming what cannot be trained on */
export function checkTailTask({ head, labels, training, heldOut }: TailTask): void {
  if (head.hidden) throw new Error('the tail begins with a head without a hidden layer');
  const classes = new Set(training.map((picture) => labels[picture] ?? -1));
  if (classes.size < 2) throw refused('at least 2 classes need pictures to train on');
  if (heldOut.length === 0) throw refused('no pictures are held out to choose the epoch');
}

function refused(why: string): MenagerieError {
  return new MenagerieError('invalid_data', `The last layers cannot be trained: ${why}.`);
}
