import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelStatus } from '../../../serving/models/model.js';
import { modelJson } from './model-json.js';

/** Models serialised at a time. Other events are handled in between. */
const AT_A_TIME = 100;

/** Builds the body of GET /models, one at a time however many clients ask. */
export class ModelList {
  readonly #list: () => Promise<ModelStatus[]>;
  #running: Promise<string> | undefined;
  /** The body after that: a request must not get a list that was read before it came. */
  #next: Promise<string> | undefined;

  constructor(list: () => Promise<ModelStatus[]>) {
    this.#list = list;
  }

  /** A body that is begun after this call. */
  json(): Promise<string> {
    this.#next ??= Promise.allSettled([this.#running]).then(() => this.#run());
    return this.#next;
  }

  async #run(): Promise<string> {
    this.#running = this.#next;
    this.#next = undefined;
    try {
      const models = await this.#list();
      const parts: string[] = [];
      for (let at = 0; at < models.length; at += AT_A_TIME) {
        const views = models.slice(at, at + AT_A_TIME).map(modelJson);
        parts.push(JSON.stringify(views).slice(1, -1));
        await nextTurn();
      }
      return `{"models":[${parts.join(',')}]}`;
    } finally {
      this.#running = undefined;
    }
  }
}
