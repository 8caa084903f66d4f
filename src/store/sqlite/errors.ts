/** Why a durable store cannot be opened, or had to stop. Each message is one line: what is wrong, and what to do. */

/** The data directory was written by another version of fairlead, or is not fairlead's at all. */
export class StoreVersionError extends Error {
  override readonly name = "StoreVersionError";
}

/** Another process, or another store of this process, has the data directory open. */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
  /** The process that has it, if it left its number. */
  readonly pid: number | undefined;

  constructor(message: string, pid: number | undefined) {
    super(message);
    this.pid = pid;
  }
}

/** The database file is damaged: it cannot be read as what was once written. */
export class StoreDamagedError extends Error {
  override readonly name = "StoreDamagedError";
}

/** The data directory cannot be made, read or written: missing rights, a full disk, a read-only file system. */
export class StoreAccessError extends Error {
  override readonly name = "StoreAccessError";
}

/**
 * A commit could not be made durable; nothing of it is visible. With `isFinal` the disk failed in a way after which
 * nothing that was written can be trusted to arrive, so the store refuses all further commits until it is reopened.
 */
export class StoreWriteError extends Error {
  override readonly name = "StoreWriteError";
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isFinal = isFinal;
  }
}
