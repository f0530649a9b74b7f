import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MenagerieError } from '../../core/errors.js';
import { ioError, systemCode } from '../../system/errors.js';
import { FileLock } from '../../system/file-lock.js';
import { writeWhole } from '../../system/whole-file.js';
import type { TransferJob } from './transfer-job.js';

/** Jobs that are over and still listed; older ones are removed. */
const MOST_KEPT = 100;
const ID = /^[a-z0-9][a-z0-9._-]{0,63}-[0-9a-f]{8}$/;
const [JOB, REPORT, PICTURES, LOCK] = ['job.json', 'report.json', 'pictures', '.lock'];

/** Jobs on disk: a folder for each, with its state, its report, and the pictures that came with it. */
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
      throw ioError(`cannot read ${this.#folder}`, error);
    });
    const jobs = await Promise.all(names.filter((name) => ID.test(name)).map((id) => this.#read(id)));
    return jobs.flatMap((job) => job ?? []).sort((a, b) => a.created.localeCompare(b.created));
  }

  /**
   * Takes the jobs for this process alone, and removes what killed servers left of uploads.
   * @throws MenagerieError `io_error` if another process has them
   */
  async lock(signal: AbortSignal): Promise<FileLock> {
    try {
      await mkdir(this.#folder, { recursive: true });
    } catch (error) {
      throw ioError(`cannot create ${this.#folder}`, error);
    }
    const lock = await FileLock.take(join(this.#folder, LOCK), 'The folder of trainings', signal);
    for (const name of await readdir(this.#folder)) {
      if (ID.test(name) && !(await this.#read(name))) await this.remove(name);
    }
    return lock;
  }

  /** @throws MenagerieError `io_error` */
  async write(job: TransferJob): Promise<void> {
    await this.#make(job.id);
    await writeWhole(join(this.#folder, job.id, JOB), (handle) =>
      handle.writeFile(`${JSON.stringify(job, null, 2)}\n`),
    );
  }

  /** Makes the folder of a job. @returns where pictures that are uploaded for it go, which does not exist yet */
  async makePictures(id: string): Promise<string> {
    await this.#make(id);
    return join(resolve(this.#folder), id, PICTURES);
  }

  /** Removes the uploaded pictures of a job. */
  async removePictures(id: string): Promise<void> {
    await rm(join(this.#folder, id, PICTURES), { recursive: true, force: true });
  }

  /** Stores the report of a job. @throws MenagerieError `io_error` */
  async writeReport(id: string, report: object): Promise<void> {
    await this.#make(id);
    await writeWhole(join(this.#folder, id, REPORT), (handle) => handle.writeFile(JSON.stringify(report)));
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

  /** Removes all of a job. */
  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  /** Which of the jobs that are over are too old to be kept. @param over the oldest first */
  static tooOld(over: readonly TransferJob[]): TransferJob[] {
    return over.slice(0, Math.max(0, over.length - MOST_KEPT));
  }

  async #make(id: string): Promise<void> {
    const folder = join(this.#folder, id);
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw ioError(`cannot create ${folder}`, error);
    });
  }

  async #read(id: string): Promise<TransferJob | undefined> {
    try {
      const job: TransferJob = JSON.parse(await readFile(join(this.#folder, id, JOB), 'utf8'));
      return job.id === id ? job : undefined;
    } catch {
      return undefined;
    }
  }
}
