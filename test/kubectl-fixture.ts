/** The real kubectl, in every version that this machine has. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface KubectlVersion {
  readonly path: string;
  /** "1.32" */
  readonly version: string;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl extends KubectlVersion {
  /** Runs it to its end. A refusal is an outcome, not an error. `input` goes to its standard input. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Outcome>;
  /** As run, and throws with what it said if it does not exit with 0. Returns what it printed. */
  readonly ok: (args: readonly string[], options?: RunOptions) => Promise<string>;
  /** Starts it and yields its lines as they come. Leaving the loop ends it. */
  readonly lines: (args: readonly string[]) => AsyncGenerator<string>;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Every kubectl here, one of each minor version, the oldest first. */
export function findKubectls(): KubectlVersion[] {
  const found = new Map<string, string>();
  const unpacked = join(import.meta.dirname, "../node_modules/.debian/usr/bin");
  const path = (process.env["PATH"] ?? "").split(":");
  for (const directory of [unpacked, "/usr/lib/google-cloud-sdk/bin", ...path]) {
    if (directory === "" || !existsSync(directory)) continue;
    for (const file of readdirSync(directory).filter((name) => /^kubectl(\.1\.\d+)?$/.test(name))) {
      const path = join(directory, file);
      const version = versionOf(path);
      if (version !== undefined && !found.has(version)) found.set(version, path);
    }
  }
  const minor = (version: string): number => Number(version.split(".")[1]);
  return [...found]
    .map(([version, path]) => ({ version, path }))
    .sort((a, b) => minor(a.version) - minor(b.version));
}

function versionOf(path: string): string | undefined {
  try {
    const text = execFileSync(path, ["version", "--client", "-o", "json"], {
      encoding: "utf8",
      stdio: "pipe",
    });
    const { gitVersion } = (JSON.parse(text) as { clientVersion: { gitVersion: string } }).clientVersion;
    return /^v(1\.\d+)/.exec(gitVersion)?.[1];
  } catch {
    // Not a kubectl that runs here.
    return undefined;
  }
}

/** Discovery is cached in `cache`, so that what an earlier test was told does not count. */
export function kubectlFor(version: KubectlVersion, kubeconfig: string, cache: string): Kubectl {
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: cache, KUBECACHEDIR: cache };
  const outcome: Kubectl["run"] = async (args, options = {}) => {
    const promise = run(version.path, [...args], { env: { ...env, ...options.env }, timeout: 30_000 });
    promise.child.stdin!.end(options.input ?? "");
    try {
      return { code: 0, ...(await promise) };
    } catch (error) {
      const { code, stdout, stderr } = error as Outcome;
      if (typeof code !== "number") throw error;
      return { code, stdout, stderr };
    }
  };
  return {
    ...version,
    run: outcome,
    ok: async (args, options) => {
      const { code, stdout, stderr } = await outcome(args, options);
      if (code !== 0)
        throw new Error(
          `kubectl ${version.version} ${args.join(" ")} exited with ${code}: ${stderr}${stdout}`,
        );
      return stdout;
    },
    async *lines(args) {
      const child = spawn(version.path, [...args], { env, stdio: ["ignore", "pipe", "inherit"] });
      try {
        let rest = "";
        for await (const piece of child.stdout) {
          rest += String(piece);
          const lines = rest.split("\n");
          rest = lines.pop()!;
          yield* lines;
        }
      } finally {
        child.kill();
      }
    },
  };
}
