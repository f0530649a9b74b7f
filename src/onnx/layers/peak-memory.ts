import type { OnnxModel } from '../file/model.js';
import type { GraphRoles } from './graph-roles.js';
import { bytesOf, type Observed } from './layers.js';

/**
 * Peak memory of the activations in bytes, if nodes run in order and a tensor is freed after its last use. Tensors that are passed
 * on unchanged count once. A runtime that computes in place may need less.
 */
export function peakActivationBytes(model: OnnxModel, roles: GraphRoles, observed: Observed): number {
  const lastUse = new Map<string, number>();
  const tensorsOf = (names: readonly string[]) => new Set(roles.varying(names).map((name) => roles.origin(name)));
  model.nodes.forEach((node, i) => {
    for (const name of tensorsOf([...node.inputs, ...node.outputs])) lastUse.set(name, i);
  });
  for (const name of tensorsOf(model.outputs.map((output) => output.name))) lastUse.set(name, model.nodes.length);

  const live = new Map<string, number>();
  const inputs = tensorsOf(model.inputs.map((input) => input.name));
  for (const name of inputs) live.set(name, bytesOf(name, observed));
  let now = [...live.values()].reduce((sum, bytes) => sum + bytes, 0);
  let peak = now;
  model.nodes.forEach((node, i) => {
    for (const name of tensorsOf(node.outputs)) {
      if (live.has(name)) continue;
      const bytes = bytesOf(name, observed);
      live.set(name, bytes);
      now += bytes;
    }
    peak = Math.max(peak, now);
    for (const name of tensorsOf([...node.inputs, ...node.outputs])) {
      if (lastUse.get(name) !== i) continue;
      now -= live.get(name) ?? 0;
      live.delete(name);
    }
  });
  return peak;
}
