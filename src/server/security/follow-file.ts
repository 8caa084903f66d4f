/**
 * Tells when a file has changed: written in place, replaced, removed, or reached by another link than before (as a
 * Kubernetes volume changes all its files at once).
 */
import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Log } from "../../base/log.ts";

/** Whoever writes in place is given this long from each change to the next, milliseconds. */
const SETTLE = 100;

export interface FollowFileOptions {
  /** Called when the file is another and has been so for a moment; never again before it is done. */
  readonly onChange: () => Promise<void>;
  readonly log: Log;
}

/** Until it is disposed. */
export function followFile(path: string, { onChange, log }: FollowFileOptions): Disposable {
  const watchers = new Map<string, FSWatcher>();
  let disposed = false;
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let seen = stateOf(path);

  /** What is followed are directories: a file that is replaced would take its watch with it. */
  function watchDirectories(): void {
    const wanted = new Set([dirname(resolve(path)), directoryBehindLinks(path)]);
    for (const [directory, watcher] of watchers)
      if (!wanted.has(directory)) {
        watcher.close();
        watchers.delete(directory);
      }
    for (const directory of wanted) {
      if (watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, soon);
        watcher.on("error", (err) => log.warn({ err, directory }, "a directory is followed no more"));
        watchers.set(directory, watcher);
      } catch (err) {
        log.warn({ err, path }, "a file cannot be followed: its changes count from the next start");
      }
    }
  }

  function soon(): void {
    if (disposed || running) return;
    clearTimeout(timer);
    timer = setTimeout(() => void look(), SETTLE);
  }

  async function look(): Promise<void> {
    const now = stateOf(path);
    if (now === seen) return;
    seen = now;
    running = true;
    watchDirectories();
    try {
      await onChange();
    } catch (err) {
      log.error({ err, path }, "a change of a file could not be taken over");
    }
    running = false;
    // What was changed meanwhile.
    if (stateOf(path) !== seen) soon();
  }

  watchDirectories();
  return {
    [Symbol.dispose]() {
      disposed = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}

/** Another text for another file or another version of it; empty if there is none. */
function stateOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

function directoryBehindLinks(path: string): string {
  try {
    return dirname(realpathSync(path));
  } catch {
    // Not there, for now: then there is nothing behind links.
    return dirname(resolve(path));
  }
}
