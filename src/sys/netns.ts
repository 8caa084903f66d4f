/**
 * Network namespaces: named as iproute2 names them (`ip netns` sees ours and we see its), and entered.
 *
 * A namespace belongs to a THREAD. What a thread makes while it is inside another namespace - a socket, a child
 * process, a worker thread, an open file of /proc/sys/net - stays there after the thread has come back. So entering
 * is a short synchronous section on the calling thread (20 microseconds), and no worker thread or nsenter is needed.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  unlinkSync,
} from "node:fs";
import {
  CLONE_NEWNET,
  mount,
  MNT_DETACH,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  setns,
  umount,
  unshare,
} from "./libc.ts";
import { EINVAL, SystemError } from "./system-error.ts";

/** Where iproute2 keeps named namespaces: a file for each, with the namespace bind-mounted on it. */
export const NETNS_DIRECTORY = "/run/netns";

/** The namespace of the calling thread (/proc/self would be the main thread's). */
const OWN = "/proc/thread-self/ns/net";

/** The file of a namespace: `netns` is a name in /run/netns, or a path, which has a slash. */
export function netnsPath(netns: string): string {
  return netns.includes("/") ? netns : `${NETNS_DIRECTORY}/${checkName(netns)}`;
}

/** What identifies a namespace as long as it lives: "net:[4026531840]". Without an argument: the calling thread's. */
export function netnsId(netns?: string): string {
  if (netns === undefined) return readlinkSync(OWN);
  return `net:[${statSync(netnsPath(netns)).ino}]`;
}

/**
 * Runs `call` with the calling thread inside `netns`, and brings the thread back. `undefined` means where it is.
 *
 * `call` must be synchronous: make sockets, processes, workers, read and write /proc/sys/net. It must not start work
 * on the thread pool, whose threads would be born in there.
 * Needs CAP_SYS_ADMIN. Throws SystemError (EPERM), or what node:fs throws if there is no such namespace.
 */
export function callInNetns<T>(netns: string | undefined, call: () => T): T {
  if (netns === undefined) return call();
  const target = openSync(netnsPath(netns), "r");
  try {
    return awayFromHome(() => {
      setns(target, CLONE_NEWNET);
      return call();
    });
  } finally {
    closeSync(target);
  }
}

/** Runs `call`, which may change the thread's namespace, and restores the one from before. */
function awayFromHome<T>(call: () => T): T {
  const home = openSync(OWN, "r");
  try {
    const result = call();
    if (result instanceof Promise) throw new TypeError("a section inside a namespace must be synchronous");
    return result;
  } finally {
    comeHome(home);
    closeSync(home);
  }
}

/**
 * A thread that cannot come back would go on in the wrong network, silently: there is no safe way to continue.
 * It was allowed to leave, so this does not happen unless capabilities are dropped in between.
 */
function comeHome(home: number): void {
  try {
    setns(home, CLONE_NEWNET);
  } catch (error) {
    process.stderr.write(`fatal: cannot return to the own network namespace: ${String(error)}\n`);
    process.abort();
  }
}

/**
 * Makes a namespace that `ip netns` lists; its loopback is down. Needs CAP_SYS_ADMIN.
 * Throws node's EEXIST error if the name is taken.
 */
export function createNetns(name: string): void {
  const path = `${NETNS_DIRECTORY}/${checkName(name)}`;
  shareDirectory();
  closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0));
  try {
    awayFromHome(() => {
      unshare(CLONE_NEWNET);
      mount(OWN, path, "none", MS_BIND);
    });
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/** The name goes at once; the namespace when the last process and socket in it are gone. */
export function deleteNetns(name: string): void {
  const path = `${NETNS_DIRECTORY}/${checkName(name)}`;
  try {
    umount(path, MNT_DETACH);
  } catch (error) {
    // A file without a mount is what an interrupted creation leaves: it is removed just the same.
    if (!(error instanceof SystemError && error.errno === EINVAL)) throw error;
  }
  unlinkSync(path);
}

/** The names in /run/netns, sorted. */
export function listNetns(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

export function netnsExists(name: string): boolean {
  return listNetns().includes(name);
}

/**
 * Makes /run/netns a shared mount of its own, as iproute2 does, so that names made here are seen and can be removed
 * in other mount namespaces that were split off later (containers, services with PrivateMounts).
 */
function shareDirectory(): void {
  mkdirSync(NETNS_DIRECTORY, { recursive: true, mode: 0o755 });
  try {
    mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC);
  } catch (error) {
    // EINVAL: not a mount point yet.
    if (!(error instanceof SystemError && error.errno === EINVAL)) throw error;
    mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC);
    mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC);
  }
}

function checkName(name: string): string {
  if (!/^[^/\s]{1,255}$/.test(name) || name === "." || name === "..")
    throw new RangeError(`not a name for a network namespace: ${JSON.stringify(name)}`);
  return name;
}
