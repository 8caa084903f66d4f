/**
 * Where the API server is and who we are to it, from kubeconfig files or from the service account of the pod we run in.
 *
 * Several files are put together as kubectl does it (client-go loading rules): of each named entry, and of
 * current-context, the first file that has it counts; paths in a file are relative to that file.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { parseIp } from "../base/ip.ts";
import type { HttpClientConfig } from "./http/config.ts";

export interface KubeconfigOptions {
  /** Only this file; it must exist. */
  readonly path?: string;
  /** @default current-context */
  readonly context?: string;
  /** KUBECONFIG, HOME, KUBERNETES_SERVICE_HOST and _PORT. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where a pod's service account is. @default "/var/run/secrets/kubernetes.io/serviceaccount" */
  readonly serviceAccount?: string;
}

export interface Kubeconfig extends HttpClientConfig {
  /** The namespace that the context names. @default "default" */
  readonly namespace: string;
  /** For people: "context kind-dev of /root/.kube/config", "the pod's service account". */
  readonly source: string;
}

/** The configuration cannot be used: names the file, the entry and what to do. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

interface File {
  readonly path: string;
  readonly content: Record<string, unknown>;
}

/** An entry of one of the lists of a kubeconfig, and the file that it is from. */
interface Entry {
  readonly file: string;
  readonly what: string;
  readonly fields: Record<string, unknown>;
}

/**
 * `path`, or the files of KUBECONFIG, or ~/.kube/config, or, if there is none, the service account of this pod.
 * Throws KubeconfigError.
 */
export async function loadKubeconfig(options: KubeconfigOptions = {}): Promise<Kubeconfig> {
  const { env = process.env } = options;
  const files = await readFiles(options, env);
  if (files.length > 0) return fromFiles(files, options.context);
  const inCluster = await serviceAccount(env, options.serviceAccount);
  if (inCluster !== undefined) return inCluster;
  throw nowhere(env);
}

function nowhere(env: NonNullable<KubeconfigOptions["env"]>): KubeconfigError {
  const paths = candidates(env);
  const where = paths.join(", ");
  if (namedFiles(env).length === 0)
    return new KubeconfigError(
      `no kubeconfig was found: there is no ${where}`,
      "name one with --kubeconfig or in KUBECONFIG",
    );
  return new KubeconfigError(
    paths.length === 1
      ? `there is no kubeconfig at ${where}, which KUBECONFIG names`
      : `none of the kubeconfigs that KUBECONFIG names is there: ${where}`,
    "correct it, or name one with --kubeconfig",
  );
}

function namedFiles(env: NonNullable<KubeconfigOptions["env"]>): string[] {
  return (env["KUBECONFIG"] ?? "").split(delimiter).filter((name) => name !== "");
}

/** Where kubectl looks. */
function candidates(env: NonNullable<KubeconfigOptions["env"]>): string[] {
  const named = namedFiles(env);
  return named.length > 0 ? named : [join(env["HOME"] ?? homedir(), ".kube", "config")];
}

async function readFiles(
  { path }: KubeconfigOptions,
  env: NonNullable<KubeconfigOptions["env"]>,
): Promise<File[]> {
  if (path !== undefined) return [await readOne(path)];
  const files: File[] = [];
  for (const candidate of candidates(env))
    try {
      files.push(await readOne(candidate));
    } catch (error) {
      // As kubectl: of several files those that are not there do not matter.
      if (!(error instanceof KubeconfigError && isMissing(error.cause))) throw error;
    }
  return files;
}

async function readOne(path: string): Promise<File> {
  const remedy = "give a kubeconfig file, as kubectl config view --flatten --raw writes it";
  let content: unknown;
  try {
    content = parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new KubeconfigError(`${path} cannot be read: ${(cause as Error).message}`, remedy, { cause });
  }
  // An empty file is an empty configuration.
  if (content === null) return { path, content: {} };
  if (typeof content !== "object" || Array.isArray(content))
    throw new KubeconfigError(`${path} is no kubeconfig`, remedy);
  return { path, content: content as Record<string, unknown> };
}

async function fromFiles(files: readonly File[], wanted: string | undefined): Promise<Kubeconfig> {
  const name = wanted ?? files.map(({ content }) => text(content["current-context"])).find(Boolean);
  const where = files.map(({ path }) => path).join(", ");
  if (name === undefined)
    throw new KubeconfigError(
      `${where} names no current-context`,
      "choose one: kubectl config use-context NAME",
    );
  const context = entry(files, "contexts", "context", name);
  const cluster = entry(files, "clusters", "cluster", required(context, "cluster"));
  const user = text(context.fields["user"]);
  return {
    ...(await clusterConfig(cluster)),
    ...(user !== undefined && (await userConfig(entry(files, "users", "user", user)))),
    namespace: text(context.fields["namespace"]) ?? "default",
    source: `context ${name} of ${context.file}`,
  };
}

