import type { GraphWriter } from '../file/graph-writer.js';

/**
 * The mean over the batch of the cross-entropy between targets and the softmax of logits, and its gradient by the logits:
 * (softmax x sum of targets - targets) / N.
 * @param logits [N, classes]
 * @param targets [N, classes]; a row sums up to the weight of its picture
 */
export function crossEntropy(graph: GraphWriter, logits: string, targets: string): { loss: string; gradient: string } {
  const classes = graph.integers([1]);
  const logarithms = graph.add('LogSoftmax', [logits], { axis: 1 });
  const products = graph.add('Mul', [targets, logarithms]);
  const losses = graph.add('Neg', [graph.add('ReduceSum', [products, classes], { keepdims: 0 })]);
  const weights = graph.add('ReduceSum', [targets, classes], { keepdims: 1 });
  const expected = graph.add('Mul', [graph.add('Exp', [logarithms]), weights]);
  const rows = graph.add('Cast', [graph.add('Shape', [targets], { start: 0, end: 1 })], { to: 1 });
  return {
    loss: graph.add('ReduceMean', [losses], { keepdims: 0 }),
    gradient: graph.add('Div', [graph.add('Sub', [expected, targets]), rows]),
  };
}
