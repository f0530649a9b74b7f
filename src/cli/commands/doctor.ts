import { createEngine } from '../../app/engine.js';
import { planStart, type StartPlan } from '../../app/start-plan.js';
import { type Config, loadConfig } from '../../config/load-config.js';
import { toMenagerieError } from '../../core/errors.js';
import { imagingVersions } from '../../imaging/versions.js';
import { formatBytes, table } from '../../report/format.js';
import { readMachine, runtimeVersion } from '../../runtime/device/machine.js';
import { cudaNeeds, cudaObstacle, obstacleText, type Provider } from '../../runtime/device/providers.js';
import { findLevers, type Levers } from '../../runtime/workers/process/levers.js';
import { openFilesLimit } from '../../system/open-files.js';
import type { CommandIo, ExitCode } from '../shared/io.js';

/** The bundled model for trying providers. */
const TRIAL_MODEL = 'lenet5';

/** Whether an execution provider of ONNX Runtime works on this machine. */
interface ProviderCheck {
  provider: Provider;
  usable: boolean;
  /** Why it is not usable, or the result of the trial. */
  detail: string;
}

/**
 * `menagerie doctor`: reports what this machine has, what menagerie can use, and what a server with these settings would choose.
 * @param readConfig may throw, because faulty settings are reported too
 * @returns 0 if a server would start and serve, else 1
 */
export async function doctor(
  readConfig: () => Config,
  options: { json: boolean },
  version: string,
  io: CommandIo,
): Promise<ExitCode> {
  const faults: string[] = [];
  const recordingFault = async <T>(find: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await find();
    } catch (error) {
      faults.push(toMenagerieError(error).message);
      return undefined;
    }
  };
  const machine = readMachine();
  const providers = [await checkProvider('cpu', io.env), await checkProvider('cuda', io.env)];
  const config = await recordingFault(readConfig);
  const plan = config && (await recordingFault(() => planStart(config, machine)));
  for (const { provider, usable, detail } of providers) {
    const needed = provider === 'cpu' || config?.device === 'cuda-required';
    if (needed && !usable) faults.push(`${provider}: ${detail}`);
  }
  if (plan && plan.load.first.length === 0)
    faults.push('no model has its weights on this machine; fetch some with: menagerie pull <id>');
  const report: Report = {
    versions: { menagerie: version, node: process.versions.node, onnxruntime: runtimeVersion(), ...imagingVersions() },
    platform: `${process.platform} ${process.arch}`,
    providers,
    machine: {
      cpu: machine.cpu,
      features: machine.features ?? null,
      cores: machine.cores,
      cpu_limit: machine.cpuLimit ?? null,
      memory_bytes: machine.memory,
      memory_limit_bytes: machine.memoryLimit ?? null,
      open_files: openFilesLimit() ?? null,
    },
    workers: { ...leversJson(await findLevers()), oom_group: machine.oomGroup ?? null },
    choice: plan && config ? choiceOf(plan, config, providers) : null,
    refused: plan?.repository.refused.map(({ id, error }) => ({ id, reason: error.message })) ?? [],
    faults,
  };
  io.out.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  return faults.length > 0 ? 1 : 0;
}

interface Report {
  versions: Record<string, string>;
  platform: string;
  providers: ProviderCheck[];
  machine: {
    cpu: string;
    features: string[] | null;
    cores: number;
    /** In cores. */
    cpu_limit: number | null;
    memory_bytes: number;
    memory_limit_bytes: number | null;
    open_files: number | null;
  };
  /** Which means of protecting the server from its workers work here. */
  workers: Record<string, boolean | null>;
  choice: StartChoice | null;
  refused: { id: string; reason: string }[];
  faults: string[];
}

/** What a server would choose. */
interface StartChoice {
  provider: Provider;
  workers: number;
  threads: number;
  /** Instances of each model. */
  instances: number;
  /** `id`, or `id:variant` if a variant is configured or tuned. */
  models: string[];
  notes: string[];
}

function choiceOf({ config, load, tuned, notes }: StartPlan, settings: Config, checks: ProviderCheck[]): StartChoice {
  const cuda = settings.device !== 'cpu' && checks.some(({ provider, usable }) => provider === 'cuda' && usable);
  const wanted = [...load.first, ...load.later];
  const models = wanted.map(({ id, variant = tuned.get(id)?.variant }) => (variant ? `${id}:${variant}` : id));
  const { workers = 1, threads = 1, instances = workers } = config;
  return { provider: cuda ? 'cuda' : 'cpu', workers, threads, instances, models, notes };
}

async function checkProvider(provider: Provider, env: NodeJS.ProcessEnv): Promise<ProviderCheck> {
  const cuda = provider === 'cuda' ? cudaNeeds()?.cuda : undefined;
  const check = await tryProvider(provider, env);
  return cuda ? { ...check, detail: `built for CUDA ${cuda}; ${check.detail}` } : check;
}

