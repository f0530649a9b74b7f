import { constants, getPriority, setPriority } from 'node:os';
import { platform } from 'node:process';

/** Steps of niceness: three quarters of a core stay with the others where both want all of it. */
const STEPS = 5;

/**
 * Lets other threads of this process go before the one that calls: the one that speaks HTTP has little to do for each request,
 * and should get to it at once while all cores compute. Only on Linux has each thread its own priority (sched(7)).
 */
export function stepBack(): void {
  if (platform !== 'linux') return;
  setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + STEPS));
}
