import type { Static } from '../../core/schema/typebox.js';
import type { Combined } from '../../core/scores/averaging.js';
import type { Answer } from '../../serving/answering/answerer.js';
import { type Listing, predictionsOf } from '../../serving/answering/predictions.js';
import type { Timings } from '../../serving/answering/timings.js';
import type { Target } from '../../serving/asking/target.js';
import type { Estimate } from '../../serving/classifier.js';
import type { ServedModel } from '../../serving/models/model.js';
import type { Classification } from '../../serving/ticket.js';
import { problemOf } from '../errors/problem.js';
import type { ClassificationSchema, EstimateSchema } from './schemas/answer-schemas.js';

// Answers as JSON, in snake_case.

/** The reply to POST /classify and /ensemble. */
export function classificationJson(
  classification: Classification,
  listing: Listing,
  requestId: string,
): Static<typeof ClassificationSchema> {
  return {
    ...answeredBy(classification.target),
    results: classification.results.map(({ name, ...result }) => ({
      ...(name === undefined ? {} : { name }),
      ...('error' in result
        ? { error: problemOf(result.error, requestId) }
        : answerJson(result.answer, classification, listing)),
    })),
  };
}

/** The answer for one picture. Only classes have an index: groups have none that means anything elsewhere. */
export function answerJson(answer: Answer, { target, grouping }: Classification, listing: Listing) {
  const { width, height, format, views, combined, members, missing, agreement, unknown } = answer;
  const list = (of: Combined) =>
    predictionsOf(of, listing, grouping?.groups ?? target.labels).map(({ index, name, shortName, score }) => ({
      ...(grouping ? {} : { index }),
      label: name,
      short_name: shortName,
      score,
    }));
  return {
    width,
    height,
    format,
    ...(views > 1 ? { views } : {}),
    predictions: list(combined),
    ...unknownJson(unknown),
    ...(agreement
      ? {
          members: members.map((member) => ({
            model: member.id,
            predictions: list({ scores: member.probabilities }),
            ...unknownJson(member.unknown),
          })),
          agreement: {
            votes: agreement.votes,
            members: agreement.members,
            jensen_shannon: agreement.jensenShannon,
          },
        }
      : {}),
    ...(missing.length > 0
      ? { missing: missing.map(({ id, error }) => ({ model: id, code: error.code, detail: error.message })) }
      : {}),
  };
}

function unknownJson(unknown: boolean | undefined) {
  return unknown === undefined ? {} : { unknown };
}

/** The reply to POST /estimate. */
export function estimateJson(
  { target, cost, limitGmacs, waitMs, expectedMs }: Estimate,
  images: number,
): Static<typeof EstimateSchema> {
  return {
    ...answeredBy(target),
    images,
    cost_gmacs: cost.gmacs,
    limit_gmacs: limitGmacs,
    wait_ms: waitMs,
    expected_ms: expectedMs,
  };
}

function answeredBy({ id, named, because, ensemble, members }: Target) {
  const [first] = members;
  const reason = because === undefined ? {} : { chosen_because: because };
  if (!ensemble) return first ? { model: { ...networkJson(first.model), ...reason } } : {};
  return {
    ensemble: {
      ...(named ? { id } : {}),
      ...reason,
      combine: ensemble.combine,
      min_members: ensemble.minMembers,
      members: members.map(({ model, weight }) => ({ ...networkJson(model), weight })),
    },
  };
}

/** The network that answered. */
export function networkJson({ id, variant, version, info: { provider, fallback, layersOnCpu } }: ServedModel) {
  return {
    id,
    variant,
    provider,
    ...(fallback === undefined ? {} : { provider_fallback: fallback }),
    ...(layersOnCpu.length > 0 ? { layers_on_cpu: layersOnCpu.length } : {}),
    version,
  };
}

/** The value of the Server-Timing header; durations are in milliseconds. */
export function serverTiming(timings: Timings, totalMs: number): string {
  return Object.entries({ ...timings, total: totalMs })
    .map(([stage, ms]) => `${stage};dur=${ms.toFixed(2)}`)
    .join(', ');
}
