import type { Config } from '../config/load-config.js';
import { MIB } from '../core/units.js';
import { usesCuda } from '../runtime/device/providers.js';
import { BASE_BYTES } from '../runtime/networks/network-memory.js';
import type { Levers } from '../runtime/workers/process/levers.js';
import type { MemoryPlan } from '../runtime/workers/process/worker-memory.js';

/** Of all memory; the rest is for the kernel and for what is not foreseen. */
const USED_SHARE = 0.9;
/** The server's heap and code. */
const SERVER_BYTES = 256 * MIB;
/** What a worker gets where memory is short, whatever follows from that. */
const LEAST_SHARE = BASE_BYTES + 128 * MIB;
/**
 * What decoding may take for each pixel of the largest picture. Two formats take more (AVIF and lossless WebP, some 20), so that
 * their largest pictures are refused; with these the server would need twice its memory for a file of a kilobyte.
 */
const DECODE_BYTES_PER_PIXEL = 16;
const MOST_VIEW_BYTES = 256 * MIB;
const MOST_ACTIVATION_BYTES = 512 * MIB;
const MOST_INSPECTION_BYTES = 2048 * MIB;

/** Who may have how much memory. */
export interface MemoryBudget {
  workers: MemoryPlan;
  /** For views of pictures on their way between workers. */
  viewBytes: number;
  /** For the activations of a network that is looked into. */
  activationBytes: number;
  /** For all that looking into a network takes but what its file holds: weights may be made by the network itself. */
  inspectionBytes: number;
}

/**
 * Divides the memory among the processes, so that all of their shares fit.
 * @param memory bytes that may be used
 * @param processes workers, of either kind
 */
export function memoryBudget(
  config: Pick<Config, 'uploadMemory' | 'cache' | 'maxPixels' | 'device'>,
  memory: number,
  processes: number,
  levers: Levers,
): MemoryBudget {
  const share = shareOf(config, memory, processes);
  const decodeBytes = Math.min(DECODE_BYTES_PER_PIXEL * config.maxPixels, share / 2);
  // CUDA maps all of a card's memory, and more.
  const dataLimit = levers.dataLimit && !usesCuda(config.device);
  const activationBytes = Math.min(MOST_ACTIVATION_BYTES, memory / 8);
  const inspectionBytes = Math.min(MOST_INSPECTION_BYTES, memory / 4);
  return {
    workers: { decodeBytes, share, dataLimit },
    viewBytes: viewBytesOf(memory),
    activationBytes,
    inspectionBytes,
  };
}

/** Bytes that each of so many workers may hold. */
export function shareOf(
  { uploadMemory, cache }: Pick<Config, 'uploadMemory' | 'cache'>,
  memory: number,
  processes: number,
): number {
  const server = SERVER_BYTES + uploadMemory + cache + viewBytesOf(memory);
  return Math.max(LEAST_SHARE, (USED_SHARE * memory - server) / processes);
}

function viewBytesOf(memory: number): number {
  return Math.min(MOST_VIEW_BYTES, memory / 16);
}
