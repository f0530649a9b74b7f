import { MenagerieError } from '../core/errors.js';
import {
  choose,
  type Findings,
  LEAST_CLASSES,
  LEAST_PICTURES,
  type Ranked,
  SIGNIFICANT,
  usualUnlessBetter,
} from './choose.js';
import { classesOf, type Known, type KnownPicture } from './known-pictures.js';
import { areDigits, type LabelCandidate } from './label-candidates.js';
import type { NetworkToAdd } from './network-to-add.js';
import { type Preparation, rangesFor, resizesFor } from './preparations.js';
import { type Attempt, type TryOptions, tryPreparations } from './try-preparations.js';

/** If so many pictures decide, no more are tried: with this p-value, so that not much of SIGNIFICANT is spent on asking early. */
const ENOUGH = 200;
const SIGNIFICANT_EARLY = 0.01;
/** Numbers of pictures after which preparations that are clearly worse are given up. */
const ROUNDS = [32, 96, ENOUGH];
const CLEARLY_WORSE = { p: 0.001, log: 0.1 };

/** How to feed a network. */
export interface Decision {
  preparation: Preparation;
  candidate: LabelCandidate;
  /** What the known pictures say of it; undefined without pictures. */
  attempt: Attempt | undefined;
  /** The resize rule, in words. */
  resize: string;
}

/**
 * Tries the usual preparations on known pictures, and chooses one. Range, order of the channels and labels must be better than all others
 * beyond chance; the resize rule is the usual one unless another is better, because they differ little.
 * @param force name of the preparation to take in any case
 * @throws MenagerieError `invalid_data` for too few pictures, `usage` for an unknown name or for labels that must be stated; what
 *   tryPreparations throws
 */
export async function decide(
  network: NetworkToAdd,
  { candidates, pictures }: Known,
  force: string | undefined,
  options: TryOptions,
): Promise<{ choice: Findings | undefined; decision: Decision | undefined }> {
  const digits = candidates.every(areDigits);
  const preparations = rangesFor(network.form, digits);
  const forced = preparations.find(({ name }) => name === force);
  if (force !== undefined && !forced) {
    throw new MenagerieError(
      'usage',
      `--force: there is no "${force}"; there are ${preparations.map(({ name }) => name).join('; ')}.`,
    );
  }
  if (pictures.length === 0) {
    const [only, ...others] = candidates;
    if (!forced || !only) return { choice: undefined, decision: undefined };
    if (others.length > 0) {
      throw new MenagerieError(
        'usage',
        `Several label files fit (${candidates.map(({ name }) => name).join(', ')}): state --labels.`,
      );
    }
    return { choice: undefined, decision: withResize(network, forced, only, undefined) };
  }
  const classes = classesOf(pictures);
  const most = Math.max(...candidates.map(({ labels }) => labels.length));
  if (!forced && (pictures.length < LEAST_PICTURES || classes < Math.min(LEAST_CLASSES, most))) {
    const least = `${LEAST_PICTURES} pictures of ${Math.min(LEAST_CLASSES, most)} classes`;
    throw new MenagerieError(
      'invalid_data',
      `At least ${least} are needed; these are ${pictures.length} of ${classes}.`,
    );
  }
  const choice = await eliminate(network, preparations, { candidates, pictures }, forced, options);
  const winner = choice.ranked.find(({ preparation }) => force === undefined || preparation.name === force);
  if (!winner || (force === undefined && !choice.decided)) return { choice, decision: undefined };
  const { preparation, candidate } = winner;
  const truths = candidates.indexOf(candidate);
  const known = pictures
    .slice(0, winner.logs.length)
    .map((picture) => ({ ...picture, truths: [picture.truths[truths] ?? -1] }));
  const resizes = resizesFor(network.form, digits).map(({ name, resize }) => ({
    name,
    preprocess: { ...preparation.preprocess, resize },
  }));
  const resized = usualUnlessBetter(await tryPreparations(network, resizes, [candidate], known, options));
  return { choice, decision: withResize(network, preparation, candidate, resized) };
}

