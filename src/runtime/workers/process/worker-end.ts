import { isMemoryRefused, memoryExceeded } from '../../networks/memory-errors.js';

/** Why a worker ended; what it had in hand is dealt with accordingly (see WorkerLost). */
type EndKind =
  /** It did not answer in time. */
  | 'deadline'
  /** A fault in native code. */
  | 'fault'
  /** The server ended it because of the memory it held. */
  | 'memory'
  /** What it sent could not be understood. */
  | 'nonsense'
  /** Somebody else ended it, or it ended by itself. */
  | 'lost'
  /** The server wanted it to end. */
  | 'stopped';

/** How a worker ended. */
export interface WorkerEnd {
  kind: EndKind;
  /** For the log. */
  reason: string;
}

const FAULT_SIGNALS: readonly string[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];
/** What Windows ends a process with that had an access violation, a heap corruption, or called abort. */
const FAULT_STATUSES = [0xc000_0005, 0xc000_0374, 0xc000_0409, 134];

/**
 * What the end of a process says that nobody here asked for.
 * @param words what it wrote before
 */
export function endOf(status: number | null, signal: string | null, words: string): WorkerEnd {
  const fault = (signal !== null && FAULT_SIGNALS.includes(signal)) || FAULT_STATUSES.includes(status ?? 0);
  const how = signal === null ? `exited with code ${status}` : `killed by ${signal}`;
  const reason = words === '' ? how : `${how}: ${words}`;
  // The engine and the C++ library end a process to which memory is refused in the wrong place.
  if (fault && isMemoryRefused(words)) return { kind: 'memory', reason: memoryExceeded('The work').message };
  return { kind: fault ? 'fault' : 'lost', reason };
}

/**
 * A call that a worker took with it. Only the first that it had in hand can be the culprit: the others had not begun.
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

  /** Whether the call may be made again, with another worker. */
  get maySendAgain(): boolean {
    return !this.begun || this.end.kind === 'lost';
  }
}
