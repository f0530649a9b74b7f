import { Pieces } from '../../core/byte-source.js';
import { type MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { Answer } from '../../serving/answering/answerer.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classifier } from '../../serving/classifier.js';
import type { Classification } from '../../serving/ticket.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { RefusedFile } from '../../system/regular-file.js';

/** The result of asking about one picture. */
export type Outcome = { classification: Classification; answer: Answer; error?: never } | { error: MenagerieError };

/**
 * Asks about one picture in this process, without a deadline.
 * @param read reads the bytes of the file; its errors become the picture's error
 * @param signal aborts the request; without one it is always finished
 */
export async function askAbout(
  read: () => Promise<Uint8Array>,
  question: Question,
  classifier: Classifier,
  signal?: AbortSignal,
): Promise<Outcome> {
  try {
    const bytes = new Pieces([await read()]);
    signal?.throwIfAborted();
    const ticket = classifier.open();
    const onAbort = () => ticket.abort(toMenagerieError(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await ticket.ask(question, Number.POSITIVE_INFINITY);
      const classification = await ticket.answer([{ name: undefined, bytes }]);
      const [result] = classification.results;
      // The error of a single picture is thrown above.
      if (!result || 'error' in result) throw new Error('the picture has no answer');
      return { classification, answer: result.answer };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      ticket.close();
    }
  } catch (error) {
    const unreadable = isSystemError(error) || error instanceof RefusedFile;
    return {
      error: unreadable ? ioError('The file cannot be read', error) : toMenagerieError(error),
    };
  }
}
