/** kubectl against a server under test, in the namespace where that listens. */
import { execFile } from "node:child_process";
import { callInNetns } from "../../src/sys/netns.ts";

/** What it printed, trimmed. Rejects with what it said on stderr. */
export function kubectl(
  kubeconfig: string,
  args: readonly string[],
  { netns, input }: { readonly netns?: string; readonly input?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = callInNetns(netns, () =>
      execFile("kubectl", ["--kubeconfig", kubeconfig, ...args], (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim());
        else reject(new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`));
      }),
    );
    child.stdin?.end(input ?? "");
  });
}
