/** Which server netctl speaks to, and who it is there. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HttpClientConfig } from "../../client/http/config.ts";
import { EXIT, NetctlError } from "./failure.ts";
import { parseGoBool } from "./go-flags.ts";
import { type Login, readLogin } from "./saved-login.ts";

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
export async function findServer(flags: ServerFlags, env: Environment): Promise<HttpClientConfig> {
  const overrides = {
    ...(flags.certificateAuthority !== undefined && { ca: await readAuthority(flags.certificateAuthority) }),
    ...((flags.insecure === true || parseGoBool(env["INSECURE"] ?? "") === true) && {
      insecureSkipTlsVerify: true,
    }),
    userAgent: "netctl",
  };
  const url = flags.netmaster ?? (env["NETMASTER"] || undefined);
  const server = url === undefined ? undefined : requireUrl(url);
  // Without TLS nobody is told who we are: what is kept of that is not even read.
  if (server?.startsWith("http:")) return { server, ...overrides };
  const [file, login] = await Promise.all([kubeconfigFile(flags, env), readLogin(env)]);
  const config = file === undefined ? undefined : await fromKubeconfig(file, env);
  const chosen = server ?? config?.server ?? login?.netmaster;
  if (chosen === undefined)
    throw new NetctlError(
      EXIT.request,
      "there is no server to ask: start `fairlead up` on this machine, or give --netmaster URL (or $NETMASTER, or --kubeconfig FILE)",
    );
  const known = sameServer(config?.server, chosen) ? config : undefined;
  const loggedIn = sameServer(login?.netmaster, chosen) ? login : undefined;
  return {
    ...(loggedIn === undefined ? known : withToken(loggedIn, known)),
    ...overrides,
    server: chosen,
  };
}

/** Who has logged in is who the token says, not who the kubeconfig's certificate says; whom to trust is said by both. */
function withToken({ token, ca }: Login, known: HttpClientConfig | undefined): Partial<HttpClientConfig> {
  const authority = ca ?? known?.ca;
  return {
    token,
    ...(authority !== undefined && { ca: authority }),
    ...(known?.tlsServerName !== undefined && { tlsServerName: known.tlsServerName }),
    ...(known?.insecureSkipTlsVerify !== undefined && { insecureSkipTlsVerify: known.insecureSkipTlsVerify }),
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

/** Undefined if there is none; throws NetctlError if the one that is asked for is not there. */
async function kubeconfigFile(flags: ServerFlags, env: Environment): Promise<string | undefined> {
  if (flags.kubeconfig !== undefined) {
    if (existsSync(flags.kubeconfig)) return flags.kubeconfig;
    throw new NetctlError(EXIT.io, `there is no kubeconfig at ${flags.kubeconfig}`);
  }
  if (env["KUBECONFIG"]) return env["KUBECONFIG"];
  const { defaultDataDir } = await import("../up/options.ts");
  const written = join(defaultDataDir(), "kubeconfig");
  return existsSync(written) ? written : undefined;
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
