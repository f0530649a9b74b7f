import { writeFile } from 'node:fs/promises';
import { createEngine, type Engine, unbounded } from '../../app/engine.js';
import { loadAsked } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { inOrder } from '../../core/queues/in-order.js';
import { Evaluation } from '../../core/scores/evaluation.js';
import { asPercent } from '../../core/units.js';
import { countViews } from '../../core/views/test-time.js';
import { type Dataset, openDataset } from '../../datasets/dataset.js';
import { spreadOver } from '../../datasets/labelled-picture.js';
import { confusionSvg } from '../../report/confusion-svg.js';
import { type EvalReport, evalCompareText, evalReport, evalText } from '../../report/eval-report.js';
import { type Asked, membersOf } from '../../serving/asking/asked.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classification } from '../../serving/ticket.js';
import type { Repository } from '../../zoo/repository.js';
import { askAbout } from '../shared/ask.js';
import { withDefaultModel } from '../shared/default-model.js';
import { type CommandIo, type ExitCode, statusOfStop } from '../shared/io.js';
import { readPictureBytes } from '../shared/picture-bytes.js';
import { ProgressBar } from '../shared/progress.js';

export interface EvalCommandOptions {
  question: Question;
  /** Variant of every network; undefined: each model's default. */
  variant: string | undefined;
  /** Further models or ensembles to evaluate on the same pictures. */
  compare: readonly string[];
  /** Folder or file of labelled pictures. */
  data: string;
  /** Number of pictures, spread over the whole set; undefined: all. */
  limit: number | undefined;
  /** SVG file to write the confusion matrix to. */
  confusion: string | undefined;
  json: boolean;
}

/** Pictures in progress per worker, so that batches can form: those of one run, and as many waiting. */
const PICTURES_PER_WORKER = 32;

/**
 * `menagerie eval <id>`: measures the accuracy of networks on labelled pictures, through the same workers as serving.
 * @throws MenagerieError `invalid_data`, `io_error`; errors of loading
 */
export async function evaluate(options: EvalCommandOptions, config: Config, io: CommandIo): Promise<ExitCode> {
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const first = await withDefaultModel(options.question, engine.repository, config);
    const questions = [first, ...options.compare.map((model) => ({ ...first, asked: { model } }))];
    const dataset = await openDataset(options.data, labelsOf(engine.repository, first.asked));
    for (const [reason, count] of dataset.leftOut) io.err.write(`${count} left out: ${reason}\n`);
    const pictures = spreadOver(dataset.pictures, options.limit);
    const reports: EvalReport[] = [];
    for (const question of questions) {
      await loadAsked(engine, question.asked, options.variant);
      reports.push(await evaluateOne(question, { ...dataset, pictures }, engine, io));
      if (io.signal.aborted) return statusOfStop(io.signal);
      for (const id of membersOf(engine.repository, question.asked)) await engine.registry.unload(id);
    }
    const [report, ...others] = reports;
    if (!report) throw new Error('nothing was evaluated');
    if (options.confusion !== undefined) await writeFile(options.confusion, confusionSvg(report));
    const single = others.length === 0;
    if (options.json) io.out.write(`${JSON.stringify(single ? report : reports, null, 2)}\n`);
    else io.out.write(single ? evalText(report) : evalCompareText(reports));
    return reports.some(({ failed }) => failed.length > 0) ? 1 : 0;
  } finally {
    await engine.stop();
  }
}

function labelsOf(repository: Repository, asked: Asked) {
  const [id = ''] = membersOf(repository, asked);
  const model = repository.models.get(id);
  if (!model) throw new MenagerieError('unknown_model', `There is no model "${id}".`);
  return model.labels;
}

async function evaluateOne(
  question: Question,
  { pictures, form, path }: Dataset,
  engine: Engine,
  io: CommandIo,
): Promise<EvalReport> {
  const evaluation = new Evaluation();
  const failed: EvalReport['failed'] = [];
  const { asked } = question;
  const name = 'ensemble' in asked ? asked.ensemble.members.map(({ model }) => model).join('+') : (asked.model ?? '');
  const bar = new ProgressBar(io.err, `evaluating ${name}`);
  let [done, inferenceMs] = [0, 0];
  let last: Classification | undefined;
  const started = performance.now();
  const width = PICTURES_PER_WORKER * engine.pool.size;
  for await (const { picture, outcome } of inOrder(pictures, width, async (picture) => ({
    picture,
    outcome: await askAbout(() => readPictureBytes(picture), question, engine.classifier, io.signal),
  }))) {
    if (io.signal.aborted) break;
    const { error } = outcome;
    if (error) failed.push({ file: picture.name, code: error.code, detail: error.message });
    else {
      last = outcome.classification;
      inferenceMs += last.timings.inference;
      evaluation.add(picture.label, outcome.answer.combined);
    }
    bar.update(++done, pictures.length, `${done} of ${pictures.length}, ${asPercent(evaluation.top1)} right`);
  }
  bar.clear();
  const images = Math.max(1, done);
  const { members = [], labels = [] } = last?.target ?? {};
  return evalReport(evaluation.result(), labels, {
    id: name,
    networks: members.map(({ model: { id, variant, version, info } }) => ({
      id,
      variant,
      provider: info.provider,
      version,
    })),
    views: Math.max(0, ...members.map(({ crops }) => countViews({ ...question, crops: question.crops ?? crops }))),
    dataset: { path, form },
    ms_per_image: (performance.now() - started) / images,
    inference_ms_per_image: inferenceMs / images,
    workers: engine.pool.size,
    failed,
  });
}
