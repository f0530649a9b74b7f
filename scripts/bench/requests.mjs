// A picture as the body of a request, in the ways services take it, and what they answer.
import Type from 'typebox';
import { formOf } from '../shared/form.mjs';
import { jsonOf } from '../shared/json-reply.mjs';

/** @typedef {{ name: string, bytes: Buffer, width: number, height: number }} Picture */
/** @typedef {{ body: Buffer, headers: Record<string, string> }} Request */

/** As a form with one file in `image`. @param {Picture} picture @returns {Request} */
export function asForm(picture) {
  const { type, bytes } = formOf([picture]);
  return { body: bytes, headers: { 'content-type': type } };
}

/** As the body itself. @param {Picture} picture @returns {Request} */
export const asBody = ({ bytes }) => ({ body: bytes, headers: { 'content-type': 'application/octet-stream' } });

/** As a tensor of bytes, as the Open Inference Protocol has it. @param {Picture} picture @returns {Request} */
export function asTensor({ bytes }) {
  const parameters = { binary_data_size: bytes.length };
  const image = { name: 'image', datatype: 'UINT8', shape: [bytes.length], parameters };
  const head = Buffer.from(JSON.stringify({ inputs: [image] }));
  return {
    body: Buffer.concat([head, bytes]),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
  };
}

const Classified = Type.Object({ predictions: Type.Array(Type.Object({ index: Type.Number() })) });
/** This server answers a list of pictures, the others one and the process that did it. */
const Answer = Type.Union([
  Type.Object({ results: Type.Array(Classified) }),
  Type.Intersect([Classified, Type.Object({ pid: Type.Number() })]),
  Type.Object({ outputs: Type.Array(Type.Object({ name: Type.String(), data: Type.Array(Type.Number()) })) }),
]);

/** The best class of an answer, and the process that answers, where it says so. @param {Response} reply @returns {Promise<{ index: number, pid?: number }>} */
export async function readAnswer(reply) {
  const answer = await jsonOf(reply, Answer);
  if ('outputs' in answer) {
    const first = (/** @type {string} */ name) => answer.outputs.find((output) => output.name === name)?.data[0];
    return { index: first('index') ?? Number.NaN, pid: first('pid') ?? Number.NaN };
  }
  if ('results' in answer) return { index: bestOf(answer.results[0]) };
  return { index: bestOf(answer), pid: answer.pid };
}

/** @param {import('typebox').Static<typeof Classified> | undefined} picture */
const bestOf = (picture) => picture?.predictions[0]?.index ?? Number.NaN;

let lastSeed = 0;

/** The path of the next request. This server answers equal questions once; seeds make each a question of its own. @param {{ path: string }} service */
export const nextPath = ({ path }) => `${path}seed=${++lastSeed}`;

/** Asks once. @param {{ address: string, path: string }} service @param {Request} request */
export function ask({ address, path }, { body, headers }) {
  return fetch(`${address}${nextPath({ path })}`, { method: 'POST', body: new Uint8Array(body), headers });
}
