import { describe, expect, test } from 'vitest';
import { startServer } from '../support/server.js';
import { until } from '../support/worker-script.js';

// The address of a client decides whose share of the upload memory it uses, and stands in the log.

async function addressSeen(trustedProxies: string[], forwarded: string): Promise<string> {
  const { url, logged } = await startServer({ trustedProxies });
  await fetch(`${url}/models`, { headers: { 'x-forwarded-for': forwarded } });
  const line = () => logged.find((text) => text.includes('"route":"/models"'));
  await until(() => line() !== undefined, 'the request to be logged');
  return String(JSON.parse(line() ?? '{}').remote);
}

describe('X-Forwarded-For', () => {
  test('is not believed of strangers', async () => {
    expect(await addressSeen([], '203.0.113.7')).toBe('127.0.0.1');
    expect(await addressSeen(['10.0.0.0/8'], '203.0.113.7')).toBe('127.0.0.1');
  });

  test('of a trusted proxy names the client', async () => {
    for (const proxies of [['127.0.0.1'], ['loopback'], ['127.0.0.0/8']]) {
      expect(await addressSeen(proxies, '203.0.113.7')).toBe('203.0.113.7');
    }
  });

  test('is believed as far as proxies are trusted: what a client wrote in front counts for nothing', async () => {
    expect(await addressSeen(['loopback'], '198.51.100.1, 203.0.113.7')).toBe('203.0.113.7');
    expect(await addressSeen(['loopback', '203.0.113.0/24'], '198.51.100.1, 203.0.113.7')).toBe('198.51.100.1');
  });
});
