import { expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.js';

/** Runs `menagerie bench` in this process. */
async function bench(...args: string[]) {
  const written: string[] = [];
  const err = { isTTY: false, write: (text: string) => void written.push(text) };
  const io = { env: {}, input: () => process.stdin, out: process.stdout, err, signal: new AbortController().signal };
  const status = await runCli(['bench', ...args], '1.0.0', io);
  return { status, text: written.join('') };
}

// Nothing is started for any of these.
test.each([
  [1, ['nothing'], /There is no model "nothing".*\[unknown_model\]/],
  [1, ['lenet5:int9'], /\[unknown_variant\]/],
  [1, ['vgg19'], /vgg19:fp32 are not on this machine\. \[model_not_pulled\]/],
  [1, ['lenet5', '--picture', '/none'], /cannot read \/none: it is not there \[io_error\]/],
  [1, ['lenet5', '--picture', '/'], /it is a folder, not a regular file \[io_error\]/],
  [1, ['lenet5', '--url', 'http://127.0.0.1:2'], /does not answer: .*ECONNREFUSED.* \[server_failed\]/],
  [2, [], /missing required argument/],
  [2, ['lenet5:'], /"lenet5:" is not the name of a model.*\[usage\]/],
  [2, ['lenet5:fp32:1'], /"lenet5:fp32:1" is not the name of a model.*\[usage\]/],
  [2, ['vgg16-untrained'], /no golden picture of vgg16-untrained here.*\[usage\]/],
  [2, ['nothing', '--url', 'http://a'], /no golden picture of nothing here.*\[usage\]/],
  [2, ['lenet5:fp32', '--url', 'http://a'], /--url goes with neither\. \[usage\]/],
  [2, ['lenet5', '--url', 'http://a', '--workers', '3'], /--url goes with neither\. \[usage\]/],
  [2, ['lenet5', '--url', 'ftp://127.0.0.1'], /an http or https address/],
  [2, ['lenet5', '--url', 'http://me@127.0.0.1'], /an http or https address/],
  [2, ['lenet5', '--url', '127.0.0.1:8080'], /an http or https address/],
  [2, ['lenet5', '--connections', '0'], /whole numbers from 1 to 1000/],
  [2, ['lenet5', '--connections', '1,,2'], /whole numbers from 1 to 1000/],
  [2, ['lenet5', '--connections', '1001'], /whole numbers from 1 to 1000/],
  [2, ['lenet5', '--connections', '1.5'], /whole numbers from 1 to 1000/],
  [2, ['lenet5', '--duration', '0'], /whole number from 1/],
  [2, ['lenet5', '--workers', '0'], /--workers: must be .*\[invalid_config\]/],
])('exit status %i for %j', async (status, args, message) => {
  expect(await bench(...args)).toEqual({ status, text: expect.stringMatching(message) });
});
