import type { TrainingPicture, TrainingSet } from './training-set.js';

type Once = Pick<TrainingSet, 'pictures' | 'validation' | 'duplicates' | 'conflicts'>;

/**
 * Leaves one picture of those with the same bytes: the first one that is measured on, else the first one that is trained on, so that
 * nothing is measured on what was learned by heart. If they are in different classes, none is left.
 */
export function eachOnce(
  classes: readonly string[],
  pictures: readonly TrainingPicture[],
  validation: readonly TrainingPicture[],
): Once {
  const measured = new Set(validation);
  const groups = new Map<string, TrainingPicture[]>();
  for (const picture of [...validation, ...pictures]) {
    const same = groups.get(picture.sha256);
    if (same) same.push(picture);
    else groups.set(picture.sha256, [picture]);
  }
  const kept = new Set<TrainingPicture>();
  const once: Once = { pictures: [], validation: [], duplicates: [], conflicts: [] };
  for (const [first, ...others] of groups.values()) {
    if (!first) continue;
    if (others.some((other) => other.class !== first.class)) {
      once.conflicts.push(
        [first, ...others].map((picture) => ({
          file: picture.file,
          split: measured.has(picture) ? 'val' : 'train',
          label: classes[picture.class] ?? '',
        })),
      );
      continue;
    }
    kept.add(first);
    once.duplicates.push(...others.map(({ file }) => ({ file, of: first.file })));
  }
  once.pictures = pictures.filter((picture) => kept.has(picture));
  once.validation = validation.filter((picture) => kept.has(picture));
  return once;
}
