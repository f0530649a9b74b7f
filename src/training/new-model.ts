import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Manifest } from '../core/manifest/manifest.js';
import { asPercent } from '../core/units.js';
import { DISTANCE, LOGITS } from '../onnx/cut/head-file.js';
import type { ServedModel } from '../serving/models/model.js';
import type { NewFile, NewModel } from '../zoo/model-folder.js';
import type { TrainingPicture } from './pictures/training-set.js';
import type { TrainingReport } from './report/training-report.js';

/** What a training has made, for the folder of its model. */
export interface Made {
  base: ServedModel;
  title: string | undefined;
  /** The ONNX file, and its multiply-accumulates for one picture. */
  file: string;
  macs: number;
  classes: readonly string[];
  /** Distance from which on a picture is unknown; undefined: the file has no such output. */
  unknownAbove: number | undefined;
  /** A picture that the new network knows surely. */
  golden: TrainingPicture;
  report: TrainingReport;
}

/** The report's file in the folder of a model. */
const REPORT_FILE = 'training.json';

/**
 * The folder of a model that was trained. Pictures are prepared as for its base.
 * @throws system errors if the golden picture cannot be read
 */
export async function newModel(made: Made): Promise<NewModel> {
  const { base, title, file, macs, classes, unknownAbove, golden, report } = made;
  const { manifest } = base.folder;
  const { accuracy } = report.cross_validation;
  const picture: NewFile = {
    name: `golden${extname(golden.file).toLowerCase()}`,
    content: await readFile(golden.path),
  };
  return {
    manifest: {
      id: report.id,
      title: title ?? `${classes.length} classes, learned on ${manifest.title}`,
      family: manifest.family,
      dataset: 'own pictures',
      input: manifest.input,
      preprocess: manifest.preprocess,
      output: { name: LOGITS, kind: 'logits' },
      batch: manifest.batch,
      macs,
      license: manifest.license,
      source: `Trained on ${report.data.train} pictures, from ${base.id}.`,
      ...(manifest.paper !== undefined && { paper: manifest.paper }),
      derived_from: { model: base.id, variant: base.variant, sha256: report.base.sha256 },
      ...(unknownAbove !== undefined && { unknown: { output: DISTANCE, above: unknownAbove } }),
      notes: notesOf(report),
    } satisfies Omit<Manifest, 'labels' | 'variants' | 'default_variant' | 'golden'>,
    variant: base.variant,
    network: { name: 'model.onnx', content: { copyOf: file } },
    top1: Math.round(1000 * accuracy.value) / 10,
    labels: classes.map((name) => ({ name })),
    golden: { picture, index: golden.class, within: 1 },
    others: [{ name: REPORT_FILE, content: `${JSON.stringify(report)}\n` }],
  };
}

function notesOf({ data, seed, depth, cross_validation: { accuracy } }: TrainingReport): string {
  return (
    `${data.classes.length} classes, ${data.train} pictures, trained: ${depth.chosen}, seed ${seed}. top1 is cross-validated: ` +
    `${asPercent(accuracy.value)} (${asPercent(accuracy.low)} to ${asPercent(accuracy.high)}).`
  );
}
