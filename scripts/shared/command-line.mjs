import { parseArgs } from 'node:util';

/**
 * Reads the command line of a script. With --help the script prints its help and ends, with 2 where the options are wrong.
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} T
 * @param {string} help @param {T} options without --help
 * @param {{ allowPositionals?: boolean }} [more]
 */
export function readCommandLine(help, options, { allowPositionals = false } = {}) {
  if (process.argv.includes('--help', 2)) {
    process.stdout.write(help);
    process.exit(0);
  }
  try {
    return parseArgs({ options, allowPositionals });
  } catch (error) {
    return refuseCommandLine(help, error instanceof Error ? error.message : String(error));
  }
}

/** Says what is wrong with the command line, and ends the script with 2. @param {string} help @param {string} reason @returns {never} */
export function refuseCommandLine(help, reason) {
  process.stderr.write(`${reason}\n\n${help}`);
  process.exit(2);
}
