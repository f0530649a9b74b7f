import type { Crops } from '../../core/manifest/crops.js';
import type { ScoreKind } from '../../core/scores/averaging.js';
import type { GroupLevel } from '../../core/scores/grouping.js';
import { PLAIN_VIEW_OPTIONS, type TestTimeAugmentation } from '../../core/views/test-time.js';
import type { Asked } from './asked.js';

/** What a request asks: the models, which views of the pictures they see, and of what it wants scores. */
export interface Question {
  asked: Asked;
  /** Whether pictures are turned as their metadata say. */
  autoOrient: boolean;
  /** Default: the ensemble's, else each model's own. */
  crops: Crops | undefined;
  augmentation: TestTimeAugmentation;
  seed: number;
  /** Whether there is one view, drawn at random, as for training. */
  drawn?: boolean | undefined;
  average: ScoreKind;
  /** The level of groups to sum scores over; undefined: the scores of classes. */
  group: GroupLevel | undefined;
}

/** The question with one view of each picture, as networks are evaluated. */
export const PLAIN_QUESTION: Question = {
  asked: { model: undefined },
  autoOrient: true,
  crops: 1,
  augmentation: PLAIN_VIEW_OPTIONS.augmentation,
  seed: 0,
  average: 'probabilities',
  group: undefined,
};
