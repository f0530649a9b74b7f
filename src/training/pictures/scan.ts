import { basename } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { inOrder } from '../../core/queues/in-order.js';
import { invalidData } from '../../datasets/labelled-picture.js';
import { type Entry, walk } from '../../datasets/walk.js';
import { ioError } from '../../system/errors.js';
import { joinPath, pathText } from '../../system/paths.js';
import { type ClassFolder, type ClassFolders, findClassFolders, UNUSED_PART } from './class-folders.js';
import { eachOnce } from './each-once.js';
import { lookAtFile } from './look-at-file.js';
import { MAX_CLASSES, MAX_PICTURES, type SkippedFile, type TrainingPicture, type TrainingSet } from './training-set.js';

/** What has been read so far. */
interface ScanProgress {
  pictures: number;
  bytes: number;
}

export interface ScanOptions {
  /** Most bytes of one picture. */
  maxBytes: number;
  /** A folder of pictures to measure on, in place of the part of the set for that. */
  validation?: string;
  /** Is waited for before each file: other work may come first. */
  turn?: () => Promise<void>;
  onProgress?: (progress: ScanProgress) => void;
  signal?: AbortSignal;
}

/** Why files are left out that contradict each other. */
const IN_SEVERAL = 'the same picture in several classes';
/** Small files take a thread several turns each; the next ones need not wait for that. */
const FILES_AT_ONCE = 4;
/** Orders names as people do: `2` before `10`. The language is fixed, so that classes have the same order on every machine. */
const NATURAL = new Intl.Collator('en', { numeric: true });

/**
 * Reads a folder of pictures sorted into the folders of their classes. Classes are in natural order, pictures in the order of their
 * classes and then of the bytes of their paths. Pictures are hashed, not decoded.
 * @throws MenagerieError `invalid_data` if there are fewer than two classes with pictures, or more classes or files than allowed, or
 *   names that differ only in case; `io_error` if the folder cannot be listed; the signal's reason when aborted
 */
export async function scanClasses(folder: string, options: ScanOptions): Promise<TrainingSet> {
  const found = await classFoldersOf(folder, options.validation);
  const training = found.training.toSorted((a, b) => NATURAL.compare(a.name, b.name) || (a.name < b.name ? -1 : 1));
  const classes = training.map(({ name }) => name);
  assertNames(classes, folder);
  const scan = new Scan(classes, found.skipped, options);
  const pictures = await scan.read(training);
  const validation = await scan.read(found.validation);
  const set = withoutEmptyClasses({ classes, ...eachOnce(classes, pictures, validation), skipped: scan.skipped });
  if (set.classes.length >= 2) return set;
  const only = set.classes.length === 0 ? 'no class' : `only the class "${set.classes[0]}"`;
  throw invalidData(
    `${pathText(folder)} has ${only} with pictures to train on; at least two are needed, each in a folder of its own.` +
      reasonsText([...set.skipped, ...set.conflicts.flat().map(({ file }) => ({ file, reason: IN_SEVERAL }))]),
  );
}

