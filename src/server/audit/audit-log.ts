/**
 * The file of audit lines: appended to in the background, in order, and rotated by size. A full or failing disk costs no request
 * anything: lines wait in memory up to a bound, and what does not fit is counted and reported.
 */
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { backoffDelay, pause } from "../../base/backoff.ts";
import type { Log } from "../../base/log.ts";

export interface AuditLogOptions {
  readonly path: string;
  /** A file that has grown to this many bytes is renamed, and a new one begun. @default 64 MiB */
  readonly maxBytes?: number;
  /** How many renamed files are kept: path.1 is the youngest. @default 4 */
  readonly keep?: number;
  /** Bytes that may wait to be written. @default 16 MiB */
  readonly maxWaiting?: number;
  readonly log: Log;
}

export interface AuditLog extends AsyncDisposable {
  /** Takes a line without its end. Never throws. */
  write(line: string): void;
}

const MIB = 1024 * 1024;
/** How often writing is tried again when the log is closed while it fails. */
const LAST_ATTEMPTS = 3;

/** The log cannot be written at the start; the message says which and why. */
export class AuditLogError extends Error {
  override readonly name = "AuditLogError";
}

/** Opens the file, mode 0600, to go on after what is in it. Throws AuditLogError. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  try {
    await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
    const file = await open(options.path, "a", 0o600);
    return new RotatedLog(options, file, (await file.stat()).size);
  } catch (error) {
    throw new AuditLogError(`cannot write the audit log ${options.path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

class RotatedLog implements AuditLog {
  readonly #options: AuditLogOptions;
  #file: FileHandle | undefined;
  /** Of the file, bytes. */
  #size: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: AuditLogOptions, file: FileHandle, size: number) {
    this.#options = options;
    this.#file = file;
    this.#size = size;
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#waitingBytes + bytes.length > (this.#options.maxWaiting ?? 16 * MIB)) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#writing;
    this.#dropped += this.#waiting.length;
    this.#reportDropped();
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Writes what waits, all of it in one go, until nothing does. */
  async #run(): Promise<void> {
    const { log, path } = this.#options;
    for (let failures = 0; this.#waiting.length > 0;) {
      const batch = this.#waiting.slice();
      try {
        this.#file ??= await open(path, "a", 0o600);
        await this.#append(batch);
        failures = 0;
        this.#reportDropped();
      } catch (err) {
        failures += 1;
        log.error({ err, path, waiting: this.#waiting.length }, "the audit log cannot be written");
        if (this.#closing.signal.aborted && failures >= LAST_ATTEMPTS) break;
        await pause(backoffDelay(failures), this.#closing.signal);
      }
    }
    this.#writing = undefined;
  }

  /** Lines go out whole: what a failed write left of one is cut off again before the next attempt. */
  async #append(batch: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(batch);
    if (this.#size > 0 && this.#size + bytes.length > (this.#options.maxBytes ?? 64 * MIB))
      await this.#rotate();
    const file = this.#file!;
    try {
      for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
    } catch (error) {
      await file.truncate(this.#size);
      throw error;
    }
    this.#size += bytes.length;
    this.#waiting = this.#waiting.slice(batch.length);
    this.#waitingBytes -= bytes.length;
  }

  /** path.3 becomes path.4, and so on; the oldest is written over. */
  async #rotate(): Promise<void> {
    const { path, keep = 4 } = this.#options;
    for (let age = keep - 1; age >= 0; age--)
      await renameIfThere(age === 0 ? path : `${path}.${age}`, `${path}.${age + 1}`);
    const full = this.#file!;
    // If no new file can be made now, the next attempt makes it.
    this.#file = undefined;
    this.#size = 0;
    await full.close();
    this.#file = await open(path, keep === 0 ? "w" : "a", 0o600);
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const { log, path } = this.#options;
    log.error({ path, lines: this.#dropped }, "audit lines were lost: the disk could not take them in time");
    this.#dropped = 0;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
