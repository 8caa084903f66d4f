/**
 * What this machine holds for each pod, on disk: so that a fairlead that was killed finds its processes, namespaces
 * and addresses again, or takes away those whose pod is gone.
 *
 * A record is written before what it describes is made and removed after it is gone: what exists has a record.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerStatus } from "../../api/pod/type.ts";

export interface ContainerRecord {
  readonly status: ContainerStatus;
  /** The process while it runs: its id, and its start in clock ticks, which tells it from a later one with that id. */
  readonly pid?: number;
  readonly startTime?: string;
}

export interface PodRecord {
  readonly version: 1;
  /** The boot of the machine that the processes belong to. */
  readonly bootId: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** When the pod was first seen here (status.startTime). */
  readonly startTime: string;
  readonly addresses: readonly string[];
  /** The pod's network namespace in /run/netns; absent on loopback. */
  readonly netns?: string;
  /** The pod has run to its end (Succeeded, Failed): its place in the network is given back, nothing runs. */
  readonly finished?: true;
  /** By container name; init containers and containers share one space of names. */
  readonly containers: Readonly<Record<string, ContainerRecord>>;
}

/** A directory of records, one file each, replaced in one step. */
export class PodRecords {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, "pods");
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Throws if a file is not a record of ours: it must be looked at by a person, because what it names may leak. */
  load(): PodRecord[] {
    const records: PodRecord[] = [];
    for (const file of readdirSync(this.#directory)) {
      const path = join(this.#directory, file);
      if (file.endsWith(".new")) rmSync(path);
      else if (file.endsWith(".json")) records.push(parse(path, readFileSync(path, "utf8")));
    }
    return records;
  }

  /** No fsync: after a loss of power the processes that it tells of are gone as well. */
  save(record: PodRecord): void {
    const path = this.#path(record.uid);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  remove(uid: string): void {
    rmSync(this.#path(uid), { force: true });
  }

  #path(uid: string): string {
    if (!/^[\w-]{1,100}$/.test(uid)) throw new RangeError(`not a pod's uid: ${JSON.stringify(uid)}`);
    return join(this.#directory, `${uid}.json`);
  }
}

function parse(path: string, text: string): PodRecord {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new Error(
      `${path} is not JSON: move it away, and check for processes with FAIRLEAD_POD_UID of its name`,
      {
        cause,
      },
    );
  }
  if ((record as PodRecord).version !== 1)
    throw new Error(`${path} is of another version of fairlead: start that one with --cleanup first`);
  return record as PodRecord;
}
