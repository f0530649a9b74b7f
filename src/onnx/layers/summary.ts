import type { OnnxModel } from '../file/model.js';
import { type Part, partsOf } from './blocks.js';
import { isWeighted } from './costs.js';
import { rolesOf } from './graph-roles.js';
import { layerGraphOf, longestPath } from './layer-graph.js';
import { bytesOf, type Layer, layersOf, type Observed } from './layers.js';
import { peakActivationBytes } from './peak-memory.js';

/** An input or output of a network. */
interface Port {
  name: string;
  shape: number[];
}

/** The structure and the costs of a network. */
export interface Summary {
  inputs: Port[];
  outputs: Port[];
  /** In execution order, auxiliary nodes included. */
  layers: Layer[];
  parts: Part[];
  totals: {
    /** Learned values, including running statistics if the file still has batch normalisation. */
    parameters: number;
    /** Multiply-accumulates of convolutions and fully connected layers for one picture. */
    macs: number;
    /** Layers with weights on the longest path, as counted in names such as ResNet-50. */
    depth: number;
    /** All layers with weights. */
    weightedLayers: number;
    /** Bytes of the tensors stored in the file. */
    weightBytes: number;
    /** Bytes of the outputs of all layers. */
    activationBytes: number;
    peakActivationBytes: number;
  };
}

/** Summarises a network whose tensors have been observed for one picture. */
export function summarise(model: OnnxModel, observed: Observed): Summary {
  const roles = rolesOf(model);
  const layers = layersOf(model, roles, observed);
  const graph = layerGraphOf(model, roles);
  const shown = layers.filter((layer) => !layer.auxiliary);
  const sum = (pick: (layer: Layer) => number) => layers.reduce((total, layer) => total + pick(layer), 0);
  const ports = (values: readonly { name: string }[]) =>
    values.map(({ name }) => ({ name, shape: [...(observed.shapes.get(name) ?? [])] }));
  return {
    inputs: ports(model.inputs),
    outputs: ports(model.outputs),
    layers,
    parts: partsOf(graph, shown),
    totals: {
      parameters: sum(({ parameters }) => parameters),
      macs: sum(({ macs }) => macs),
      depth: longestPath(graph, (node) => isWeighted(node, roles.constants)),
      weightedLayers: layers.filter(({ weighted }) => weighted).length,
      weightBytes: [...model.initializers.keys()].reduce((total, name) => total + bytesOf(name, observed), 0),
      activationBytes: shown.reduce((total, { activationBytes }) => total + activationBytes, 0),
      peakActivationBytes: peakActivationBytes(model, roles, observed),
    },
  };
}
