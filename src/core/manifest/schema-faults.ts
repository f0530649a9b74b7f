import { Settings, type TLocalizedValidationError } from '../schema/typebox.js';

// The library reports at most eight faults by default; users should see all of them.
Settings.Set({ maxErrors: 64 });

/**
 * One line for each fault of a failed schema check, with the dotted path of the field and the rule that it breaks.
 * @param patterns error messages for the schema's regular expressions
 */
export function schemaFaults(
  errors: readonly TLocalizedValidationError[],
  patterns: Readonly<Record<string, string>> = {},
): string[] {
  const lines = errors
    // An unknown field is reported twice: by its own path, and by its parent's, which says more.
    .filter((error) => error.message !== 'schema is false')
    .map((error) => {
      const field = error.instancePath.slice(1).replaceAll('/', '.') || '(top level)';
      return `${field}: ${ruleOf(error, patterns)}`;
    });
  return [...new Set(lines)];
}

/** The broken rule in words. */
function ruleOf(error: TLocalizedValidationError, patterns: Readonly<Record<string, string>>): string {
  switch (error.keyword) {
    case 'additionalProperties':
      return `unknown field ${error.params.additionalProperties.map((name) => `"${name}"`).join(', ')}`;
    case 'enum':
      return `must be one of ${error.params.allowedValues.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'pattern': {
      const { pattern } = error.params;
      return patterns[pattern instanceof RegExp ? pattern.source : pattern] ?? error.message;
    }
    default:
      return error.message;
  }
}
