import { parentPort, workerData } from 'node:worker_threads';
import { InputTensor } from './input-tensor.js';
import { Network } from './network.js';
import { failureOf, type LaneReply, type LaneRequest, type LaneSettings } from './protocol.js';
import { stepBack } from './step-back.js';

// The thread of a lane: holds networks and answers one request at a time. Everything that computes happens here.

stepBack();
const settings = workerData as LaneSettings;
const networks = new Map<string, Network>();
const tensor = new InputTensor();

async function answer(request: LaneRequest): Promise<LaneReply> {
  const { id } = request;
  switch (request.type) {
    case 'load': {
      const network = await Network.load(request.spec, settings);
      networks.set(request.spec.key, network);
      return { id, type: 'done', result: network.info };
    }
    case 'unload': {
      const network = networks.get(request.key);
      networks.delete(request.key);
      await network?.release();
      return { id, type: 'done', result: undefined };
    }
    case 'run': {
      const network = networks.get(request.key);
      if (!network) throw new Error(`network ${request.key} is not in this lane`);
      return { id, type: 'done', result: await network.run(request.inputs, tensor) };
    }
  }
}

/** Memory that moves with a reply. */
function transfers(reply: LaneReply): ArrayBuffer[] {
  if (reply.type !== 'done' || !reply.result || !('outcomes' in reply.result)) return [];
  return reply.result.outcomes.flatMap((outcome) => (outcome.type === 'scores' ? [outcome.scores.buffer] : []));
}

parentPort?.on('message', async (request: LaneRequest) => {
  let reply: LaneReply;
  try {
    reply = await answer(request);
  } catch (error) {
    reply = { id: request.id, ...failureOf(error) };
  }
  parentPort?.postMessage(reply, transfers(reply));
});
