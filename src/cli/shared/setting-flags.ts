import type { Command } from 'commander';
import { flagOf } from '../../config/load-config.js';
import type { Setting } from '../../config/setting.js';
import { SETTINGS, type SettingName } from '../../config/settings.js';

/** The settings that say where models are. */
export const MODEL_SETTINGS: SettingName[] = ['modelDirs', 'dataDir'];
/** The settings of commands that run networks without serving. */
export const ENGINE_SETTINGS: SettingName[] = [
  ...MODEL_SETTINGS,
  'device',
  'workers',
  'threads',
  'maxBytes',
  'maxPixels',
];

/** Adds a flag for each setting, by default for all. Their values are checked later, together with the environment. */
export function withSettings(command: Command, names?: readonly SettingName[]): Command {
  const wanted: ReadonlySet<string> = new Set(names ?? Object.keys(SETTINGS));
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    // A secret on the command line would be visible to every user of the machine.
    if (!wanted.has(name) || (setting.type === 'text' && setting.secret)) continue;
    command.option(
      `${flagOf(name)} <${setting.type === 'integer' ? (setting.unit ?? 'n') : setting.type}>`,
      helpOf(setting),
    );
  }
  return command;
}

/** The help text of a setting: its meaning, variable and default. */
function helpOf(setting: Setting): string {
  const choices = setting.type === 'choice' ? ` One of ${setting.choices.join(', ')}.` : '';
  return `${setting.about}${choices} [${setting.env}, default: ${defaultOf(setting)}]`;
}

/** The default of a setting as text, for help and documentation. */
export function defaultOf(setting: Setting): string {
  if ('defaultText' in setting && setting.defaultText) return setting.defaultText;
  if (setting.default === undefined || (Array.isArray(setting.default) && setting.default.length === 0)) return 'none';
  return String(setting.default);
}
