import { encode } from '../../dist/onnx/file/wire.js';

/** @import { Encodable } from '../../dist/onnx/file/wire.js' */

// The parts of ONNX files, field by field (onnx.proto3), for networks that are made by hand.

/** A field for each of several values. @param {number} number @param {readonly (string | number)[]} values @returns {Encodable[]} */
export const each = (number, values) => values.map((value) => [number, value]);
/** @param {string} operator @param {string[]} inputs @param {string[]} outputs @param {Encodable[]} attributes @returns {Encodable} */
export const node = (operator, inputs, outputs, attributes = []) => [
  1,
  [...each(1, inputs), ...each(2, outputs), [4, operator], ...attributes],
];
/** @param {string} name @param {number} value @returns {Encodable} */
export const integer = (name, value) => [
  5,
  [
    [1, name],
    [3, value],
    [20, 2],
  ],
];
/** @param {string} name @param {Encodable[]} graph @returns {Encodable} */
export const body = (name, graph) => [
  5,
  [
    [1, name],
    [6, graph],
    [20, 5],
  ],
];
/** @param {number} field @param {string} name @param {number} type @param {(number | string)[]} [dims] named where they are open @returns {Encodable} */
export const value = (field, name, type, dims) => {
  /** @type {Encodable[]} */
  const tensorType = [[1, type]];
  if (dims) tensorType.push([2, dims.map((size) => [1, [[typeof size === 'number' ? 1 : 2, size]]])]);
  return [
    field,
    [
      [1, name],
      [2, [[1, tensorType]]],
    ],
  ];
};
/** @param {string} name @param {number} type @param {number[]} dims @param {Uint8Array} bytes @returns {Encodable} */
export const tensor = (name, type, dims, bytes) => [5, [...each(1, dims), [2, type], [8, name], [9, bytes]]];
/** The bytes of a file. @param {Encodable[]} graph */
export const modelOf = (graph) =>
  encode([
    [1, 8],
    [8, [[2, 17]]],
    [7, [...graph, [2, 'g']]],
  ]);
export const floats = (/** @type {number[]} */ values) => new Uint8Array(Float32Array.from(values).buffer);
