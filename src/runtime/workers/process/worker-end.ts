import { isMemoryRefused, memoryExceeded } from '../../../core/memory-errors.js';

/** Why a worker ended. This decides whether its calls are made again (see WorkerLost). */
type EndKind =
  /** It did not answer in time. */
  | 'deadline'
  /** A fault in native code. */
  | 'fault'
  /** It needed too much memory. */
  | 'memory'
  /** It sent something that is not an answer. */
  | 'nonsense'
  /** Something else ended it, or it exited. */
  | 'lost'
  /** The server no longer needed it. */
  | 'stopped';

/** How a worker ended. */
export interface WorkerEnd {
  kind: EndKind;
  /** For the log. */
  reason: string;
}

const FAULT_SIGNALS: readonly string[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];
/** Exit codes on Windows after an access violation, heap corruption, a stack overrun, and abort(). */
const FAULT_STATUSES = [0xc000_0005, 0xc000_0374, 0xc000_0409, 134];

/**
 * Why a process ended that the server did not end.
 * @param output what it wrote to stderr
 */
export function endOf(status: number | null, signal: string | null, output: string): WorkerEnd {
  const fault = (signal !== null && FAULT_SIGNALS.includes(signal)) || FAULT_STATUSES.includes(status ?? 0);
  const how = signal === null ? `exited with code ${status}` : `killed by ${signal}`;
  const reason = output === '' ? how : `${how}: ${output}`;
  // V8 and the C++ library abort the process if some allocations fail.
  if (fault && isMemoryRefused(output)) return { kind: 'memory', reason: memoryExceeded('The work').message };
  return { kind: fault ? 'fault' : 'lost', reason };
}

/**
 * A worker ended before it answered a call. Only the first of its unanswered calls can be the cause: the others had not begun.
 */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost';
  readonly end: WorkerEnd;
  readonly begun: boolean;

  constructor(end: WorkerEnd, begun: boolean) {
    super(end.reason);
    this.end = end;
    this.begun = begun;
  }

  /** Whether the call may be made again, in another worker. */
  get maySendAgain(): boolean {
    return !this.begun || this.end.kind === 'lost';
  }
}
