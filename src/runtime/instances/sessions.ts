import { createHash } from 'node:crypto';
import type { InferenceSession } from 'onnxruntime-node';
import { MenagerieError } from '../../core/errors.js';
import { isMemoryRefused } from '../../core/memory-errors.js';
import { release } from '../../core/pixels/release.js';
import { backboneParts } from '../../onnx/cut/backbone.js';
import { headPart } from '../../onnx/cut/head-file.js';
import { type BaseFile, type NetworkSpec, sessionName } from '../networks/network-spec.js';
import { type OpenedSession, openHead, openSession, type RunSettings, tooLittleMemory } from '../networks/session.js';
import { readWeights, type Weights } from '../weights/weights.js';

/** What the first runs of a network showed. */
export interface TriedOut {
  /** Best number of rows in a run. */
  batch: number;
  /** Milliseconds per row in a run of that size. */
  viewMs: number;
  /** The largest number of rows that was run. */
  largestRun: number;
  /** The features of each picture of the trial; undefined: the network gives none. */
  features: readonly Float32Array[] | undefined;
}

/** A session that takes pictures, for one network or several. */
export interface SharedSession extends OpenedSession {
  /** Equal for equal weights and outputs. */
  name: string;
  /** See NetworkSpec. */
  loneThreads: number | undefined;
  /** Number of networks that use it. */
  users: number;
  /** What the first runs showed, for each lane (see Network.lane). */
  readonly tried: Map<string, TriedOut>;
  /** SHA-256 of the backbone; undefined until a head asks for it. */
  backbone: string | undefined;
}

/** What a network runs on. */
export interface Runnable {
  session: SharedSession;
  /** From the features of that session to the outputs of this network; undefined if the session gives them. */
  head: InferenceSession | undefined;
  headBytes: number;
  /** SHA-256 of all weights of the network, in hex. */
  sha256: string;
}

/**
 * The sessions in a worker. A network whose weights are loaded already shares their session, and so does a head that was trained on
 * such a network: it costs no more than its own few weights.
 */
export class Sessions {
  readonly #sessions = new Map<string, SharedSession>();

  /**
   * Opens what a network runs on. It must be given back.
   * @throws MenagerieError what readWeights and openSession throw; `memory_exceeded`
   */
  async take(spec: NetworkSpec, settings: RunSettings): Promise<Runnable> {
    let weights: Weights | undefined;
    try {
      weights = readWeights(spec.file, spec);
      const { sha256 } = weights;
      const shared = await this.#onBase(spec, weights, settings);
      if (shared) return { ...shared, sha256 };
      return { session: await this.#open(spec, weights, settings), head: undefined, headBytes: 0, sha256 };
    } catch (error) {
      throw !(error instanceof MenagerieError) && isMemoryRefused(error) ? tooLittleMemory(spec, error) : error;
    } finally {
      if (weights) releaseWeights(weights);
    }
  }

  /** Closes what nothing else runs on. */
  async giveBack({ session, head }: Pick<Runnable, 'session' | 'head'>): Promise<void> {
    await head?.release();
    session.users--;
    if (session.users > 0) return;
    if (this.#sessions.get(session.name) === session) this.#sessions.delete(session.name);
    await session.session.release();
  }

  async #open(spec: NetworkSpec, weights: Weights, settings: RunSettings): Promise<SharedSession> {
    const name = sessionName(weights.sha256, spec.output.name, spec);
    const known = this.#sessions.get(name);
    // One that fell back to the CPU is opened anew, as loading a model again is what gets it back to the GPU.
    if (known && known.fallback === undefined) {
      known.users++;
      return known;
    }
    const session = {
      ...(await openSession(spec, weights, settings)),
      name,
      loneThreads: spec.loneThreads,
      users: 1,
      tried: new Map<string, TriedOut>(),
      backbone: undefined,
    };
    this.#sessions.set(name, session);
    return session;
  }

  /** What a head runs on if it shares its base's session; undefined if the network must run on its own file. */
  async #onBase(
    spec: NetworkSpec,
    weights: Weights,
    settings: RunSettings,
  ): Promise<Omit<Runnable, 'sha256'> | undefined> {
    const { base, output, unknown } = spec;
    const backbone = base && backboneIn(weights, output.name);
    if (!backbone) return undefined;
    const outputs = unknown ? [output.name, unknown.output] : [output.name];
    const head = headPart(weights.model, backbone.size, outputs);
    const session = head && (await this.#openBase(base, backbone.sha256, spec, settings));
    if (!session) return undefined;
    try {
      return { session, head: await openHead(spec, head, settings), headBytes: head.length };
    } catch (error) {
      await this.giveBack({ session, head: undefined });
      throw error;
    }
  }

  /** The session with a backbone: one that is loaded, or the base's. Undefined if the base has another backbone by now, or is gone. */
  async #openBase(
    base: BaseFile,
    backbone: string,
    spec: NetworkSpec,
    settings: RunSettings,
  ): Promise<SharedSession | undefined> {
    const loaded = [...this.#sessions.values()].find(
      (each) => each.backbone === backbone && each.loneThreads === spec.loneThreads && !each.fallback,
    );
    if (loaded) {
      loaded.users++;
      return loaded;
    }
    const weights = readIfThere(base);
    if (!weights) return undefined;
    try {
      if (backboneIn(weights, base.output)?.sha256 !== backbone) return undefined;
      const output = { ...spec.output, name: base.output };
      const session = await this.#open({ ...spec, file: base.file, output }, weights, settings);
      if (session.features) {
        session.backbone = backbone;
        return session;
      }
      await this.giveBack({ session, head: undefined });
      return undefined;
    } finally {
      releaseWeights(weights);
    }
  }
}

/** The head's file has all it needs, so a base that cannot be read is no error. */
function readIfThere(base: BaseFile): Weights | undefined {
  try {
    return readWeights(base.file, base);
  } catch {
    return undefined;
  }
}

function backboneIn({ model, external }: Weights, output: string): { sha256: string; size: number } | undefined {
  const backbone = backboneParts(model, output, external);
  if (!backbone) return undefined;
  const hash = createHash('sha256');
  for (const part of backbone.parts) hash.update(part);
  return { sha256: hash.digest('hex'), size: backbone.size };
}

function releaseWeights({ model, external }: Weights): void {
  for (const bytes of [model, ...external.map(({ data }) => data)]) release(bytes);
}
