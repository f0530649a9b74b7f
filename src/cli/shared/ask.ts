import { Pieces } from '../../core/byte-source.js';
import { type MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { Answer } from '../../serving/answering/answerer.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classifier } from '../../serving/classifier.js';
import type { Classification, ImageResult } from '../../serving/ticket.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { RefusedFile } from '../../system/regular-file.js';

/** What became of one picture. */
export type Outcome = { classification: Classification; answer: Answer; error?: never } | { error: MenagerieError };

/**
 * Asks about one picture in process, without a deadline.
 * @param read gives the file's bytes; what it throws is the picture's error
 * @param signal gives up
 */
export async function askAbout(
  read: () => Promise<Uint8Array>,
  question: Question,
  classifier: Classifier,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const bytes = new Pieces([await read()]);
    signal.throwIfAborted();
    const ticket = await classifier.admit(question, { deadlineMs: Number.POSITIVE_INFINITY });
    const onAbort = () => ticket.abort(toMenagerieError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const classification = await ticket.answer([{ name: undefined, bytes }]);
      // A lone picture's error is thrown, so what is here has an answer.
      const { answer } = classification.results[0] as Extract<ImageResult, { answer: unknown }>;
      return { classification, answer };
    } finally {
      signal.removeEventListener('abort', onAbort);
      ticket.close();
    }
  } catch (error) {
    const unreadable = isSystemError(error) || error instanceof RefusedFile;
    return {
      error: unreadable ? ioError('The file cannot be read', error) : toMenagerieError(error),
    };
  }
}
