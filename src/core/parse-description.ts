import { MenagerieError } from './errors.js';
import { type SchemaError, schemaFaults } from './schema-faults.js';

/** A compiled schema of what a file in a model directory may say. */
interface Validator<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): readonly SchemaError[];
}

/**
 * Reads the JSON file that describes a model or an ensemble.
 * @param text the JSON text
 * @param file what to call it in messages
 * @param patterns words for regular expressions of the schema
 * @param crossFieldFaults the rules between fields that are broken, once the schema holds
 * @throws MenagerieError `invalid_manifest` naming the file, the field and the rule, for every fault at once
 */
export function parseDescription<T>(
  text: string,
  file: string,
  validator: Validator<T>,
  patterns: Readonly<Record<string, string>>,
  crossFieldFaults: (value: T) => string[],
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MenagerieError('invalid_manifest', `${file}: not JSON: ${(error as Error).message}`);
  }
  if (!validator.Check(value)) throw faulty(file, schemaFaults(validator.Errors(value), patterns));
  const faults = crossFieldFaults(value);
  if (faults.length > 0) throw faulty(file, faults);
  return value;
}

function faulty(file: string, faults: readonly string[]): MenagerieError {
  return new MenagerieError('invalid_manifest', `${file}: ${faults.join('; ')}`);
}
