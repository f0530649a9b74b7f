import { keepAsking } from '../shared/loops.mjs';
import { GOLDEN, isRight, rawBody } from './pictures.mjs';

/** @import { Reply } from './books.mjs' */
/** @import { Subject } from './subject.mjs' */

/** Clients that mean no harm: they ask a model about its golden picture, each anew when it has its answer. */
export class GoodClients {
  /** Questions, and how many of them were answered rightly. */
  asked = 0;
  right = 0;
  #client;
  #stop;

  /**
   * Begins to ask.
   * @param {Subject} server @param {keyof typeof GOLDEN} model @param {number} clients
   * @param {(reply: Reply, right: boolean) => void} [onReply]
   */
  constructor(server, model, clients, onReply = () => {}) {
    const { bytes, index } = GOLDEN[model];
    const body = rawBody(bytes);
    const client = server.client(clients);
    this.#client = client;
    this.#stop = keepAsking(clients, async () => {
      this.asked++;
      const reply = await client.classifyAnew(model, body);
      const right = isRight(reply, index);
      if (right) this.right++;
      onReply(reply, right);
      return reply.error === undefined;
    });
  }

  /** Ends it, when what has been asked is answered. */
  async stop() {
    await this.#stop();
    this.#client.close();
  }
}
