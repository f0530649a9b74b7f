import { delimiter } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Setting } from './setting.js';
import { SETTINGS, type SettingName } from './settings.js';

type Kinds = { integer: number; text: string; list: readonly string[] };
type Value<S extends Setting> =
  | (S extends { choices: readonly (infer C)[] } ? C : Kinds[Exclude<S['type'], 'choice'>])
  | (S['default'] extends undefined ? undefined : never);

/** The value of every setting, of its type and within its bounds. */
export type Config = { readonly [N in SettingName]: Value<(typeof SETTINGS)[N]> };

const ENV_PREFIX = 'MENAGERIE_';

/** Former names of settings, and their present names (docs/upgrading.md). */
const RENAMED: Readonly<Record<string, string>> = {
  MENAGERIE_LANES: 'MENAGERIE_WORKERS',
  MENAGERIE_LANE_TIMEOUT_MS: 'MENAGERIE_WORKER_TIMEOUT_MS',
  MENAGERIE_MAX_PRICE: 'MENAGERIE_MAX_COST',
};

/**
 * Variables that Kubernetes sets in every pod for a Service called menagerie or menagerie-something
 * (https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables). The value is checked too,
 * because `MENAGERIE_PORT` with a number is a mistake for PORT.
 */
const SERVICE_VARIABLES: readonly [name: RegExp, value: RegExp][] = [
  [/_SERVICE_HOST$/, /./],
  [/_SERVICE_PORT(_[A-Z0-9_]+)?$/, /^\d+$/],
  [/_PORT$/, /^(tcp|udp|sctp):\/\//],
  [/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/, /./],
];

/** The command-line flag of a setting: `maxBytes` is `--max-bytes`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads the settings. A pure function.
 * @param env the environment; an empty value counts as not set
 * @param flags values from the command line, by setting name; they override the environment
 * @throws MenagerieError `invalid_config`, with one line per fault. Unknown and renamed MENAGERIE_* variables are faults, except
 *   those that Kubernetes sets for Services
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<SettingName, string>>> = {},
): Config {
  const faults: string[] = [];
  const known = new Set(Object.values<Setting>(SETTINGS).flatMap(namesOf));
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || known.has(name)) continue;
    const newName = RENAMED[name];
    if (newName !== undefined) faults.push(`${name}: is called ${newName} now`);
    else if (!isServiceVariable(name, value)) faults.push(`${name}: no such setting`);
  }
  const config: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const flag = flags[name as SettingName];
    const text = flag ?? env[setting.env];
    if (text === undefined || text.trim() === '') {
      config[name] = setting.default;
      continue;
    }
    const parsed = parse(setting, text.trim());
    if ('fault' in parsed) {
      const shown = setting.type === 'text' && setting.secret ? '' : `, is ${JSON.stringify(text)}`;
      faults.push(`${flag === undefined ? setting.env : flagOf(name)}: must be ${parsed.fault}${shown}`);
    } else config[name] = parsed.value;
  }
  if (faults.length > 0) throw new MenagerieError('invalid_config', faults.join('\n'));
  return config as Config;
}

/** The variables of a setting. What the file of a secret holds is put into the environment before (cli/shared/secret-files.ts). */
function namesOf(setting: Setting): string[] {
  return setting.type === 'text' && setting.secret ? [setting.env, `${setting.env}_FILE`] : [setting.env];
}

function isServiceVariable(name: string, value: string): boolean {
  return SERVICE_VARIABLES.some(([names, values]) => names.test(name) && values.test(value));
}

function parse(setting: Setting, text: string): { value: unknown } | { fault: string } {
  switch (setting.type) {
    case 'integer': {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= setting.minimum && value <= setting.maximum) return { value };
      return { fault: `a whole number from ${setting.minimum} to ${setting.maximum}` };
    }
    case 'choice':
      return setting.choices.includes(text) ? { value: text } : { fault: `one of ${setting.choices.join(', ')}` };
    case 'text':
      return !setting.pattern || setting.pattern.test(text) ? { value: text } : { fault: setting.rule ?? 'valid' };
    case 'list': {
      const parts = text.split(setting.separator === 'path' ? delimiter : setting.separator).map((part) => part.trim());
      const entries = parts.filter((part) => part !== '');
      const { accepts, rule } = setting;
      return accepts && !entries.every(accepts) ? { fault: rule ?? 'valid' } : { value: entries };
    }
  }
}
