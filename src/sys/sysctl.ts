/** Kernel settings of a network namespace: /proc/sys/net shows those of the thread that opens it. */
import { readFileSync, writeFileSync } from "node:fs";
import { callInNetns } from "./netns.ts";

/** "net/ipv4/conf/eth0.100/forwarding": with slashes, because interface names may have dots. */
function sysctlPath(name: string): string {
  if (!/^net\/[\w./-]+$/.test(name) || name.includes(".."))
    throw new RangeError(
      `not the name of a network setting: ${JSON.stringify(name)} (write net/ipv4/ip_forward)`,
    );
  return `/proc/sys/${name}`;
}

/** The setting's text without the newline. Throws node's ENOENT error if the kernel has no such setting. */
export function readSysctl(name: string, netns?: string): string {
  const path = sysctlPath(name);
  return callInNetns(netns, () => readFileSync(path, "utf8")).trimEnd();
}

/** Writes only if the setting has another value, so that a read-only /proc/sys that is right already is no error. */
export function writeSysctl(name: string, value: string | number, netns?: string): void {
  const path = sysctlPath(name);
  callInNetns(netns, () => {
    if (readFileSync(path, "utf8").trimEnd() !== String(value)) writeFileSync(path, String(value));
  });
}
