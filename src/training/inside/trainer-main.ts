import { serveCalls } from '../../runtime/workers/inside/serve-calls.js';
import { answerTraining } from './train-calls.js';

// The program of the trainer.

serveCalls(answerTraining);
