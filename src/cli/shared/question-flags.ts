import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../../config/load-config.js';
import type { SettingName } from '../../config/settings.js';
import { CROPS, type Crops } from '../../core/manifest/crops.js';
import { COMBINES, type Combine } from '../../core/scores/ensemble.js';
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
}

const WHO = 'the model or ensemble (default: MENAGERIE_DEFAULT_MODEL, else lenet5)';

/** Adds what says who is asked and how pictures are looked at. @param who whether a model is named by a flag or by itself */
export function withViewFlags(command: Command, who: 'flag' | 'id' = 'flag'): Command {
  return (who === 'id' ? command.argument('[id]', WHO) : command.option('-m, --model <id>', WHO))
    .addOption(new Option('--models <ids>', '2 to 15 models that answer together, by commas').conflicts('model'))
    .option('--weights <numbers>', 'how much each of them counts, by commas')
    .addOption(new Option('--combine <rule>', 'how their answers become one').choices(COMBINES))
    .addOption(new Option('--crops <n>', 'crops of a picture to average over').choices(CROPS.map(String)))
    .option('--tta <list>', 'further views: mirror, crops:4, rotate:10, shear:5, colour:0.1, by commas')
    .option('--seed <n>', 'of random views', wholeNumber, 0)
    .addOption(
      new Option('--average <what>', 'what is averaged over views')
        .choices(['probabilities', 'logits'])
        .default('probabilities'),
    )
    .option('--no-auto-orient', 'leave pictures as they are, whatever their EXIF orientation');
}

/**
 * What the flags ask for, and the other flags.
 * @param id of the model, where it stands by itself
 * @throws MenagerieError `invalid_request`
 */
export function splitViewFlags(
  all: ViewFlags & Record<string, unknown>,
  id?: string,
): {
  question: Question;
  flags: Partial<Record<SettingName, string>>;
} {
  const { model = id, models, weights, combine, crops, tta, seed, average, autoOrient, ...flags } = all;
  const asked = models === undefined ? { model } : { ensemble: parseEnsembleRequest(models, weights, combine) };
  const question: Question = {
    asked,
    autoOrient,
    crops: crops === undefined ? undefined : (Number(crops) as Crops),
    augmentation: parseAugmentation(tta),
    seed,
    average,
  };
  return { question, flags };
}

/** The question with the default model where it names none. */
export function withDefaultModel(question: Question, { defaultModel = 'lenet5' }: Config): Question {
  const { asked } = question;
  if ('ensemble' in asked || asked.model !== undefined) return question;
  return { ...question, asked: { model: defaultModel } };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
