import type { DecodeLimits } from '../../../imaging/open-file.js';
import type { Device } from '../../device/providers.js';

/** Settings that a worker gets when it starts. */
export interface WorkerSettings {
  device: Device;
  /** Threads that one network computes with. */
  threads: number;
  /** Rows of a batch; undefined: measured when a network is loaded. */
  batch?: number | undefined;
  /** Limits on pictures; undefined for a worker that reads none. */
  decode?: DecodeLimits | undefined;
  /** Bytes that running a network may take, for the message of the error when it takes more. */
  runBytes: number;
}
