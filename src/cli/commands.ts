// The commands. The modules of a command are loaded when it runs: those of all commands take half a second.

/** A function that loads another one, and calls it. */
function lazy<A extends readonly unknown[], R>(load: () => Promise<(...args: A) => Promise<R>>) {
  return async (...args: A): Promise<R> => (await load())(...args);
}

export const commands = {
  add: lazy(async () => (await import('./commands/models/add.js')).add),
  architecture: lazy(async () => (await import('./commands/architecture.js')).architecture),
  bench: lazy(async () => (await import('./commands/bench.js')).bench),
  classify: lazy(async () => (await import('./commands/classify.js')).classify),
  compare: lazy(async () => (await import('./commands/summary.js')).compare),
  doctor: lazy(async () => (await import('./commands/doctor.js')).doctor),
  evaluate: lazy(async () => (await import('./commands/eval.js')).evaluate),
  features: lazy(async () => (await import('./commands/features/features.js')).features),
  list: lazy(async () => (await import('./commands/models/list.js')).list),
  pullModels: lazy(async () => (await import('./commands/models/pull.js')).pullModels),
  remove: lazy(async () => (await import('./commands/models/remove.js')).remove),
  rollback: lazy(async () => (await import('./commands/models/rollback.js')).rollback),
  serve: lazy(async () => (await import('./commands/serve.js')).serve),
  similar: lazy(async () => (await import('./commands/features/similar.js')).similar),
  summary: lazy(async () => (await import('./commands/summary.js')).summary),
  trainTransfer: lazy(async () => (await import('./commands/transfer.js')).trainTransfer),
  tune: lazy(async () => (await import('./commands/tune.js')).tune),
};
