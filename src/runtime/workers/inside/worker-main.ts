import { serveCalls } from './serve-calls.js';
import { answerCall } from './worker-calls.js';

// The program of a worker.

serveCalls(answerCall);
