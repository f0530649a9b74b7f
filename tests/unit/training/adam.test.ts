import { expect, test } from 'vitest';
import { Adam } from '../../../src/training/inside/adam.js';

test('takes the steps of PyTorch’s Adam after clip_grad_norm_', () => {
  // torch.optim.Adam([w, v], lr=0.1) and torch.nn.utils.clip_grad_norm_([w, v], 1.0), PyTorch 2.15
  const weights = [Float32Array.of(0.5, -1, 2), Float32Array.of(3)];
  const adam = new Adam([3, 1]);
  const steps = [
    { gradients: [[0.1, -0.2, 0.05], [0.3]], norm: 0.3774917, w: [0.4, -0.9, 1.9], v: 2.9 },
    { gradients: [[3, 0, -4], [12]], norm: 13, w: [0.3050851, -0.8329942, 1.9627089], v: 2.8085256 },
    { gradients: [[-0.1, 0.2, 0], [0.1]], norm: 0.244949, w: [0.2605268, -0.8415809, 2.011183], v: 2.7316377 },
  ];
  for (const { gradients, norm, w, v } of steps) {
    const given = gradients.map((values) => Float32Array.from(values));
    expect(adam.step(weights, given, 0.1)).toBeCloseTo(norm, 5);
    for (const [i, value] of [...w, v].entries()) {
      expect([...(weights[0] ?? []), ...(weights[1] ?? [])][i]).toBeCloseTo(value, 5);
    }
  }
});
