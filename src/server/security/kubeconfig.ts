/** The kubeconfig that lets kubectl in, and the rule that nobody's own kubeconfig is ever overwritten. */
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parse, stringify } from "yaml";
import { writePrivateFile } from "./atomic-file.ts";
import type { KeyPair } from "./certificates.ts";

const NAME = "fairlead";

/** There is a file at the path that is not ours to replace; the message says what to do. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** A v1 Config with one cluster, one user and one context, each named "fairlead"; everything embedded. */
export function formatKubeconfig(server: string, authority: string, user: KeyPair): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: NAME, cluster: { server, "certificate-authority-data": base64(authority) } }],
    users: [
      {
        name: NAME,
        user: {
          "client-certificate-data": base64(user.certificate),
          "client-key-data": base64(user.key),
        },
      },
    ],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace: "default" } }],
    "current-context": NAME,
  });
}

/**
 * Writes the kubeconfig to `path`, mode 0600, whole or not at all. A file that is there is replaced only if it holds
 * nothing but our own context. Throws KubeconfigError otherwise.
 */
export async function writeKubeconfig(path: string, text: string): Promise<void> {
  let existing: string | undefined;
  try {
    existing = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (existing !== undefined && existing.trim() !== "" && !isOurs(existing))
    throw new KubeconfigError(
      `${path} is not a kubeconfig that fairlead wrote, so it is left alone: give another file with --kubeconfig, and use both with KUBECONFIG=${path}:FILE`,
    );
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivateFile(path, text);
}

function isOurs(text: string): boolean {
  let config: unknown;
  try {
    config = parse(text);
  } catch {
    // Not even YAML: somebody else's.
    return false;
  }
  if (typeof config !== "object" || config === null) return false;
  return ["clusters", "users", "contexts"].every((list) => {
    const entries = (config as Record<string, unknown>)[list];
    return (
      Array.isArray(entries) &&
      entries.length === 1 &&
      (entries[0] as { name?: unknown } | null)?.name === NAME
    );
  });
}
