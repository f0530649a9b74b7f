import { delimiter } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { SETTINGS, type Setting, type SettingName } from './settings.js';

type Kinds = { integer: number; text: string; list: readonly string[] };
type Value<S extends Setting> =
  | (S extends { choices: readonly (infer C)[] } ? C : Kinds[Exclude<S['type'], 'choice'>])
  | (S['default'] extends undefined ? undefined : never);

/** The settings, each of its type and within its bounds. */
export type Config = { readonly [N in SettingName]: Value<(typeof SETTINGS)[N]> };

const ENV_PREFIX = 'MENAGERIE_';

/** Settings of earlier versions, and what they are called now (docs/upgrading.md). */
const RENAMED: Readonly<Record<string, string>> = {
  MENAGERIE_LANES: 'MENAGERIE_WORKERS',
  MENAGERIE_LANE_TIMEOUT_MS: 'MENAGERIE_WORKER_TIMEOUT_MS',
  MENAGERIE_MAX_PRICE: 'MENAGERIE_MAX_COST',
};

/**
 * What Kubernetes puts into every pod beside a Service called menagerie, or menagerie-something
 * (https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables). `MENAGERIE_PORT` with
 * a number is a mistake for PORT, so the address counts too.
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
 * Reads the settings. Pure: the same input gives the same result.
 * @param env the environment; an empty value counts as not set
 * @param flags values from the command line, by setting name; they go before the environment
 * @throws MenagerieError `invalid_config` with a line for every fault at once, unknown and renamed MENAGERIE_* names included,
 *   but not those that Kubernetes makes of Services
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<SettingName, string>>> = {},
): Config {
  const faults: string[] = [];
  const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.env));
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || known.has(name)) continue;
    const now = RENAMED[name];
    if (now !== undefined) faults.push(`${name}: is called ${now} now`);
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
      return { value: parts.filter((part) => part !== '') };
    }
  }
}
