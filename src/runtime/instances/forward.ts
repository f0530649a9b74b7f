import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { PixelValues } from '../../core/pixels/pixel-type.js';
import { classScores, valuesOfOutput } from '../networks/class-scores.js';
import type { NetworkSpec, Wants } from '../networks/network-spec.js';
import { runSession } from '../networks/session.js';
import { mismatch, quote, type Signature } from '../networks/signature.js';
import { checkFinite } from '../networks/trial.js';
import type { Runnable } from './sessions.js';

/** An output of a network for some rows, one after the other. */
export interface Output {
  values: Float32Array;
  dims: readonly number[];
}
/** Outputs by name. */
export type Outputs = Readonly<Record<string, Output>>;

/** The result for some rows. */
export interface Result {
  /** rows x classes as the network gives them, or rows x features. */
  scores: Float32Array<ArrayBuffer>;
  /** How far each row is from all that is known, if the manifest states `unknown`. */
  distances: Float32Array<ArrayBuffer> | undefined;
}

/** A network's way from pixels to results: one session, or a shared one and a head. */
export class Forward {
  readonly runnable: Runnable;
  readonly #spec: NetworkSpec;
  readonly #signature: Signature;
  /** Names of the outputs that the manifest states. */
  readonly #stated: readonly string[];

  /** @throws MenagerieError `signature_mismatch` if the network has no output that the manifest states */
  constructor(runnable: Runnable, spec: NetworkSpec, signature: Signature) {
    const { output, unknown } = spec;
    this.runnable = runnable;
    this.#spec = spec;
    this.#signature = signature;
    this.#stated = unknown ? [output.name, unknown.output] : [output.name];
    const { outputNames } = this.last;
    if (unknown && !outputNames.includes(unknown.output)) {
      throw mismatch(`unknown.output names "${unknown.output}", the file has ${quote(outputNames)}`);
    }
  }

  /** The session that gives the scores. */
  get last(): InferenceSession {
    return this.runnable.head ?? this.runnable.session.session;
  }

  /** Names of the outputs that the session which takes the pictures must give. */
  fetches(wants: Wants): readonly string[] {
    const { head, session } = this.runnable;
    if (!head && wants === 'scores') return this.#stated;
    return session.features ? [session.features.name] : [];
  }

  /** Runs the session that takes the pictures. @param values normalised pixels of so many rows, at most a batch */
  async run(values: PixelValues, rows: number, fetches: readonly string[]): Promise<Outputs> {
    const { session } = this.runnable.session;
    return outputsOf(await runSession(session, this.#spec.input.name, this.#signature, values, rows, fetches), fetches);
  }

  /** The outputs that the manifest states, from those of the session that takes the pictures. */
  async stated(outputs: Outputs, rows: number): Promise<Outputs> {
    const { head, session } = this.runnable;
    return head ? await this.ofFeatures(valuesOf(outputs, session.features?.name ?? ''), rows) : outputs;
  }

  /** The same of a head, from features. @param features rows x size */
  async ofFeatures(features: Float32Array, rows: number): Promise<Outputs> {
    const { head, session } = this.runnable;
    const { name = '', size = 0 } = session.features ?? {};
    if (!head) throw new Error('a network without a head of its own runs on no features');
    const tensor = new Tensor('float32', features, [rows, size]);
    return outputsOf(await head.run({ [name]: tensor }, this.#stated), this.#stated);
  }

  /** @throws MenagerieError `signature_mismatch`, `scores_not_finite` */
  scores(stated: Outputs, rows: number): Result {
    const { output, unknown, labels } = this.#spec;
    const given = valuesOf(stated, output.name);
    const scores = classScores(given, rows, this.#spec).slice();
    if (scores.length !== rows * labels) throw mismatch(`${rows} views are answered with ${given.length} scores`);
    checkFinite(scores);
    const distances = unknown && valuesOf(stated, unknown.output).slice();
    if (distances && distances.length !== rows) {
      throw mismatch(`${rows} views are answered with ${distances.length} distances`);
    }
    if (distances) checkFinite(distances);
    return { scores, distances };
  }

  /** @throws MenagerieError `signature_mismatch`, `scores_not_finite` */
  features(outputs: Outputs, rows: number): Result {
    const { name = '', size = 0 } = this.runnable.session.features ?? {};
    const features = valuesOf(outputs, name).slice();
    if (features.length !== rows * size) throw mismatch(`${rows} views are answered with ${features.length} features`);
    checkFinite(features);
    return { scores: features, distances: undefined };
  }
}

function outputsOf(tensors: InferenceSession.ReturnType, names: readonly string[]): Outputs {
  return Object.fromEntries(
    names.map((name) => [name, { values: valuesOfOutput(tensors[name], name), dims: tensors[name]?.dims ?? [] }]),
  );
}

function valuesOf(outputs: Outputs, name: string): Float32Array {
  return outputs[name]?.values ?? new Float32Array();
}
