import { MenagerieError } from '../errors.js';
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
    throw new MenagerieError('invalid_manifest', `${file}: not JSON${placeOf(error as SyntaxError, text)}`);
  }
  if (!validator.Check(value)) throw faulty(file, schemaFaults(validator.Errors(value), patterns));
  const faults = crossFieldFaults(value);
  if (faults.length > 0) throw faulty(file, faults);
  return value;
}

/**
 * Where JSON is broken, as far as the parser says. Its message quotes the text, and the file may be a link to one whose content
 * is nobody's business.
 */
function placeOf({ message }: SyntaxError, text: string): string {
  if (/end of JSON input/.test(message)) return ': it ends too early';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const lines = text.slice(0, Number(position)).split('\n');
  return ` at line ${lines.length}, column ${(lines.at(-1) as string).length + 1}`;
}

function faulty(file: string, faults: readonly string[]): MenagerieError {
  return new MenagerieError('invalid_manifest', `${file}: ${faults.join('; ')}`);
}
