import { delimiter } from 'node:path';
import { describe, expect, test } from 'vitest';
import { flagOf, loadConfig } from '../../../src/config/load-config.js';
import { SETTINGS } from '../../../src/config/settings.js';
import { MenagerieError } from '../../../src/core/errors.js';

function faultsOf(env: Record<string, string>, flags = {}): string[] {
  try {
    loadConfig(env, flags);
  } catch (error) {
    expect(error).toBeInstanceOf(MenagerieError);
    expect((error as MenagerieError).code).toBe('invalid_config');
    return (error as MenagerieError).message.split('\n');
  }
  return [];
}

describe('loadConfig', () => {
  test('an empty environment gives the defaults, and listens on this machine only', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      device: 'auto',
      modelDirs: [],
      models: undefined,
    });
  });

  test('every default is within its own bounds', () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (setting.default === undefined || Array.isArray(setting.default)) continue;
      expect(faultsOf({}, { [name]: String(setting.default) })).toEqual([]);
    }
  });

  test('flags go before the environment', () => {
    expect(loadConfig({ PORT: '1' }, { port: '2' }).port).toBe(2);
  });

  test('an empty value counts as not set', () => {
    expect(loadConfig({ PORT: '', MENAGERIE_MODELS: ' ' })).toMatchObject({ port: 8080, models: undefined });
  });

  test('lists are split and trimmed', () => {
    const config = loadConfig({ MENAGERIE_MODELS: 'lenet5, resnet50:int8,', MODEL_DIRS: ['/a', '/b'].join(delimiter) });
    expect(config).toMatchObject({ models: ['lenet5', 'resnet50:int8'], modelDirs: ['/a', '/b'] });
  });

  test('every fault is reported at once, by the name that was used', () => {
    const faults = faultsOf({ PORT: '99999', DEVICE: 'tpu', MENAGERIE_QUEUE: '1.5', HOST: 'a b' }, { workers: '-1' });
    expect(faults).toEqual([
      'HOST: must be a host name or address, is "a b"',
      'PORT: must be a whole number from 0 to 65535, is "99999"',
      'DEVICE: must be one of auto, cpu, cuda, cuda-required, is "tpu"',
      '--workers: must be a whole number from 1 to 256, is "-1"',
      'MENAGERIE_QUEUE: must be a whole number from 1 to 1000000000, is "1.5"',
    ]);
  });

  test.each([
    ['10.0.0.1, 192.168.0.0/16,::1,fd00::/8', ['10.0.0.1', '192.168.0.0/16', '::1', 'fd00::/8']],
    ['loopback,uniquelocal', ['loopback', 'uniquelocal']],
  ])('trusted proxies may be %s', (text, entries) => {
    expect(loadConfig({ MENAGERIE_TRUSTED_PROXIES: text }).trustedProxies).toEqual(entries);
  });

  test.each(['10.0.0.256', '10.0.0.0/33', '::1/129', '10.0.0.0/0', 'proxy.example', '1.2.3.4/8/8', '*'])(
    'trusted proxies may not be %s',
    (text) => {
      expect(faultsOf({ MENAGERIE_TRUSTED_PROXIES: `127.0.0.1,${text}` })).toEqual([
        expect.stringContaining('MENAGERIE_TRUSTED_PROXIES: must be addresses, networks such as'),
      ]);
    },
  );

  test.each([
    ['MENAGERIE_LANES', 'MENAGERIE_WORKERS'],
    ['MENAGERIE_LANE_TIMEOUT_MS', 'MENAGERIE_WORKER_TIMEOUT_MS'],
    ['MENAGERIE_MAX_PRICE', 'MENAGERIE_MAX_COST'],
  ])('%s stops the start and names %s', (old, now) => {
    expect(faultsOf({ [old]: '2' })).toEqual([`${old}: is called ${now} now`]);
    expect(Object.values(SETTINGS).map(({ env }) => env)).toContain(now);
  });

  test('what Kubernetes makes of Services called menagerie and menagerie-gpu is no fault, and no setting', () => {
    const variables = ['MENAGERIE', 'MENAGERIE_GPU', 'MENAGERIE_MODELS'].flatMap((service) => [
      [`${service}_SERVICE_HOST`, '10.0.0.1'],
      [`${service}_SERVICE_PORT`, '80'],
      [`${service}_SERVICE_PORT_HTTP`, '80'],
      [`${service}_SERVICE_PORT_GRPC_WEB`, '81'],
      [`${service}_PORT`, 'tcp://10.0.0.1:80'],
      [`${service}_PORT_80_TCP`, 'tcp://10.0.0.1:80'],
      [`${service}_PORT_80_TCP_PROTO`, 'tcp'],
      [`${service}_PORT_80_TCP_PORT`, '80'],
      [`${service}_PORT_80_TCP_ADDR`, '10.0.0.1'],
      [`${service}_PORT_53_UDP`, 'udp://10.0.0.1:53'],
      [`${service}_PORT_53_UDP_ADDR`, 'fd00::1'],
    ]);
    expect(loadConfig(Object.fromEntries(variables))).toEqual(loadConfig({}));
  });

  test.each([
    ['MENAGERIE_WORKER', '2'],
    ['MENAGERIE_PORT', '8080'],
    ['MENAGERIE_HOST', '0.0.0.0'],
    ['MENAGERIE_SERVICE_PORT', 'http'],
    ['MENAGERIE_PORT_80', 'tcp://10.0.0.1:80'],
    ['MENAGERIE_PORTS', 'tcp://10.0.0.1:80'],
  ])('%s=%s is still a fault', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([`${name}: no such setting`]);
  });

  test('unknown MENAGERIE_ names are faults; the rest of the environment is not looked at', () => {
    expect(faultsOf({ MENAGERIE_PROT: '1', PATH: 'x' })).toEqual(['MENAGERIE_PROT: no such setting']);
  });

  test('a secret is never repeated', () => {
    expect(faultsOf({ MENAGERIE_ADMIN_KEY: 'short' })).toEqual([
      'MENAGERIE_ADMIN_KEY: must be at least 16 characters without spaces',
    ]);
  });

  test.each(['1e3', '0x10', ' ', '-0', '+5', '9'.repeat(20)].map((text) => [text]))('%j is no whole number', (text) => {
    expect(faultsOf({ MENAGERIE_QUEUE: text }).length).toBe(text.trim() === '' ? 0 : 1);
  });

  test('flags are spelled with dashes', () => {
    expect(flagOf('uploadTimeoutMs')).toBe('--upload-timeout-ms');
  });
});
