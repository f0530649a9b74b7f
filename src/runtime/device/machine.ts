import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** What this process may use of its machine. */
export interface Machine {
  /** Name of the processor. */
  cpu: string;
  /** Instruction sets that make networks faster, out of FEATURES; undefined if they cannot be read. */
  features: string[] | undefined;
  /** Cores that this process may run on. */
  cores: number;
  /** Processor time that control groups allow, in cores; undefined: no limit. */
  cpuLimit: number | undefined;
  /** Threads that can compute at the same time: the smaller of both, rounded down, at least 1. */
  usableCores: number;
  /** Bytes of memory. */
  memory: number;
  /** Bytes that control groups allow; undefined: no limit. */
  memoryLimit: number | undefined;
  /** Usable bytes: the smaller of both. */
  usableMemory: number;
  /**
   * Whether the kernel, when memory runs out, ends all processes of the control group (memory.oom.group), as Kubernetes sets it since
   * 1.28; undefined if the system has no such setting.
   */
  oomGroup: boolean | undefined;
}

/** Instruction sets that make networks faster, as /proc/cpuinfo names them: for float32, then int8, then matrices. */
const FEATURES = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'avx512_bf16', 'amx_tile', 'amx_int8', 'asimddp'];

/** @param root folder of /proc and /sys; another one in tests */
export function readMachine(root = '/'): Machine {
  const cores = availableParallelism();
  const cpuLimit = cpuLimitOf(root);
  const memory = totalmem();
  // 0 and very large numbers mean that there is no limit.
  const constrained = process.constrainedMemory();
  const memoryLimit = constrained > 0 && constrained < memory ? constrained : undefined;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    features: featuresOf(root),
    cores,
    cpuLimit,
    // Rounded down: otherwise the kernel would halt the group at the end of every period, and with it every waiting request.
    usableCores: Math.max(1, Math.min(cores, Math.floor(cpuLimit ?? cores))),
    memory,
    memoryLimit,
    usableMemory: memoryLimit ?? memory,
    oomGroup: oomGroupOf(root),
  };
}

/**
 * The smallest processor time, in cores, that the control groups of this process allow: `cpu.max` of version 2 or `cpu.cfs_quota_us`
 * of version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst).
 */
function cpuLimitOf(root: string): number | undefined {
  const limits = controlGroups(root).flatMap(({ controllers, folder }) => {
    if (controllers !== '' && !controllers.split(',').includes('cpu')) return [];
    return quotaOf(folder, controllers === '') ?? [];
  });
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

/** Whether `memory.oom.group` is set for this process's control group or one that contains it (version 2 only). */
function oomGroupOf(root: string): boolean | undefined {
  const settings = controlGroups(root).flatMap(({ controllers, folder }) => {
    return (controllers === '' && readText(join(folder, 'memory.oom.group'))?.trim()) || [];
  });
  return settings.length > 0 ? settings.includes('1') : undefined;
}

/** The control groups of this process and those that contain them. For version 2, `controllers` is empty. */
function controlGroups(root: string): { controllers: string; folder: string }[] {
  const lines = readText(join(root, 'proc/self/cgroup'))?.split('\n') ?? [];
  return lines.flatMap((line) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const mount = controllers === '' ? 'sys/fs/cgroup' : `sys/fs/cgroup/${controllers}`;
    // Inside a container the path may be the host's, which does not exist here: then the mount itself is the group.
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
  // "max" and -1 mean no limit.
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
  const description: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  const known = typeof description === 'object' && description !== null && 'version' in description;
  if (known && typeof description.version === 'string') return description.version;
  throw new Error('onnxruntime-node has no version');
}
