import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** What this process may use of the machine it runs on. */
export interface Machine {
  /** Name of the processor. */
  cpu: string;
  /** Instruction sets that decide how fast networks run, among those looked for; undefined where they cannot be read. */
  features: string[] | undefined;
  /** Cores that the system lets this process run on. */
  cores: number;
  /** Cores' worth of time that a control group allows; undefined: no limit. */
  cpuLimit: number | undefined;
  /** Threads that can compute at once: the smaller of both, at least one. */
  usableCores: number;
  /** Bytes of memory. */
  memory: number;
  /** Bytes that a control group allows; undefined: no limit. */
  memoryLimit: number | undefined;
  /** Bytes that can be used: the smaller of both. */
  usableMemory: number;
  /**
   * Whether the kernel, short of memory, ends all processes of the control group together (memory.oom.group), as Kubernetes has it
   * from 1.28 on; undefined where there is no such thing.
   */
  oomGroup: boolean | undefined;
}

/** What networks gain from, as /proc/cpuinfo calls it: float32, then int8, then matrices. */
const FEATURES = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'avx512_bf16', 'amx_tile', 'amx_int8', 'asimddp'];

/** @param root where the system's files lie; another one in tests */
export function readMachine(root = '/'): Machine {
  const cores = availableParallelism();
  const cpuLimit = cpuLimitOf(root);
  const memory = totalmem();
  // 0 and absurdly large numbers mean that there is none.
  const constrained = process.constrainedMemory();
  const memoryLimit = constrained > 0 && constrained < memory ? constrained : undefined;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    features: featuresOf(root),
    cores,
    cpuLimit,
    // A part of a core is none: the group would be halted at the end of every period, and all that wait with it.
    usableCores: Math.max(1, Math.min(cores, Math.floor(cpuLimit ?? cores))),
    memory,
    memoryLimit,
    usableMemory: memoryLimit ?? memory,
    oomGroup: oomGroupOf(root),
  };
}

/**
 * Cores' worth of time that the control groups of this process allow, the strictest of them: `cpu.max` of version 2 or
 * `cpu.cfs_quota_us` of version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst).
 */
function cpuLimitOf(root: string): number | undefined {
  const limits = controlGroups(root).flatMap(({ controllers, folder }) => {
    if (controllers !== '' && !controllers.split(',').includes('cpu')) return [];
    return quotaOf(folder, controllers === '') ?? [];
  });
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

/** `memory.oom.group` of this process's control group, or of any around it (version 2 only). */
function oomGroupOf(root: string): boolean | undefined {
  const settings = controlGroups(root).flatMap(({ controllers, folder }) => {
    return (controllers === '' && readText(join(folder, 'memory.oom.group'))?.trim()) || [];
  });
  return settings.length > 0 ? settings.includes('1') : undefined;
}

/** The control groups of this process and those around them; the controllers of version 2 have no name. */
function controlGroups(root: string): { controllers: string; folder: string }[] {
  const lines = readText(join(root, 'proc/self/cgroup'))?.split('\n') ?? [];
  return lines.flatMap((line) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const mount = controllers === '' ? 'sys/fs/cgroup' : `sys/fs/cgroup/${controllers}`;
    // Inside a container the path may be that of the host, which is not there: then the mount itself is the group.
    const names = path.split('/').filter((name) => name !== '' && name !== '..');
    return Array.from({ length: names.length + 1 }, (_, i) => {
      return { controllers, folder: join(root, mount, ...names.slice(0, names.length - i)) };
    });
  });
}

function quotaOf(group: string, unified: boolean): number | undefined {
  const [quota, period] = unified
    ? (readText(join(group, 'cpu.max'))?.trim().split(' ') ?? [])
    : [readText(join(group, 'cpu.cfs_quota_us')), readText(join(group, 'cpu.cfs_period_us'))];
  const cores = Number(quota) / Number(period);
  // "max" and -1: none.
  return cores > 0 && Number.isFinite(cores) ? cores : undefined;
}

function featuresOf(root: string): string[] | undefined {
  const [, flags] = /^(?:flags|Features)\s*:(.*)$/m.exec(readText(join(root, 'proc/cpuinfo')) ?? '') ?? [];
  if (flags === undefined) return undefined;
  const known = new Set(flags.trim().split(/\s+/));
  return FEATURES.filter((feature) => known.has(feature));
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Version of ONNX Runtime. */
export function runtimeVersion(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return version;
}
