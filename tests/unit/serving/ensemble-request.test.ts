import { describe, expect, test } from 'vitest';
import { parseEnsembleRequest } from '../../../src/serving/asking/ensemble-request.js';

describe('parseEnsembleRequest', () => {
  test('without weights all count the same, and all must answer', () => {
    expect(parseEnsembleRequest('a,b,c', undefined)).toEqual({
      members: ['a', 'b', 'c'].map((model) => ({ model, weight: 1 })),
      combine: 'probabilities',
      minMembers: 3,
    });
  });

  test('weights go to the models in their order', () => {
    expect(parseEnsembleRequest('a,b', '2,0.25', 'vote', 1)).toEqual({
      members: [
        { model: 'a', weight: 2 },
        { model: 'b', weight: 0.25 },
      ],
      combine: 'vote',
      minMembers: 1,
    });
  });

  test.each([
    '1',
    '1,2,3',
    '',
    '1,',
    '1,0',
    '1,-1',
    '1,x',
    '1, 2',
    '1,1e3',
    '1,.5',
    '1,NaN',
    '1,Infinity',
    '1,1234567',
  ])('refuses the weights %j for two models', (weights) => {
    expect(() => parseEnsembleRequest('a,b', weights)).toThrowError(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('2 numbers above 0') }),
    );
  });
});
