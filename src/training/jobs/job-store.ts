import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { ioError, systemCode } from '../../system/errors.js';
import { FileLock } from '../../system/file-lock.js';
import { writeWhole } from '../../system/whole-file.js';
import { JOB_STATES, type TransferJob } from './transfer-job.js';

/** Jobs that are over and still listed; older ones are removed. */
const MOST_KEPT = 100;
const ID = /^[a-z0-9][a-z0-9._-]{0,63}-[0-9a-f]{8}$/;
const [JOB, REPORT, PICTURES, LOCK] = ['job.json', 'report.json', 'pictures', '.lock'];

/**
 * Jobs on disk: a folder for each, with its state, its report, and the pictures that came with it. Its errors reach clients, so their
 * messages name no paths.
 */
export class JobStore {
  readonly #folder: string;

  /** @param folder created when the first job is written */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The jobs on disk, the oldest first. Folders without a readable job are skipped: a job was being created when the server ended. */
  async all(): Promise<TransferJob[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw ioError('cannot read the folder of trainings', error);
    });
    const jobs = await Promise.all(names.filter((name) => ID.test(name)).map((id) => this.#read(id)));
    return jobs.flatMap((job) => job ?? []).sort((a, b) => a.created.localeCompare(b.created));
  }

  /**
   * Takes the jobs for this process alone, and removes what killed servers left of uploads: so it comes before all uploads.
   * @throws MenagerieError `io_error` if another process has them
   */
  async lock(signal: AbortSignal): Promise<FileLock> {
    try {
      await mkdir(this.#folder, { recursive: true });
    } catch (error) {
      throw ioError('cannot create the folder of trainings', error);
    }
    const lock = await FileLock.take(join(this.#folder, LOCK), 'The folder of trainings', signal).catch(
      (error: unknown) => {
        const { cause } = toMenagerieError(error);
        if (cause !== undefined) throw ioError('cannot write into the folder of trainings', cause);
        throw new MenagerieError('io_error', 'Another process trains with this MENAGERIE_DATA_DIR.', { cause: error });
      },
    );
    for (const name of await readdir(this.#folder)) {
      if (ID.test(name) && !(await this.#exists(name))) await this.remove(name);
    }
    return lock;
  }

  /** @throws MenagerieError `io_error` */
  async write(job: TransferJob): Promise<void> {
    await this.#write(job.id, JOB, `${JSON.stringify(job, null, 2)}\n`);
  }

  /** Makes the folder of a job. @returns where pictures that are uploaded for it go, which does not exist yet */
  async makePictures(id: string): Promise<string> {
    await this.#make(id);
    return join(resolve(this.#folder), id, PICTURES);
  }

  /** Removes the uploaded pictures of a job. @throws MenagerieError `io_error` */
  async removePictures(id: string): Promise<void> {
    await this.#remove(id, PICTURES);
  }

  /** Stores the report of a job. @throws MenagerieError `io_error` */
  async writeReport(id: string, report: object): Promise<void> {
    await this.#write(id, REPORT, JSON.stringify(report));
  }

  /** The report of a job as JSON text. @throws MenagerieError `no_report` */
  async report(id: string): Promise<string> {
    try {
      return await readFile(join(this.#folder, id, REPORT), 'utf8');
    } catch (error) {
      throw new MenagerieError('no_report', `Training "${id}" has no report: it did not come so far.`, {
        cause: error,
      });
    }
  }

  /** Removes all of a job. @throws MenagerieError `io_error` */
  async remove(id: string): Promise<void> {
    await this.#remove(id);
  }

  /** Which of the jobs that are over are too old to be kept. @param over the oldest first */
  static tooOld(over: readonly TransferJob[]): TransferJob[] {
    return over.slice(0, Math.max(0, over.length - MOST_KEPT));
  }

  async #make(id: string): Promise<void> {
    await mkdir(join(this.#folder, id), { recursive: true }).catch((error: unknown) => {
      throw ioError(`cannot create the folder of training "${id}"`, error);
    });
  }

  async #write(id: string, name: string, text: string): Promise<void> {
    await this.#make(id);
    await writeWhole(join(this.#folder, id, name), (handle) => handle.writeFile(text)).catch((error: unknown) => {
      throw ioError(`cannot write ${name} of training "${id}"`, toMenagerieError(error).cause ?? error);
    });
  }

  async #remove(id: string, name = ''): Promise<void> {
    await rm(join(this.#folder, id, name), { recursive: true, force: true }).catch((error: unknown) => {
      throw ioError(`cannot remove training "${id}"`, error);
    });
  }

  async #exists(id: string): Promise<boolean> {
    return access(join(this.#folder, id, JOB)).then(
      () => true,
      () => false,
    );
  }

  async #read(id: string): Promise<TransferJob | undefined> {
    try {
      const job: TransferJob = JSON.parse(await readFile(join(this.#folder, id, JOB), 'utf8'));
      const { state, created, begun, request } = job;
      const whole = JOB_STATES.includes(state) && typeof created === 'string' && begun >= 0 && request.id !== '';
      return whole && job.id === id ? job : undefined;
    } catch {
      return undefined;
    }
  }
}
