/** Counts the requests that hold each network, by the network's name in the workers. */
export class NetworkUses {
  readonly #uses = new Map<string, { count: number; whenIdle: (() => void)[] }>();

  /** Notes that a request holds a network. @returns ends that; to be called once */
  hold(key: string): () => void {
    const use = this.#uses.get(key) ?? { count: 0, whenIdle: [] };
    this.#uses.set(key, use);
    use.count++;
    return () => {
      use.count--;
      if (use.count > 0) return;
      this.#uses.delete(key);
      for (const resolve of use.whenIdle) resolve();
    };
  }

  /** Waits until no request holds a network. */
  async idle(key: string): Promise<void> {
    const use = this.#uses.get(key);
    if (use) await new Promise<void>((resolve) => use.whenIdle.push(resolve));
  }
}
