/** The DataPlane contract: makes connections to virtual addresses reach backends, as a ServiceTable says. */
import type { ServiceTable, TableDelta } from "./table.ts";

export interface SyncReport {
  /** Objects (rules, elements, listeners) found in place and right. */
  readonly kept: number;
  /** Objects added, changed or removed. 0 on a restart where nothing changed. */
  readonly written: number;
}

export interface DataPlane extends AsyncDisposable {
  /** "nftables", "userspace", "fake". */
  readonly name: string;

  /**
   * Makes the state equal to `table`: reads what is there, keeps what is right, writes only the differences.
   * The first call after construction; later whenever everything should be checked.
   * After it the data plane watches for foreign changes and repairs them by itself.
   */
  sync(table: ServiceTable): Promise<SyncReport>;

  /**
   * Applies a change to the last table. When it resolves, no new connection reaches a removed backend; established
   * TCP connections are left alone, UDP flows to removed backends are cut loose. The change is atomic for packets.
   * Throws DataPlaneError; the state is then the one before or is repaired by the next call.
   */
  apply(delta: TableDelta): Promise<void>;

  /** Forgets the host: removes everything this data plane has put there. */
  cleanup(): Promise<void>;

  /** Stops watching. What was programmed stays in place and in force, if the kind of data plane can do that. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The data plane cannot work here, or refused a change. `remedy` says what the user can do. */
export class DataPlaneError extends Error {
  override readonly name = "DataPlaneError";
  readonly remedy: string | undefined;

  constructor(message: string, options: ErrorOptions & { remedy?: string } = {}) {
    super(message, options);
    this.remedy = options.remedy;
  }
}