/** Loads a small network with a provider, which is the only reliable check. */
async function tryProvider(provider: Provider, env: NodeJS.ProcessEnv): Promise<ProviderCheck> {
  const obstacle = provider === 'cuda' ? cudaObstacle() : undefined;
  if (obstacle) return { provider, usable: false, detail: obstacleText(obstacle) };
  const device = provider === 'cuda' ? 'cuda-required' : 'cpu';
  const engine = await createEngine({ config: { ...loadConfig({}), device, workers: 1 }, env });
  try {
    const { info } = await engine.registry.load(TRIAL_MODEL);
    const left = info.layersOnCpu.length > 0 ? `; left to the CPU: ${info.layersOnCpu.join(', ')}` : '';
    return { provider, usable: true, detail: `${TRIAL_MODEL} loaded in ${info.loadMs.toFixed(0)} ms and ran${left}` };
  } catch (error) {
    return { provider, usable: false, detail: toMenagerieError(error).message };
  } finally {
    await engine.stop();
  }
}

/** Instruction sets that matter, and what they speed up. */
const FEATURE_NAMES: [name: string, meaning: string, flags: string[]][] = [
  ['AVX2', 'float32', ['avx2']],
  ['AVX-512', 'float32, twice as wide', ['avx512f']],
  ['VNNI', 'int8: quantised networks gain most with it', ['avx512_vnni', 'avx_vnni']],
  ['AMX', 'int8 and bfloat16 matrices', ['amx_tile']],
  ['NEON', 'float32 on ARM', ['asimddp']],
];

function leversJson({ dataLimit, niceness, idleClass, oomScore, parentDeathSignal }: Levers): Record<string, boolean> {
  return {
    data_limit: dataLimit,
    niceness,
    idle_class: idleClass,
    oom_score: oomScore,
    parent_death_signal: parentDeathSignal,
  };
}

/** The means of protecting the server from its workers, and what happens without them. */
function workerRows({
  data_limit,
  niceness,
  idle_class,
  oom_score,
  parent_death_signal,
  oom_group,
}: Report['workers']): string[][] {
  const yes = (holds: boolean | null | undefined) => (holds ? 'yes' : 'no');
  const group = 'no effect: memory.oom.group is 1, so the kernel ends all processes of the container together';
  return [
    [
      '  memory limit',
      yes(data_limit),
      data_limit ? 'RLIMIT_DATA' : 'needs Linux, sh and prlimit; memory is only watched',
    ],
    ['  low priority', yes(niceness), niceness ? 'nice' : 'needs Linux and nice'],
    ['  training only on idle cores', yes(idle_class), idle_class ? 'chrt' : 'needs Linux and chrt'],
    ['  ended first if memory runs out', yes(oom_score), oom_group ? group : 'oom_score_adj'],
    ['  end with the server', 'yes', parent_death_signal ? 'by the kernel' : 'by a thread in each worker'],
  ];
}

function reportText({ versions, platform, providers, machine, workers, choice, refused, faults }: Report): string {
  const { features, cores, cpu_limit, memory_bytes, memory_limit_bytes, open_files } = machine;
  const limit = (value: string | undefined) =>
    value === undefined ? 'no limit' : `limited to ${value} by a control group`;
  const has = FEATURE_NAMES.map(([name, meaning, flags]) => {
    const present = features?.some((feature) => flags.includes(feature));
    return [`  ${name}`, features === null ? 'unknown' : present ? 'yes' : 'no', meaning];
  });
  const providerRows = providers.map(({ provider, usable, detail }) => [
    `  ${provider}`,
    usable ? 'usable' : 'not usable',
    detail,
  ]);
  const sections = [
    table([
      ['menagerie', versions.menagerie ?? ''],
      ['Node', `${versions.node} (${platform})`],
      ['ONNX Runtime', versions.onnxruntime ?? ''],
      ['sharp', `${versions.sharp}, libvips ${versions.libvips}`],
    ]),
    `\nProviders\n${table(providerRows)}`,
    `\nProcessor: ${machine.cpu}\n${table(has)}`,
    `\nLimits\n${table([
      ['  cores', `${cores}, ${limit(cpu_limit === null ? undefined : `${cpu_limit}`)}`],
      [
        '  memory',
        `${formatBytes(memory_bytes)}, ${limit(memory_limit_bytes === null ? undefined : formatBytes(memory_limit_bytes))}`,
      ],
      ['  open files', open_files === null ? 'no limit known' : String(open_files)],
    ])}`,
    `\nWorkers\n${table(workerRows(workers))}`,
    ...(choice ? [`\nA server would start with\n${table(choiceRows(choice))}`] : []),
    ...(choice?.notes.map((note) => `  ${note}\n`) ?? []),
    ...refused.map(({ id, reason }) => `\nRefused: ${id}: ${reason}\n`),
    ...(faults.length > 0 ? [`\nProblems\n`, ...faults.map((fault) => `  ${fault}\n`)] : ['\nNo problems found.\n']),
  ];
  return sections.join('');
}

function choiceRows({ provider, workers, threads, instances, models }: StartChoice): string[][] {
  return [
    ['  provider', provider],
    ['  workers', `${workers}, ${threads} ${threads === 1 ? 'thread' : 'threads'} each`],
    ['  instances of each model', String(instances)],
    ['  models', models.join(', ') || 'none'],
  ];
}
