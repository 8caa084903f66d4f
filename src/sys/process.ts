/**
 * Processes that are watched without being our children: a process is known by its id and the time it started,
 * because ids are used again.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { close, openPid } from "./libc.ts";
import { pollReadable } from "./poll.ts";

/**
 * When the process started, in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it names a process
 * for as long as the machine runs. undefined if there is none, or only a zombie.
 */
export function processStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  // The second field is the command's name in parentheses, which may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** The id of this boot of the machine: start times of other boots mean nothing. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trimEnd();
}

/**
 * Calls `onExit` once when the process `pid` has ended, child or not (Linux 5.3 on). Throws SystemError ESRCH if there
 * is none now. The watcher does not keep this program running.
 */
export function watchProcess(pid: number, onExit: () => void): Disposable {
  const fd = openPid(pid);
  const poll = pollReadable(fd, () => finish(true), { ref: false });
  let open = true;
  function finish(exited: boolean): void {
    if (!open) return;
    open = false;
    poll[Symbol.dispose]();
    close(fd);
    if (exited) onExit();
  }
  return { [Symbol.dispose]: () => finish(false) };
}

/** The ids of all processes for which `matches` holds; it may read /proc/PID, which can vanish under it. */
function processesWhere(matches: (pid: number) => boolean): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return matches(pid);
      } catch (error) {
        // Ended meanwhile, or somebody else's (EACCES): not ours to find.
        if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
          return false;
        throw error;
      }
    });
}

/** Processes whose environment says `name=value` (as it was when they started their program). */
export function processesWithEnvironment(name: string, value: string): number[] {
  const entry = `\0${name}=${value}\0`;
  return processesWhere((pid) => `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(entry));
}

/** Processes in the network namespace with this id (see netnsId). */
export function processesInNetns(id: string): number[] {
  return processesWhere((pid) => readlinkSync(`/proc/${pid}/ns/net`) === id);
}

/** Signals a process, or with a negative `pid` its group. False if there was nobody to hear it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
