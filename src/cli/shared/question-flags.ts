import { type Command, Option } from 'commander';
import type { SettingName } from '../../config/settings.js';
import { CROPS } from '../../core/manifest/crops.js';
import { COMBINES, type Combine } from '../../core/scores/combine.js';
import type { GroupLevel } from '../../core/scores/grouping.js';
import { parseAugmentation } from '../../core/views/test-time.js';
import { parseEnsembleRequest } from '../../serving/asking/ensemble-request.js';
import { PLAIN_QUESTION, type Question } from '../../serving/asking/question.js';
import { wholeNumber } from './flag-values.js';

interface SeeingFlags {
  crops?: string;
  tta?: string;
  seed: number;
  autoOrient: boolean;
}

interface ViewFlags extends SeeingFlags {
  model?: string;
  models?: string;
  weights?: string;
  combine?: Combine;
  average: 'probabilities' | 'logits';
  group?: GroupLevel;
}

interface FeatureFlags extends SeeingFlags {
  model?: string;
  layer?: string;
}

const TARGET = 'the model or ensemble (default: MENAGERIE_DEFAULT_MODEL, else the best for photographs)';

/** Adds the flags of a question. @param target whether the model is named by a flag or by an argument */
export function withViewFlags(command: Command, target: 'flag' | 'id' = 'flag'): Command {
  const named = (target === 'id' ? command.argument('[id]', TARGET) : command.option('-m, --model <id>', TARGET))
    .addOption(
      new Option('--models <ids>', '2 to 15 models that answer together, separated by commas').conflicts('model'),
    )
    .option('--weights <numbers>', 'weight of each of them, separated by commas')
    .addOption(new Option('--combine <rule>', 'how to combine their answers').choices(COMBINES))
    .addOption(
      new Option('--average <what>', 'what to average over views')
        .choices(['probabilities', 'logits'])
        .default('probabilities'),
    );
  return withSeeingFlags(named);
}

/** Adds the flags that say how a picture is shown to a network. */
function withSeeingFlags(command: Command): Command {
  return command
    .addOption(new Option('--crops <n>', 'number of crops of a picture to average over').choices(CROPS.map(String)))
    .option(
      '--tta <list>',
      'further views, separated by commas: mirror, crops:4, rotate:10, shear:5, colour:0.1, warp:3',
    )
    .option('--seed <n>', 'seed of random views', wholeNumber, 0)
    .option('--no-auto-orient', 'show pictures as they are stored, not turned as their EXIF data or XMP say');
}

/** Adds the flags of a question for features. */
export function withFeatureFlags(command: Command): Command {
  const named = command
    .option('-m, --model <id>', 'the model (default: MENAGERIE_DEFAULT_MODEL, else the best for photographs)')
    .option(
      '--layer <name>',
      "a layer of the model's summary, or a tensor; default: the input of the last layer with weights",
    )
    .option('--variant <name>', 'fp32 or int8');
  return withSeeingFlags(named);
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
  return { question: { asked, ...seeingOf({ crops, tta, seed, autoOrient }), average, group }, flags };
}

/**
 * Splits flags into the question for features that they ask and the settings.
 * @throws MenagerieError `invalid_request`
 */
export function splitFeatureFlags(all: FeatureFlags & Record<string, unknown>): {
  question: Question;
  flags: Partial<Record<SettingName, string>>;
} {
  const { model, layer, crops, tta, seed, autoOrient, ...flags } = all;
  const asked = { model, features: { layer } };
  return { question: { ...PLAIN_QUESTION, asked, ...seeingOf({ crops, tta, seed, autoOrient }) }, flags };
}

function seeingOf({
  crops,
  tta,
  seed,
  autoOrient,
}: Record<'crops' | 'tta', string | undefined> & Pick<SeeingFlags, 'seed' | 'autoOrient'>) {
  const known = CROPS.find((each) => String(each) === crops);
  return { autoOrient, crops: known, augmentation: parseAugmentation(tta), seed };
}
