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
}

/** Asks for the weights of a fit, with the standardisation folded in. Answers with weights and bias of the output layer, then of the hidden. */
interface GetHead {
  kind: 'head/weights';
  name: string;
}

export type TrainStep = OpenHead | FitHead | GetHead;

const KINDS: Readonly<Record<TrainStep['kind'], true>> = {
  'head/open': true,
  'head/fit': true,
  'head/weights': true,
};

/** Whether the trainer knows a step. It trusts the server with the fields. */
export function isTrainStep(step: { kind: string }): step is TrainStep {
  return Object.hasOwn(KINDS, step.kind);
}

/** The trainer's answer to a step. */
export interface StepAnswer {
  parts: Float32Array[];
  facts: Record<string, number>;
}

/** Takes a step in the trainer. */
export type TakeStep = (
  step: TrainStep,
  parts?: readonly (Float32Array | Int32Array | Uint8Array)[],
) => Promise<StepAnswer>;
