import type { Config } from '../config/load-config.js';
import { MIB } from '../core/units.js';
import { usesCuda } from '../runtime/device/providers.js';
import { BASE_BYTES } from '../runtime/networks/network-memory.js';
import type { Levers } from '../runtime/workers/process/levers.js';
import type { MemoryPlan } from '../runtime/workers/process/worker-memory.js';

/** Share of the memory that is divided; the rest is for the kernel and the unforeseen. */
const USED_SHARE = 0.9;
/** The server's heap and code. */
const SERVER_BYTES = 256 * MIB;
/** The smallest share of a worker, even if the shares then exceed the memory. */
const LEAST_SHARE = BASE_BYTES + 128 * MIB;
/**
 * Memory for decoding, per pixel of the largest picture. AVIF and lossless WebP take more (about 20), so their largest pictures are
 * refused: otherwise a file of a kilobyte could make the server need twice its memory.
 */
const DECODE_BYTES_PER_PIXEL = 16;
const MOST_VIEW_BYTES = 256 * MIB;
const MOST_ACTIVATION_BYTES = 512 * MIB;
const MOST_INSPECTION_BYTES = 2048 * MIB;

/** How much memory each part of the application may use. */
export interface MemoryBudget {
  workers: MemoryPlan;
  /** Bytes for views of pictures that are sent between workers. */
  viewBytes: number;
  /** Bytes for the activations of a network that is inspected. */
  activationBytes: number;
  /** Bytes for inspecting a network, in addition to the weights in its file. A network may itself generate weights. */
  inspectionBytes: number;
}

/**
 * Divides the memory among the processes.
 * @param memory usable bytes
 * @param processes number of workers, renderers included
 */
export function memoryBudget(
  config: Pick<Config, 'uploadMemory' | 'cache' | 'maxPixels' | 'device'>,
  memory: number,
  processes: number,
  levers: Levers,
): MemoryBudget {
  const share = shareOf(config, memory, processes);
  const decodeBytes = Math.min(DECODE_BYTES_PER_PIXEL * config.maxPixels, Math.floor(share / 2));
  // RLIMIT_DATA cannot be used with CUDA, which maps more than the memory of the card.
  const dataLimit = levers.dataLimit && !usesCuda(config.device);
  const activationBytes = Math.min(MOST_ACTIVATION_BYTES, Math.floor(memory / 8));
  const inspectionBytes = Math.min(MOST_INSPECTION_BYTES, Math.floor(memory / 4));
  return {
    workers: { decodeBytes, share, dataLimit },
    viewBytes: viewBytesOf(memory),
    activationBytes,
    inspectionBytes,
  };
}

/** Bytes that each of so many workers may hold. @param memory usable bytes */
export function shareOf(
  { uploadMemory, cache }: Pick<Config, 'uploadMemory' | 'cache'>,
  memory: number,
  processes: number,
): number {
  const server = SERVER_BYTES + uploadMemory + cache + viewBytesOf(memory);
  return Math.max(LEAST_SHARE, Math.floor((USED_SHARE * memory - server) / processes));
}

function viewBytesOf(memory: number): number {
  return Math.min(MOST_VIEW_BYTES, Math.floor(memory / 16));
}
