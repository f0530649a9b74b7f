import { describe, expect, it } from 'vitest';
import { exchange, metric, openSocket, type RawReply, readReply } from '../support/http-client.js';
import { startServer } from '../support/server.js';

/** What every refusal is. */
function expectProblem({ status, headers, body }: RawReply, expected: [status: number, code: string]): void {
  const problem = JSON.parse(body) as { status: number; code: string };
  expect([status, problem.code]).toEqual(expected);
  expect(problem.status).toBe(status);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(headers.get('x-request-id')).toBeTruthy();
}

const REFUSED: [string, [status: number, code: string], string][] = [
  ['no Host', [400, 'malformed_request'], 'GET /livez HTTP/1.1\r\n\r\n'],
  ['two Hosts', [400, 'malformed_request'], 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['the same Host twice', [400, 'malformed_request'], 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
  ['an expectation', [417, 'expectation_failed'], 'GET /livez HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n'],
  [
    'a transfer encoding besides chunked',
    [501, 'unsupported_transfer_encoding'],
    'POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
];

describe('a request with', async () => {
  const { port } = await startServer({ models: {}, load: [] });

  it.each(REFUSED)('%s is refused with a problem document: %j', async (_what, expected, request) => {
    expectProblem(await exchange(port, request), expected);
  });

  it.each(['QUERY', 'TRACE', 'PROPFIND', 'PATCH'])('the method %s is told which there are', async (method) => {
    const { port, url } = await startServer({ models: {}, load: [] });
    for (const headers of ['', 'content-type: image/png\r\ncontent-length: 3\r\n']) {
      const body = headers && 'abc';
      const reply = await exchange(port, `${method} /classify HTTP/1.1\r\nhost: x\r\n${headers}\r\n${body}`);
      expectProblem(reply, [405, 'method_not_allowed']);
      expect(reply.headers.get('allow')).toBe('POST, PUT');
    }
    const label = method === 'PATCH' ? 'PATCH' : 'other';
    expect(await metric(url, 'menagerie_http_request_duration_seconds_count', { method: label })).toBe(2);
  });

  it('no Host is answered if it is of HTTP/1.0, and 100-continue is met', async () => {
    expect((await exchange(port, 'GET /livez HTTP/1.0\r\n\r\n')).status).toBe(200);
    const text = 'GET /livez HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\ncontent-length: 0\r\n\r\n';
    const { status } = await exchange(port, text);
    expect(status).toBe(100);
  });
});

it('connections stay open as long as is configured', async () => {
  const { port } = await startServer({ models: {}, load: [], keepAliveMs: 7000 });
  const socket = await openSocket(port);
  const reply = readReply(socket);
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
  expect((await reply).headers.get('keep-alive')).toBe('timeout=7');
});

it('the page of documentation needs neither https nor the root of its host', async () => {
  const { url } = await startServer({ models: {}, load: [] });
  for (const [path, place] of [
    ['/', 'docs/'],
    ['/docs', 'docs/'],
  ] as const) {
    const { status, headers } = await fetch(`${url}${path}`, { redirect: 'manual' });
    expect([status, headers.get('location')]).toEqual([302, place]);
  }
  const page = await fetch(`${url}/docs/`);
  const policy = page.headers.get('content-security-policy');
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('upgrade-insecure-requests');
  const links = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(4);
  for (const link of links) {
    expect(link).toMatch(/^\.\//);
    expect((await fetch(new URL(link, `${url}/docs/`))).status).toBe(200);
  }
  const described = (await (await fetch(`${url}/docs/json`)).json()) as { servers: unknown };
  expect(described.servers).toEqual([{ url: '..' }]);
  const whole = (await (await fetch(`${url}/openapi.json`)).json()) as {
    servers: unknown;
    paths: Record<string, Record<string, { requestBody?: { content: object } }>>;
  };
  expect(whole.servers).toEqual([{ url: '.' }]);
  for (const path of ['/classify', '/ensemble']) {
    const types = Object.keys(whole.paths[path]?.post?.requestBody?.content ?? {});
    expect(types).toEqual(expect.arrayContaining(['multipart/form-data', 'application/json', 'image/jpeg']));
  }
});
