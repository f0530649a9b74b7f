import { type Command, Option } from 'commander';
import type { ReportForm } from '../../report/forms.js';

/** Adds the flags for the form of a report. */
export function withFormats(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print JSON').conflicts(['csv', 'html']))
    .addOption(new Option('--csv', 'print comma-separated values').conflicts(['html']))
    .option('--html', 'print an HTML page');
}

/** The form that the flags say. */
export function reportFormat(flags: { json?: boolean; csv?: boolean; html?: boolean }): ReportForm {
  return flags.json ? 'json' : flags.csv ? 'csv' : flags.html ? 'html' : 'text';
}
