import Type from '../schema/typebox.js';

// What the schemas of manifests have in common.

/** One of several words. */
export const oneOf = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values], { description });

/** A lower-case name that is safe as a folder name, a metric label and part of a URL. */
export const MODEL_ID_PATTERN = '^[a-z0-9][a-z0-9._-]{0,63}$';
const RELATIVE_FILE_PATTERN = '^(?!/)(?!.*(^|/)\\.\\.(/|$))[^\\\\:*?"<>|]+$';
export const URL_PATTERN = '^https?://';
export const SHA256_PATTERN = '^[0-9a-f]{64}$';
/** Error messages for the patterns. */
export const PATTERN_WORDS = {
  [MODEL_ID_PATTERN]:
    'must be at most 64 lower-case letters, digits, dots, hyphens or underscores, the first a letter or digit',
  [RELATIVE_FILE_PATTERN]: 'must be a relative file name: no leading slash, no "..", none of \\ : * ? " < > |',
  [URL_PATTERN]: 'must begin with http:// or https://',
  [SHA256_PATTERN]: 'must be a SHA-256: 64 lower-case hexadecimal digits',
};
/** A relative file name. */
export const fileName = (description: string) =>
  Type.String({ pattern: RELATIVE_FILE_PATTERN, minLength: 1, maxLength: 255, description });
