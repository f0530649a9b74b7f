import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CompareReport, SummaryReport } from '../../src/report/schemas.js';
import { assetsDir } from '../support/assets.js';
import { run, serve } from '../support/process.js';

// Summaries as people ask for them: over HTTP and on the command line, of what comes with the server.

async function summaryOf(url: string, id: string, query = ''): Promise<SummaryReport> {
  const response = await fetch(`${url}/models/${id}/summary${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as SummaryReport;
}

/** All tests but one ask this one. */
const { url } = await serve();

const outputOf = ({ layers }: SummaryReport, name: string) => layers.find((layer) => layer.name === name)?.output;

describe('GET /models/:id/summary', () => {
  it('has the shapes and figures of the papers', async () => {
    const lenet = await summaryOf(url, 'lenet5');
    expect(lenet.layers.map(({ output }) => output.slice(1).join('x'))).toEqual([
      '6x28x28',
      '6x28x28',
      '6x14x14',
      '16x10x10',
      '16x10x10',
      '16x5x5',
      '400',
      '120',
      '120',
      '84',
      '84',
      '10',
    ]);
    // (5 x 5 + 1) x 6 + (5 x 5 x 6 + 1) x 16 + 401 x 120 + 121 x 84 + 85 x 10
    expect(lenet.totals).toMatchObject({ parameters: 61_706, depth: 5, ms: null });

    const alexnet = await summaryOf(url, 'alexnet-untrained');
    expect(outputOf(alexnet, 'conv1')).toEqual([1, 96, 55, 55]);
    expect(outputOf(alexnet, 'pool1')).toEqual([1, 96, 27, 27]);
    expect(outputOf(alexnet, 'pool5')).toEqual([1, 256, 6, 6]);
    expect(alexnet.totals).toMatchObject({ parameters: 62_378_344, depth: 8 });

    const vgg = await summaryOf(url, 'vgg16-untrained');
    expect(vgg.totals).toMatchObject({ parameters: 138_357_544, macs: 15_470_264_320, depth: 16 });

    const resnet = await summaryOf(url, 'resnet50-untrained');
    // 25,557,032 learned values and 53,120 running means and variances.
    expect(resnet.totals).toMatchObject({ parameters: 25_610_152, macs: 4_089_184_256, depth: 50 });
    expect(resnet.parts.map(({ kind, blocks }) => `${kind} ${blocks.length}`)).toEqual([
      'stem 0',
      'stage 3',
      'stage 4',
      'stage 6',
      'stage 3',
      'head 0',
    ]);

    const googlenet = await summaryOf(url, 'googlenet-untrained');
    expect(googlenet.totals.depth).toBe(22);
    expect(googlenet.outputs).toHaveLength(3);
    expect(googlenet.parts.flatMap(({ blocks }) => blocks).filter(({ kind }) => kind === 'inception')).toHaveLength(9);
  });

  it('comes as JSON, table, page and CSV, by name or by the Accept header', async () => {
    const address = `${url}/models/lenet5/summary`;
    const get = (query: string, accept?: string) => fetch(`${address}${query}`, accept ? { headers: { accept } } : {});
    const forms: [query: string, accept: string | undefined, type: string, holds: RegExp][] = [
      ['', undefined, 'application/json', /^\{"model":\{"id":"lenet5"/],
      ['', 'text/plain', 'text/plain', /^LeNet-5 \(lenet5, fp32, [0-9a-f]{12}\)\n-+\nLAYER/],
      ['', 'text/html,application/xhtml+xml,*/*;q=0.8', 'text/html', /^<!DOCTYPE html>/],
      ['', 'text/csv', 'text/csv', /^name,operator,kernel/],
      ['?format=csv', 'text/html', 'text/csv', /\r\nconv1,Conv,5x5/],
    ];
    for (const [query, accept, type, holds] of forms) {
      const response = await get(query, accept);
      expect(response.headers.get('content-type')).toContain(type);
      expect(await response.text()).toMatch(holds);
    }
    const refused = await get('', 'image/png');
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([406, 'not_acceptable']);
  });

  it('folds auxiliary nodes away unless all are asked for', async () => {
    const operators = async (query: string) =>
      new Set((await summaryOf(url, 'vgg16-untrained', query)).layers.map(({ operator }) => operator));
    expect((await operators('')).has('ConstantOfShape')).toBe(false);
    expect((await operators('?all=true')).has('ConstantOfShape')).toBe(true);
  });

  it('measures milliseconds when asked to', async () => {
    const { totals, layers } = await summaryOf(url, 'lenet5', '?timing=true');
    expect(totals.ms).toBeGreaterThan(0);
    const convolutions = layers.filter(({ operator }) => operator === 'Conv');
    expect(convolutions.every(({ ms, gflops }) => (ms ?? 0) > 0 && (gflops ?? 0) > 0)).toBe(true);
  });

  it('says what cannot be had', async () => {
    const answers = [
      ['/models/nothing/summary', 404, 'unknown_model'],
      ['/models/vgg16/summary', 409, 'model_not_pulled'],
      ['/models/lenet5/summary?variant=int8', 404, 'unknown_variant'],
      ['/models/lenet5/summary?input=1x3x32x32', 422, 'invalid_input_shape'],
      ['/models/lenet5/summary?input=big', 422, 'invalid_input_shape'],
      ['/models/lenet5/summary?input=9999x9999x9999x9999', 422, 'invalid_input_shape'],
      ['/models/lenet5/summary?format=pdf', 400, 'invalid_request'],
      ['/models/..%2f..%2fetc/summary', 400, 'invalid_request'],
      ['/models/compare', 400, 'invalid_request'],
      ['/models/compare?ids=lenet5,nothing', 404, 'unknown_model'],
    ] as const;
    for (const [path, status, code] of answers) {
      const response = await fetch(`${url}${path}`);
      const problem = (await response.json()) as { code: string };
      expect([path, response.status, problem.code]).toEqual([path, status, code]);
    }
  });

  it('another input gets other shapes', async () => {
    const { inputs, outputs } = await summaryOf(url, 'lenet5', '?input=3x1x32x32');
    expect([inputs[0]?.shape, outputs[0]?.shape]).toEqual([
      [3, 1, 32, 32],
      [3, 10],
    ]);
  });
});

describe('GET /models/compare', () => {
  it('puts networks side by side, in the order asked for', async () => {
    const response = await fetch(`${url}/models/compare?ids=vgg16-untrained,lenet5`);
    const { models } = (await response.json()) as CompareReport;
    expect(models.map(({ id, depth, top1 }) => [id, depth, top1])).toEqual([
      ['vgg16-untrained', 16, null],
      ['lenet5', 5, 99.56],
    ]);
    expect(await (await fetch(`${url}/models/compare?ids=lenet5&format=text`)).text()).toMatch(/^MODEL +NETWORK/);
  });
});

describe('untrained architectures', () => {
  const picture = () => ({
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: Buffer.from('not even looked at'),
  });

  it('are not loaded at start, and refused by /classify', async () => {
    const { models } = (await (await fetch(`${url}/models`)).json()) as { models: { id: string; state: string }[] };
    const untrained = models.filter(({ id }) => id.endsWith('-untrained'));
    expect(untrained).toHaveLength(10);
    expect(new Set(untrained.map(({ state }) => state))).toEqual(new Set(['unloaded']));
    const response = await fetch(`${url}/classify?model=vgg16-untrained`, picture());
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, 'model_untrained']);
  });

  it('answer where a setting for load tests allows it', async () => {
    const { url } = await serve({ MENAGERIE_MODELS: 'network-in-network-untrained', MENAGERIE_UNTRAINED: 'allow' });
    const response = await fetch(`${url}/classify?model=network-in-network-untrained`, picture());
    // It got as far as looking at the picture.
    expect(((await response.json()) as { code: string }).code).toBe('not_an_image');
  });
});

describe('menagerie summary, compare, architecture', () => {
  it('print what the server answers', async () => {
    const text = await run(['summary', 'lenet5']);
    expect(text.out).toMatch(/Parameters +61,706/);
    const json = await run(['summary', 'lenet5', '--json']);
    expect((JSON.parse(json.out) as SummaryReport).totals.macs).toBe(416_520);
    expect((await run(['compare', 'lenet5', 'resnet18-untrained'])).out).toMatch(/resnet18-untrained .* 18 /);
  });

  it.skipIf(process.platform === 'win32')('reach the end of a pipe whole, however long they are', async () => {
    const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
    // A shell's pipe takes 64 KiB at a time; what Node itself would connect here takes more.
    const command = '"$0" "$1" summary googlenet-untrained --json --all | cat';
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, main], { maxBuffer: 1 << 24 });
    expect(stdout.length).toBeGreaterThan(100_000);
    expect((JSON.parse(stdout) as SummaryReport).totals.depth).toBe(22);
  });

  it('reproduce the cost of the Inception branch with and without its bottleneck', async () => {
    const macs = async (id: string) =>
      (JSON.parse((await run(['architecture', id, '--json'])).out) as SummaryReport).totals.macs;
    expect(await macs('inception-5x5')).toBe(120_422_400);
    expect(await macs('inception-5x5-bottleneck')).toBe(2_408_448 + 10_035_200);
    const module = JSON.parse((await run(['architecture', 'inception-module', '--json'])).out) as SummaryReport;
    expect(module.outputs[0]?.shape).toEqual([1, 256, 28, 28]);
  });

  it('say what is wrong', async () => {
    for (const [args, code] of [
      [['summary', 'nothing'], 'unknown_model'],
      [['summary', 'missing.onnx'], 'file_missing'],
      [['architecture', 'toString'], 'unknown_model'],
    ] as const) {
      const { status, err } = await run(args);
      expect(status).toBe(1);
      expect(err).toContain(`[${code}]`);
    }
  });

  it.skipIf(!assetsDir())('take any ONNX file', async () => {
    const { out } = await run(['summary', `${assetsDir()}/models/mobilenetv2.onnx`]);
    expect(out).toMatch(/Parameters +3,487,816/);
  });
});