function entry(files: readonly File[], list: string, field: string, name: string): Entry {
  for (const { path, content } of files) {
    const entries = content[list];
    if (!Array.isArray(entries)) continue;
    const found = (entries as Record<string, unknown>[]).find((candidate) => candidate["name"] === name);
    if (found === undefined) continue;
    const fields = (found[field] ?? {}) as Record<string, unknown>;
    return { file: path, what: `${field} ${JSON.stringify(name)} of ${path}`, fields };
  }
  const where = files.map(({ path }) => path).join(", ");
  throw new KubeconfigError(
    `there is no ${field} ${JSON.stringify(name)} in ${where}`,
    `choose one that is there: kubectl config get-${list}`,
  );
}

async function clusterConfig(cluster: Entry): Promise<HttpClientConfig> {
  refuse(cluster, "proxy-url", "reach the API server without a proxy");
  const ca = await inlineOrFile(cluster, "certificate-authority");
  const tlsServerName = text(cluster.fields["tls-server-name"]);
  const server = required(cluster, "server");
  if (!/^https?:\/\/./.test(server) || !URL.canParse(server))
    throw new KubeconfigError(
      `the server of ${cluster.what} is ${JSON.stringify(server)}, which is no http or https URL`,
      'write it as "https://127.0.0.1:6443"',
    );
  return {
    server,
    ...(ca !== undefined && { ca }),
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(cluster.fields["insecure-skip-tls-verify"] === true && { insecureSkipTlsVerify: true }),
  };
}

async function userConfig(user: Entry): Promise<Omit<HttpClientConfig, "server">> {
  for (const plugin of ["exec", "auth-provider"])
    refuse(
      user,
      plugin,
      "use a client certificate, a token or a tokenFile (kubectl create token NAME makes one)",
    );
  const { fields } = user;
  const [clientCertificate, clientKey] = [
    await inlineOrFile(user, "client-certificate"),
    await inlineOrFile(user, "client-key"),
  ];
  if ((clientCertificate === undefined) !== (clientKey === undefined))
    throw new KubeconfigError(
      `${user.what} has only one of client-certificate and client-key`,
      "give both, or neither",
    );
  const [token, tokenFile, username, password, as] = [
    text(fields["token"]),
    text(fields["tokenFile"]),
    text(fields["username"]),
    text(fields["password"]),
    text(fields["as"]),
  ];
  const groups = fields["as-groups"];
  return {
    ...(clientCertificate !== undefined && { clientCertificate }),
    ...(clientKey !== undefined && { clientKey }),
    ...(token !== undefined && { token }),
    ...(tokenFile !== undefined && { tokenFile: resolve(dirname(user.file), tokenFile) }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(as !== undefined && {
      impersonate: { user: as, ...(Array.isArray(groups) && { groups: groups.map(String) }) },
    }),
  };
}

/** The PEM text of `name`-data (base64) or, if that is not there, of the file `name`. */
async function inlineOrFile({ file, what, fields }: Entry, name: string): Promise<string | undefined> {
  const inline = text(fields[`${name}-data`]);
  if (inline !== undefined) {
    const pem = Buffer.from(inline, "base64").toString("utf8");
    if (pem.includes("-----BEGIN ")) return pem;
    throw new KubeconfigError(
      `${name}-data of ${what} is no PEM in base64`,
      "write the file's bytes in base64",
    );
  }
  const path = text(fields[name]);
  if (path === undefined) return undefined;
  try {
    return await readFile(resolve(dirname(file), path), "utf8");
  } catch (cause) {
    throw new KubeconfigError(
      `${name} of ${what} cannot be read: ${(cause as Error).message}`,
      "check the path and your rights",
      { cause },
    );
  }
}

/** Names a feature that would be needed and is not there, instead of failing later with a 401 or a time-out. */
function refuse({ what, fields }: Entry, field: string, remedy: string): void {
  if (fields[field] !== undefined && fields[field] !== null)
    throw new KubeconfigError(`${what} uses ${field}, which is not supported`, remedy);
}

function required({ what, fields }: Entry, field: string): string {
  const value = text(fields[field]);
  if (value === undefined) throw new KubeconfigError(`${what} has no ${field}`, `add ${field} to it`);
  return value;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What every pod is given (API access from a pod); undefined if this is none. */
async function serviceAccount(
  env: NonNullable<KubeconfigOptions["env"]>,
  directory = "/var/run/secrets/kubernetes.io/serviceaccount",
): Promise<Kubeconfig | undefined> {
  const [host, port] = [env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]];
  if (host === undefined || host === "" || port === undefined || port === "") return undefined;
  const tokenFile = join(directory, "token");
  try {
    await readFile(tokenFile);
    return {
      server: `https://${parseIp(host)?.family === 6 ? `[${host}]` : host}:${port}`,
      ca: await readFile(join(directory, "ca.crt"), "utf8"),
      tokenFile,
      namespace: (await readFile(join(directory, "namespace"), "utf8")).trim(),
      source: "the pod's service account",
    };
  } catch (cause) {
    throw new KubeconfigError(
      `this seems to be a pod, but its service account cannot be read: ${(cause as Error).message}`,
      "set automountServiceAccountToken: true, or name a kubeconfig",
      { cause },
    );
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
