import { Pieces } from '../../core/byte-source.js';
import { type MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { Answer, PictureFeatures } from '../../serving/answering/answerer.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classifier } from '../../serving/classifier.js';
import type { AnsweredPictures, Classification, ImageFile, Ticket } from '../../serving/ticket.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { RefusedFile } from '../../system/regular-file.js';

type Failed = { error: MenagerieError };

/** The result of asking about one picture. */
export type Outcome = { classification: Classification; answer: Answer; error?: never } | Failed;

/** The result of asking for the features of one picture. */
export type FeaturesOutcome = { features: PictureFeatures; error?: never } | Failed;

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
  return await withTicket(read, question, classifier, signal, async (ticket, file) => {
    const classification = await ticket.answer([file]);
    return { classification, answer: onlyOf(classification) };
  });
}

/** Asks for the features of one picture in this process, without a deadline. @param read as for `askAbout` */
export async function featuresOf(
  read: () => Promise<Uint8Array>,
  question: Question,
  classifier: Classifier,
): Promise<FeaturesOutcome> {
  return await withTicket(read, question, classifier, undefined, async (ticket, file) => {
    return { features: onlyOf(await ticket.features([file])) };
  });
}

async function withTicket<T>(
  read: () => Promise<Uint8Array>,
  question: Question,
  classifier: Classifier,
  signal: AbortSignal | undefined,
  use: (ticket: Ticket, file: ImageFile) => Promise<T>,
): Promise<T | Failed> {
  try {
    const bytes = new Pieces([await read()]);
    signal?.throwIfAborted();
    const ticket = classifier.open();
    const onAbort = () => ticket.abort(toMenagerieError(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await ticket.ask(question, Number.POSITIVE_INFINITY);
      return await use(ticket, { name: undefined, bytes });
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

/** The answer about the only picture, whose error is thrown. */
function onlyOf<T>({ results: [result] }: AnsweredPictures<T>): T {
  if (!result || 'error' in result) throw new Error('the picture has no answer');
  return result.answer;
}
