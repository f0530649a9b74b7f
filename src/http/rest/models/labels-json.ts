import { createHash } from 'node:crypto';
import type { Static } from '../../../core/schema/typebox.js';
import { classDetails } from '../../../serving/asking/class-details.js';
import type { ModelStatus } from '../../../serving/models/model.js';
import type { LabelListSchema } from '../schemas/model-schemas.js';

interface LabelsText {
  /** The list as JSON. */
  json: string;
  etag: string;
}

/** Label files whose text is kept, the last asked for: half a megabyte and more each. Most models share one. */
const KEPT = 8;
const kept = new Map<ModelStatus['labels'], LabelsText>();

/** The labels of GET /models/:id/labels. */
export function labelsJson(labels: ModelStatus['labels']): LabelsText {
  const text = kept.get(labels) ?? newText(labels);
  kept.delete(labels);
  kept.set(labels, text);
  const [oldest] = kept.keys();
  if (oldest && kept.size > KEPT) kept.delete(oldest);
  return text;
}

function newText(labels: ModelStatus['labels']): LabelsText {
  const list: Static<typeof LabelListSchema>['labels'] = classDetails(labels).map(
    ({ index, name, shortName, synonyms, wnid, wordnet }) => ({
      index,
      name,
      short_name: shortName,
      synonyms,
      ...(wnid === undefined ? {} : { wnid }),
      ...wordnet,
    }),
  );
  const json = JSON.stringify(list);
  return { json, etag: `"${createHash('sha256').update(json).digest('base64url')}"` };
}
