/** Which server netctl speaks to, and who it is there. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HttpClientConfig } from "../../client/http/config.ts";
import { EXIT, NetctlError } from "./failure.ts";
import { parseGoBool } from "./go-flags.ts";
import { readLogin } from "./saved-login.ts";

/** The flags of the program itself. */
export interface ServerFlags {
  readonly netmaster?: string;
  readonly insecure?: true;
  readonly kubeconfig?: string;
  readonly certificateAuthority?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * --netmaster, else $NETMASTER, else the server of the kubeconfig (--kubeconfig, $KUBECONFIG, or what `fairlead up` wrote),
 * else the one of `netctl login`.
 *
 * A token that `login` saved goes to the server it was saved for and to no other, and so do the kubeconfig's credentials.
 * Throws NetctlError.
 */
export async function findServer(
  flags: ServerFlags,
  env: Environment = process.env,
): Promise<HttpClientConfig> {
  const url = flags.netmaster ?? (env["NETMASTER"] || undefined);
  const insecure = flags.insecure === true || parseGoBool(env["INSECURE"] ?? "") === true;
  const file = kubeconfigFile(flags, env, await defaultKubeconfig());
  const login = await readLogin(env);
  const overrides = {
    ...(flags.certificateAuthority !== undefined && { ca: await readAuthority(flags.certificateAuthority) }),
    ...(insecure && { insecureSkipTlsVerify: true }),
    userAgent: "netctl",
  };
  if (url === undefined) {
    if (file !== undefined) {
      const config = await fromKubeconfig(file, env);
      return { ...config, ...(sameServer(login?.netmaster, config.server) && login), ...overrides };
    }
    if (login !== undefined) return { ...login, server: login.netmaster, ...overrides };
    throw new NetctlError(
      EXIT.request,
      "there is no server to ask: start `fairlead up` on this machine, or give --netmaster URL (or $NETMASTER, or --kubeconfig FILE)",
    );
  }
  const server = requireUrl(url);
  if (server.startsWith("http:")) return { server, ...overrides };
  // Read only here: a netmaster without TLS has nothing to do with it.
  const config = file === undefined ? undefined : await fromKubeconfig(file, env);
  return {
    ...(sameServer(config?.server, server) && config),
    ...(sameServer(login?.netmaster, server) && login),
    ...overrides,
    server,
  };
}

/** Throws NetctlError: a name alone does not say whether what goes there is encrypted. */
function requireUrl(text: string): string {
  if (/^https?:\/\/./.test(text) && URL.canParse(text)) return text;
  throw new NetctlError(
    EXIT.usage,
    `the netmaster ${JSON.stringify(text)} is no http or https URL: write it as "https://127.0.0.1:6443"`,
  );
}

function sameServer(one: string | undefined, other: string): boolean {
  return one !== undefined && new URL(one).origin === new URL(other).origin;
}

async function defaultKubeconfig(): Promise<string> {
  const { defaultDataDir } = await import("../up/options.ts");
  return join(defaultDataDir(), "kubeconfig");
}

/** Throws NetctlError if the one that is asked for is not there. */
function kubeconfigFile(flags: ServerFlags, env: Environment, fallback: string): string | undefined {
  if (flags.kubeconfig !== undefined) {
    if (existsSync(flags.kubeconfig)) return flags.kubeconfig;
    throw new NetctlError(EXIT.io, `there is no kubeconfig at ${flags.kubeconfig}`);
  }
  if (env["KUBECONFIG"]) return env["KUBECONFIG"];
  return existsSync(fallback) ? fallback : undefined;
}

async function fromKubeconfig(file: string, env: Environment): Promise<HttpClientConfig> {
  const { KubeconfigError, loadKubeconfig } = await import("../../client/kubeconfig.ts");
  try {
    // Several files, as KUBECONFIG may name them, are put together as kubectl does it.
    return await loadKubeconfig(existsSync(file) ? { path: file } : { env: { ...env, KUBECONFIG: file } });
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    throw new NetctlError(EXIT.io, `${error.message}: ${error.remedy}`, { cause: error });
  }
}

async function readAuthority(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new NetctlError(EXIT.io, `the certificate authority cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
