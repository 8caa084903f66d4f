/**
 * What a container sees instead of the machine's: its own /etc/resolv.conf, /etc/hosts and host name, where processes may
 * have mount and UTS namespaces of their own (root).
 *
 * The files of the machine stay shared; only these two have others mounted over them. Mounts that the machine makes or takes
 * away later are seen in there too ("slave"): with a private copy a pod would keep the namespaces of other pods, which are
 * mounts in /run/netns, alive for as long as it runs.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { canUseNetns } from "../../sys/capability.ts";

export interface ContainerView {
  /** Files that are mounted over the machine's; undefined: the machine's own. */
  readonly resolvConf: string | undefined;
  readonly hosts: string | undefined;
  /** Undefined: the machine's own. */
  readonly hostname: string | undefined;
}

/** Absolute, because the container's own PATH may be anything. */
export interface ViewTools {
  readonly unshare: string;
  readonly nsenter: string;
  readonly mount: string;
}

/** The programs of util-linux that make a view, or undefined if one is missing or namespaces cannot be made. */
export function findViewTools(path: string = process.env["PATH"] ?? ""): ViewTools | undefined {
  const find = (name: string): string | undefined =>
    [...path.split(delimiter), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
      .map((directory) => join(directory, name))
      .find((file) => existsSync(file));
  const [unshare, nsenter, mount] = ["unshare", "nsenter", "mount"].map(find);
  if (!canUseNetns() || unshare === undefined || nsenter === undefined || mount === undefined)
    return undefined;
  return { unshare, nsenter, mount };
}

/** $0 is mount; the three arguments before the command may be empty. The command takes this shell's place. */
const SET_UP = `
if [ -n "$1" ]; then "$0" --bind "$1" /etc/resolv.conf || exit 126; fi
if [ -n "$2" ]; then "$0" --bind "$2" /etc/hosts || exit 126; fi
if [ -n "$3" ]; then printf %s "$3" >/proc/sys/kernel/hostname || exit 126; fi
shift 3
exec "$@"`;

/** The command line that runs `argv` with that view, as the process that is started (it keeps its id). */
export function commandWithView(tools: ViewTools, view: ContainerView, argv: readonly string[]): string[] {
  const { resolvConf = "", hosts = "", hostname = "" } = view;
  const namespaces = hostname === "" ? ["--mount"] : ["--mount", "--uts"];
  const shell = ["/bin/sh", "-c", SET_UP, tools.mount, resolvConf, hosts, hostname];
  return [tools.unshare, ...namespaces, "--propagation", "slave", "--", ...shell, ...argv];
}

/** What runs a further command with the view of a running process: for probes and hooks. */
export function viewOf(tools: ViewTools, pid: number): string[] {
  return [tools.nsenter, "--target", String(pid), "--mount", "--uts", "--"];
}
