/** Most classes of a training set. */
export const MAX_CLASSES = 1000;
/** Most pictures of a training set, and most files that it may hold besides. */
export const MAX_PICTURES = 200_000;

/** A picture of a training set. */
export interface TrainingPicture {
  /** Its path below the folder of the set, for messages and reports. */
  file: string;
  /** Where it lies. Bytes, because names of files need not be UTF-8. */
  path: Buffer;
  /** Index of its class. */
  class: number;
  /** SHA-256 of the file, in hexadecimal. */
  sha256: string;
  /** Size of the file. */
  bytes: number;
}

/** A file or folder that is not used, and why. */
export interface SkippedFile {
  file: string;
  reason: string;
}

/** A file that is left out because one of another class has the same bytes. */
interface ConflictingFile {
  file: string;
  split: 'train' | 'val';
  /** The name of its class. */
  label: string;
}

/** Pictures sorted into classes, each picture once. */
export interface TrainingSet {
  /** Their names, by index. */
  classes: string[];
  /** What is trained on. */
  pictures: TrainingPicture[];
  /** What the result is measured on; empty if the set has no such part. None of them is among `pictures`. */
  validation: TrainingPicture[];
  /** Files that are left out because another one of the same class has the same bytes. */
  duplicates: { file: string; of: string }[];
  /** Files with the same bytes in different classes, each group for itself. All are left out: at most one can be right. */
  conflicts: ConflictingFile[][];
  /** Folders of classes without a picture that can be used. They are no classes. */
  emptyClasses: string[];
  skipped: SkippedFile[];
}