/** Reads pictures of known classes. */
class Scan {
  readonly skipped: SkippedFile[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #options: ScanOptions;
  #pictures = 0;
  #bytes = 0;

  constructor(classes: readonly string[], skipped: readonly SkippedFile[], options: ScanOptions) {
    this.#indices = new Map(classes.map((name, index) => [name, index]));
    this.skipped = [...skipped];
    this.#options = options;
  }

  /** The pictures in the folders of classes, in the order of the classes. */
  async read(folders: readonly ClassFolder[]): Promise<TrainingPicture[]> {
    const known: { folder: ClassFolder; index: number }[] = [];
    for (const folder of folders) {
      const index = this.#indices.get(folder.name);
      if (index !== undefined) known.push({ folder, index });
      else this.skipped.push({ file: pathText(folder.below), reason: 'no class of this name is trained' });
    }
    const pictures: TrainingPicture[] = [];
    for (const { folder, index } of known.toSorted((a, b) => a.index - b.index)) {
      for await (const picture of this.#picturesIn(folder, index)) pictures.push(picture);
    }
    return pictures;
  }

  async *#picturesIn(folder: ClassFolder, index: number): AsyncGenerator<TrainingPicture> {
    const { maxBytes, turn, onProgress, signal } = this.#options;
    const look = async (entry: Entry) => {
      await turn?.();
      // It fails only when aborted, and then nothing is made of it.
      return { entry, looked: await lookAtFile(entry, maxBytes, signal).catch(() => ({ reason: 'aborted' })) };
    };
    for await (const { entry, looked } of inOrder(walk(folder.path), FILES_AT_ONCE, look)) {
      signal?.throwIfAborted();
      // The entry of a folder that cannot be listed is the folder itself.
      const file = pathText(entry.path.equals(folder.path) ? folder.below : joinPath(folder.below, entry.below));
      if ('reason' in looked) this.skipped.push({ file, reason: looked.reason });
      else {
        this.#pictures++;
        this.#bytes += looked.bytes;
        yield { file, path: entry.path, class: index, sha256: looked.sha256, bytes: looked.bytes };
      }
      assertCount(this.#pictures, 'pictures');
      assertCount(this.skipped.length, 'other files');
      onProgress?.({ pictures: this.#pictures, bytes: this.#bytes });
    }
  }
}

/** @param validation the folder that was named for it, if any */
async function classFoldersOf(folder: string, validation: string | undefined): Promise<ClassFolders> {
  const found = await findOrExplain(folder);
  if (validation === undefined) return found;
  // Reports name it, and where it lies on this machine is nobody's business.
  const measured = await findOrExplain(validation, basename(validation));
  const unused = found.validation.map(({ below }) => ({ file: pathText(below), reason: UNUSED_PART }));
  return {
    training: found.training,
    validation: measured.training,
    skipped: [...found.skipped, ...measured.skipped, ...unused],
  };
}

async function findOrExplain(folder: string, shown?: string): Promise<ClassFolders> {
  try {
    return await findClassFolders(folder, shown);
  } catch (error) {
    throw error instanceof MenagerieError ? error : ioError(`cannot read ${pathText(folder)}`, error);
  }
}

/** @throws MenagerieError `invalid_data` if there are too many names, or two that people would take for one */
function assertNames(names: readonly string[], folder: string): void {
  if (names.length > MAX_CLASSES) {
    throw invalidData(`${pathText(folder)} has ${names.length} classes; ${MAX_CLASSES} are allowed.`);
  }
  const byKey = new Map<string, string>();
  for (const name of names) {
    const other = byKey.get(name.toLowerCase());
    if (other !== undefined)
      throw invalidData(`The classes "${other}" and "${name}" differ in nothing but case or spaces.`);
    byKey.set(name.toLowerCase(), name);
  }
}

function assertCount(count: number, what: string): void {
  if (count > MAX_PICTURES) throw invalidData(`The folders hold more than ${MAX_PICTURES} ${what}.`);
}

/** Removes classes that have no picture to train on, with what would be measured on them. */
function withoutEmptyClasses(set: Omit<TrainingSet, 'emptyClasses'>): TrainingSet {
  const filled = new Set(set.pictures.map((picture) => picture.class));
  const indices = new Map([...filled].sort((a, b) => a - b).map((index, position) => [index, position]));
  const renumbered = (pictures: readonly TrainingPicture[]) =>
    pictures.flatMap((picture) => {
      const index = indices.get(picture.class);
      return index === undefined ? [] : [{ ...picture, class: index }];
    });
  const unused = set.validation.filter((picture) => !filled.has(picture.class));
  return {
    ...set,
    classes: set.classes.filter((_, index) => filled.has(index)),
    pictures: renumbered(set.pictures),
    validation: renumbered(set.validation),
    emptyClasses: set.classes.filter((_, index) => !filled.has(index)),
    skipped: [...set.skipped, ...unused.map(({ file }) => ({ file, reason: 'its class has no picture to train on' }))],
  };
}

/** The commonest reasons for skipping files, as a sentence. */
function reasonsText(skipped: readonly SkippedFile[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3);
  return most.length === 0 ? '' : ` Not used: ${most.map(([reason, count]) => `${count} (${reason})`).join(', ')}.`;
}