/**
 * Tries all preparations on a few pictures, and goes on with those that are not clearly worse than the best, until the pictures decide
 * or there are no more. Where they are asked twice, the p-values together are SIGNIFICANT (Bonferroni).
 * @returns of what was given up, what the pictures so far say
 */
async function eliminate(
  network: NetworkToAdd,
  preparations: readonly Preparation[],
  { candidates, pictures }: Known,
  forced: Preparation | undefined,
  options: TryOptions,
): Promise<Findings> {
  const { length } = pictures;
  const compare = (attempts: readonly Attempt[], tried: number) => {
    const last = length > ENOUGH ? SIGNIFICANT - SIGNIFICANT_EARLY : SIGNIFICANT;
    return choose(attempts, tried < length ? SIGNIFICANT_EARLY : last);
  };
  const [first = 0, ...ends] = [...ROUNDS.filter((round) => round < length), length];
  let all = await tryCandidates(network, preparations, candidates, pictures.slice(0, first), options);
  let findings = compare(all, first);
  let going = preparations;
  let from = first;
  for (const end of ends) {
    if (from >= ENOUGH && (forced || findings.decided)) break;
    const { ranked } = findings;
    going = going.filter(
      (preparation) =>
        preparation === forced || ranked.some((each) => each.preparation === preparation && !isClearlyWorse(each)),
    );
    const fresh = await tryCandidates(network, going, candidates, pictures.slice(from, end), options);
    all = all.map((attempt) => continued(attempt, fresh));
    from = end;
    findings = compare(all, from);
  }
  return findings;
}

/** Easy pictures tell little: there more contrast makes every answer a little surer. */
function isClearlyWorse({ p, behind }: Ranked): boolean {
  return p !== undefined && p < CLEARLY_WORSE.p && behind > CLEARLY_WORSE.log;
}

function continued(attempt: Attempt, fresh: readonly Attempt[]): Attempt {
  const more = fresh.find(
    ({ preparation, candidate }) => preparation === attempt.preparation && candidate === attempt.candidate,
  );
  if (!more) return attempt;
  return { ...attempt, logs: [...attempt.logs, ...more.logs], hits: [...attempt.hits, ...more.hits] };
}

/** The same runs serve all candidates that differ only in the order of the labels. */
async function tryCandidates(
  network: NetworkToAdd,
  preparations: readonly Preparation[],
  candidates: readonly LabelCandidate[],
  pictures: readonly KnownPicture[],
  options: TryOptions,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  let fault: MenagerieError | undefined;
  for (const [i, candidate] of candidates.entries()) {
    const sharesRuns = ({ labels, offset }: LabelCandidate) =>
      labels.length === candidate.labels.length && offset === candidate.offset;
    if (candidates.findIndex(sharesRuns) < i) continue;
    const group = [...candidates.entries()].filter(([, other]) => sharesRuns(other));
    const known = pictures.map((picture) => ({ ...picture, truths: group.map(([c]) => picture.truths[c] ?? -1) }));
    const labels = group.map(([, other]) => other);
    try {
      attempts.push(...(await tryPreparations(network, preparations, labels, known, options)));
    } catch (error) {
      // Where the file does not say how many scores it gives, labels of another number are found out here.
      const unfit = error instanceof MenagerieError && error.code === 'signature_mismatch';
      if (!unfit || network.form.scores !== undefined) throw error;
      fault ??= error;
    }
  }
  if (attempts.length === 0 && fault) throw fault;
  return attempts;
}

function withResize(
  { form }: NetworkToAdd,
  preparation: Preparation,
  candidate: LabelCandidate,
  resized: Attempt | undefined,
): Decision {
  const [usual] = resizesFor(form, areDigits(candidate));
  if (!resized) return { preparation, candidate, attempt: undefined, resize: usual.name };
  const { name, preprocess } = resized.preparation;
  const why = name === usual.name ? 'as usual: no other rule is better beyond chance' : 'better than the usual rule';
  return {
    preparation: { name: preparation.name, preprocess },
    candidate,
    attempt: resized,
    resize: `${name} (${why})`,
  };
}
