import type { GraphWriter } from '../file/graph-writer.js';
import { type Operation, type Rule, tensorAt } from './rules/rule.js';
import { RULES } from './rules/rules.js';

interface Step {
  operation: Operation;
  rule: Rule;
  outputs: readonly string[];
}

/** Writes operations and remembers them, so that gradients can be written in reverse order (reverse accumulation). */
export class Tape {
  readonly #graph: GraphWriter;
  readonly #steps: Step[] = [];

  constructor(graph: GraphWriter) {
    this.#graph = graph;
  }

  /** Writes an operation whose operands are tensors of the graph. @returns its outputs */
  run(operation: Operation): readonly string[] {
    const rule = RULES.get(operation.operator);
    if (!rule) throw new Error(`${operation.operator} has no rule`);
    const outputs = rule.forward(this.#graph, operation);
    this.#steps.push({ operation, rule, outputs });
    return outputs;
  }

  /** Writes the gradients by all tensors, from the gradient by one of them. @returns them by tensor */
  gradients(output: string, gradient: string): ReadonlyMap<string, string> {
    const found = new Map([[output, gradient]]);
    for (const { operation, rule, outputs } of this.#steps.toReversed()) {
      const known = operation.outputs.map((_, i) => found.get(tensorAt(outputs, i)));
      if (known.every((each) => each === undefined)) continue;
      rule.backward(this.#graph, operation, outputs, known).forEach((each, i) => {
        const tensor = operation.inputs[i]?.tensor;
        if (each === undefined || tensor === undefined) return;
        const before = found.get(tensor);
        found.set(tensor, before === undefined ? each : this.#graph.add('Add', [before, each]));
      });
    }
    return found;
  }
}
