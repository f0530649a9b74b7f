import { systemCode } from './errors.js';

/** Whether a process of this machine exists. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return systemCode(error) !== 'ESRCH';
  }
}
