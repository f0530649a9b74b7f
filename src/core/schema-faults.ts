import { Settings } from 'typebox/system';

// The library stops at eight by default; a user wants to hear of all faults at once.
Settings.Set({ maxErrors: 64 });

/** What a TypeBox check says about one fault. */
interface SchemaError {
  keyword: string;
  instancePath: string;
  message: string;
  params: object;
}

/** One line per fault of a failed schema check, each naming the field by its dotted path and the rule it breaks. */
export function schemaFaults(errors: readonly SchemaError[]): string[] {
  const lines = errors
    // An unknown field is reported twice: once by its own path, once by its parent, which says more.
    .filter((error) => error.message !== 'schema is false')
    .map((error) => {
      const field = error.instancePath.slice(1).replaceAll('/', '.') || '(top level)';
      const { additionalProperties, allowedValues } = error.params as {
        additionalProperties?: string[];
        allowedValues?: unknown[];
      };
      if (additionalProperties)
        return `${field}: unknown field ${additionalProperties.map((name) => `"${name}"`).join(', ')}`;
      if (allowedValues)
        return `${field}: must be one of ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}`;
      return `${field}: ${error.message}`;
    });
  return [...new Set(lines)];
}
