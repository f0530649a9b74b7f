import type { DecodeLimits } from '../../../imaging/decode.js';
import type { Device } from '../../device/providers.js';

/** What a worker is told when it starts. */
export interface WorkerSettings {
  device: Device;
  /** Threads that one network computes with. */
  threads: number;
  /** Rows of a batch; undefined: what is measured to pay when a network is loaded. */
  batch?: number | undefined;
  decode: DecodeLimits;
  /** Bytes that running a network may take: for the error of what takes more. */
  runBytes: number;
}
