/**
 * One process programs the table of a network namespace: two would each put back what the other has written, several times a
 * second, and connections would go now here, now there.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DataPlaneError } from "../dataplane/dataplane.ts";
import { lockFile, lockHolder } from "../sys/file-lock.ts";
import { netnsId } from "../sys/netns.ts";

/** Root's alone, and empty after a boot. */
const DIRECTORY = "/run/fairlead";
/** How long a process that is stopping has for it, and how often is looked, milliseconds. */
const PATIENCE = 5_000;
const INTERVAL = 100;
/** Nobody's rights suffice, or there is no such directory: in a container without one there is no other process either. */
const NO_PLACE: ReadonlySet<string> = new Set(["EACCES", "EEXIST", "EPERM", "EROFS", "ENOENT"]);

/** Another process has the table. */
export class TableTakenError extends DataPlaneError {}

/**
 * The right to program the table in a network namespace, until it is disposed; undefined where no such right can be kept.
 * Throws TableTakenError.
 */
export async function claimTable(
  netns: string | undefined,
  {
    directory = DIRECTORY,
    patience = PATIENCE,
  }: { readonly directory?: string; readonly patience?: number } = {},
): Promise<Disposable | undefined> {
  const path = join(directory, `nftables-${netnsId(netns).replace(/\D/g, "")}.lock`);
  try {
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    for (let waited = 0; ; waited += INTERVAL) {
      const claim = lockFile(path);
      if (claim !== undefined) return claim;
      if (waited >= patience) break;
      await setTimeout(INTERVAL);
    }
  } catch (error) {
    if (NO_PLACE.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  throw new TableTakenError(
    `process ${lockHolder(path)} programs table inet fairlead in this network namespace already`,
    {
      remedy:
        "stop it first, or start this one with --dataplane none, or with --netns in a namespace of its own",
    },
  );
}
