import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SettingName } from '../../config/settings.js';
import { CROPS } from '../../core/manifest/crops.js';
import { COMBINES, type Combine } from '../../core/scores/combine.js';
import type { GroupLevel } from '../../core/scores/grouping.js';
import { parseAugmentation } from '../../core/views/test-time.js';
import { parseEnsembleRequest } from '../../serving/asking/ensemble-request.js';
import type { Question } from '../../serving/asking/question.js';

interface ViewFlags {
  model?: string;
  models?: string;
  weights?: string;
  combine?: Combine;
  crops?: string;
  tta?: string;
  seed: number;
  average: 'probabilities' | 'logits';
  autoOrient: boolean;
  group?: GroupLevel;
}

const TARGET = 'the model or ensemble (default: MENAGERIE_DEFAULT_MODEL, else the best for photographs)';

/** Adds the flags of a question. @param target whether the model is named by a flag or by an argument */
export function withViewFlags(command: Command, target: 'flag' | 'id' = 'flag'): Command {
  return (target === 'id' ? command.argument('[id]', TARGET) : command.option('-m, --model <id>', TARGET))
    .addOption(
      new Option('--models <ids>', '2 to 15 models that answer together, separated by commas').conflicts('model'),
    )
    .option('--weights <numbers>', 'weight of each of them, separated by commas')
    .addOption(new Option('--combine <rule>', 'how to combine their answers').choices(COMBINES))
    .addOption(new Option('--crops <n>', 'number of crops of a picture to average over').choices(CROPS.map(String)))
    .option('--tta <list>', 'further views, separated by commas: mirror, crops:4, rotate:10, shear:5, colour:0.1')
    .option('--seed <n>', 'seed of random views', wholeNumber, 0)
    .addOption(
      new Option('--average <what>', 'what to average over views')
        .choices(['probabilities', 'logits'])
        .default('probabilities'),
    )
    .option('--no-auto-orient', 'show pictures as they are stored, not turned as their EXIF data or XMP say');
}

/**
 * Splits flags into the question that they ask and the settings.
 * @param id the model, if it is named by an argument
 * @throws MenagerieError `invalid_request`
 */
export function splitViewFlags(
  all: ViewFlags & Record<string, unknown>,
  id?: string,
): {
  question: Question;
  flags: Partial<Record<SettingName, string>>;
} {
  const { model = id, models, weights, combine, crops, tta, seed, average, autoOrient, group, ...flags } = all;
  const asked = models === undefined ? { model } : { ensemble: parseEnsembleRequest(models, weights, combine) };
  const question: Question = {
    asked,
    autoOrient,
    crops: CROPS.find((known) => String(known) === crops),
    augmentation: parseAugmentation(tta),
    seed,
    average,
    group,
  };
  return { question, flags };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
