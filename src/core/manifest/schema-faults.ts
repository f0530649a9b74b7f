import { Settings } from 'typebox/system';

// The library stops at eight by default; a user wants to hear of all faults at once.
Settings.Set({ maxErrors: 64 });

/** What a TypeBox check says about one fault. */
export interface SchemaError {
  keyword: string;
  instancePath: string;
  message: string;
  params: object;
}

/**
 * One line per fault of a failed schema check, each naming the field by its dotted path and the rule it breaks.
 * @param patterns words for regular expressions of the schema, to be said instead of them
 */
export function schemaFaults(
  errors: readonly SchemaError[],
  patterns: Readonly<Record<string, string>> = {},
): string[] {
  const lines = errors
    // An unknown field is reported twice: once by its own path, once by its parent, which says more.
    .filter((error) => error.message !== 'schema is false')
    .map((error) => {
      const field = error.instancePath.slice(1).replaceAll('/', '.') || '(top level)';
      const { additionalProperties, allowedValues, pattern } = error.params as {
        additionalProperties?: string[];
        allowedValues?: unknown[];
        pattern?: string | RegExp;
      };
      if (additionalProperties)
        return `${field}: unknown field ${additionalProperties.map((name) => `"${name}"`).join(', ')}`;
      if (allowedValues)
        return `${field}: must be one of ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}`;
      const words = pattern === undefined ? undefined : patterns[pattern instanceof RegExp ? pattern.source : pattern];
      return `${field}: ${words ?? error.message}`;
    });
  return [...new Set(lines)];
}
