import { countOf } from '../../core/shape.js';
import type { OnnxModel } from '../file/model.js';
import type { Attribute, Node } from '../file/node.js';
import { TENSOR_TYPES } from '../file/tensor-types.js';
import { isWeighted, macsOf, parameterTensors, type Shapes } from './costs.js';
import type { GraphRoles } from './graph-roles.js';
import { joinFields, type ReceptiveField, receptiveFieldAfter } from './receptive-field.js';

/** What running a graph once showed of every tensor. */
export interface Observed {
  shapes: Shapes;
  /** TensorProto.DataType by tensor. */
  types: ReadonlyMap<string, number>;
}

/** A node of a network and its costs. */
export interface Layer {
  name: string;
  /** Name of the tensor that it gives. */
  tensor: string;
  operator: string;
  /** Height, width. */
  kernel: number[] | undefined;
  stride: number[] | undefined;
  /** Top, left, bottom, right; or the rule in the file (SAME_UPPER ...). */
  padding: number[] | string | undefined;
  dilation: number[] | undefined;
  groups: number | undefined;
  /** Shapes of the inputs that depend on the picture. */
  inputs: number[][];
  output: number[];
  /** Number of learned values; a tensor that several nodes share counts at the first. */
  parameters: number;
  macs: number;
  /** Bytes of the output in the runtime's memory. */
  activationBytes: number;
  receptiveField: ReceptiveField | undefined;
  /** Whether it is a convolution or a fully connected layer with weights. */
  weighted: boolean;
  /** Whether it is not a layer but a constant, shape arithmetic, an identity or a (de)quantisation. */
  auxiliary: boolean;
}

/** The layers of a graph in execution order, including auxiliary nodes. */
export function layersOf(model: OnnxModel, roles: GraphRoles, observed: Observed): Layer[] {
  const { shapes } = observed;
  const counted = new Set<string>();
  const fields = new Map<string, ReceptiveField>(
    model.inputs.flatMap(({ name }) => {
      const rank = Math.max(0, (shapes.get(name)?.length ?? 0) - 2);
      return rank > 0 ? [[name, { size: Array(rank).fill(1), stride: Array(rank).fill(1) }] as const] : [];
    }),
  );
  return model.nodes.map((node) => {
    const varying = roles.varying(node.inputs);
    const outputName = node.outputs[0] ?? '';
    const output = [...(shapes.get(outputName) ?? [])];
    const auxiliary = roles.auxiliary.has(node);
    const constant = varying.length === 0;
    const parameters = constant
      ? []
      : parameterTensors(node, roles.constants, shapes).filter((name) => !counted.has(name));
    for (const name of parameters) counted.add(name);
    const kernel = kernelSize(node, shapes);
    const field = constant ? undefined : fieldOf(node, varying, kernel, shapes, fields);
    if (field) for (const name of node.outputs) fields.set(name, field);
    return {
      name: node.name,
      tensor: outputName,
      operator: node.operator,
      kernel,
      stride: kernel && numbers(node.attributes.strides),
      padding: kernel && paddingOf(node),
      dilation: kernel && numbers(node.attributes.dilations),
      groups: typeof node.attributes.group === 'number' ? node.attributes.group : undefined,
      inputs: varying.map((name) => [...(shapes.get(name) ?? [])]),
      output,
      parameters: parameters.reduce((sum, name) => sum + countOf(shapes.get(name) ?? []), 0),
      macs: constant ? 0 : macsOf(node, shapes),
      activationBytes: constant ? 0 : bytesOf(outputName, observed),
      receptiveField: auxiliary ? undefined : field,
      weighted: !constant && isWeighted(node, roles.constants),
      auxiliary,
    };
  });
}

/** Bytes of a tensor in the runtime's memory. */
export function bytesOf(tensor: string, { shapes, types }: Observed): number {
  return countOf(shapes.get(tensor) ?? []) * (TENSOR_TYPES[types.get(tensor) ?? 0]?.bytes ?? 0);
}

/** Spatial size of a node's kernel, from its attribute or its weights; for a global pool, the size of its input. */
function kernelSize(node: Node, shapes: Shapes): number[] | undefined {
  const stated = numbers(node.attributes.kernel_shape);
  if (stated) return stated;
  if (node.operator.startsWith('Global')) return shapes.get(node.inputs[0] ?? '')?.slice(2);
  const index = { Conv: 1, ConvTranspose: 1, ConvInteger: 1, QLinearConv: 3 }[node.operator];
  return index === undefined ? undefined : shapes.get(node.inputs[index] ?? '')?.slice(2);
}

function paddingOf({ attributes }: Node): number[] | string | undefined {
  const rule = attributes.auto_pad;
  return typeof rule === 'string' && rule !== 'NOTSET' ? rule : numbers(attributes.pads);
}

function fieldOf(
  node: Node,
  varying: readonly string[],
  kernel: readonly number[] | undefined,
  shapes: Shapes,
  fields: ReadonlyMap<string, ReceptiveField>,
): ReceptiveField | undefined {
  const input = joinFields(varying.flatMap((name) => fields.get(name) ?? []));
  if (!input) return undefined;
  const spatial = (name: string | undefined) => (shapes.get(name ?? '') ?? []).slice(2);
  return receptiveFieldAfter(node, {
    input,
    inputSize: spatial(varying[0]),
    outputSize: spatial(node.outputs[0]),
    kernel,
  });
}

function numbers(value: Attribute | undefined): number[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
