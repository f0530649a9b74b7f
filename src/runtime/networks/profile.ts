import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { Provider } from '../device/providers.js';

/** An entry of ONNX Runtime's profile, as far as it is used. */
export interface ProfileEvent {
  cat: string;
  name: string;
  /** Microseconds. */
  dur: number;
  args?: { node_index?: string; op_name?: string; provider?: string };
}

/**
 * Opens a network, has it used, and reads the profile of that.
 * @param model its file, or what that holds
 * @param use runs it; what comes later is not profiled and takes no longer for it
 * @returns the session, still open, and the profile's events
 */
export async function profiled(
  model: Uint8Array | string,
  options: InferenceSession.SessionOptions,
  use: (session: InferenceSession) => Promise<unknown>,
): Promise<{ session: InferenceSession; events: ProfileEvent[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'menagerie-profile-'));
  try {
    const session = await InferenceSession.create(model as Uint8Array, {
      ...options,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    try {
      await use(session);
    } catch (error) {
      await session.release();
      throw error;
    }
    session.endProfiling();
    const [profile] = readdirSync(folder);
    const events = JSON.parse(readFileSync(join(folder, profile as string), 'utf8')) as ProfileEvent[];
    return { session, events };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const EXECUTION_PROVIDERS: Record<Provider, string> = { cpu: 'CPUExecutionProvider', cuda: 'CUDAExecutionProvider' };

/** The name of the layer that an event is a run of, if it is one. */
export function kernelOf(event: ProfileEvent): string | undefined {
  return event.cat === 'Node' ? /^(.*)_kernel_time$/.exec(event.name)?.[1] : undefined;
}

/** The layers that another provider ran than the one that was asked, as "name (operator)", each once. */
export function layersElsewhere(events: readonly ProfileEvent[], provider: Provider): string[] {
  const found = events.flatMap((event) => {
    const name = kernelOf(event);
    const ran = event.args?.provider;
    if (name === undefined || ran === undefined || ran === EXECUTION_PROVIDERS[provider]) return [];
    return [event.args?.op_name ? `${name} (${event.args.op_name})` : name];
  });
  return [...new Set(found)];
}
