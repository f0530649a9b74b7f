import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { Provider } from '../device/providers.js';

/** An entry of ONNX Runtime's profile: the fields used here. */
export interface ProfileEvent {
  cat: string;
  name: string;
  /** Microseconds. */
  dur: number;
  args?: { node_index?: string; op_name?: string; provider?: string };
}

/**
 * Opens a network and profiles its use.
 * @param model path or content of the ONNX file
 * @param use runs the network; later runs are not profiled, and not slowed down
 * @returns the session, still open, and the events of the profile
 */
export async function profiled(
  model: Uint8Array | string,
  options: InferenceSession.SessionOptions,
  use: (session: InferenceSession) => Promise<unknown>,
): Promise<{ session: InferenceSession; events: ProfileEvent[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'menagerie-profile-'));
  try {
    const profiling = { ...options, enableProfiling: true, profileFilePrefix: join(folder, 'profile') };
    const session = await (typeof model === 'string'
      ? InferenceSession.create(model, profiling)
      : InferenceSession.create(model, profiling));
    try {
      await use(session);
    } catch (error) {
      await session.release();
      throw error;
    }
    session.endProfiling();
    const [profile = ''] = readdirSync(folder);
    return { session, events: parseEvents(readFileSync(join(folder, profile), 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parseEvents(text: string): ProfileEvent[] {
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) throw new Error('the profile is not a list of events');
  return entries.filter(isEvent);
}

function isEvent(entry: unknown): entry is ProfileEvent {
  if (typeof entry !== 'object' || entry === null || !('cat' in entry && 'name' in entry && 'dur' in entry))
    return false;
  return typeof entry.cat === 'string' && typeof entry.name === 'string' && typeof entry.dur === 'number';
}

const EXECUTION_PROVIDERS: Record<Provider, string> = { cpu: 'CPUExecutionProvider', cuda: 'CUDAExecutionProvider' };

/** The layer that an event is a run of; undefined for other events. */
export function kernelOf(event: ProfileEvent): string | undefined {
  return event.cat === 'Node' ? /^(.*)_kernel_time$/.exec(event.name)?.[1] : undefined;
}

/** The layers that ran on another provider than the given one, as "name (operator)", each once. */
export function layersElsewhere(events: readonly ProfileEvent[], provider: Provider): string[] {
  const found = events.flatMap((event) => {
    const name = kernelOf(event);
    const ran = event.args?.provider;
    if (name === undefined || ran === undefined || ran === EXECUTION_PROVIDERS[provider]) return [];
    return [event.args?.op_name ? `${name} (${event.args.op_name})` : name];
  });
  return [...new Set(found)];
}
