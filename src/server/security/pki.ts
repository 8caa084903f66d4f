/**
 * The certificates of one data directory, in `<dataDir>/pki`: an authority made on the first start, and under it the
 * server's certificate and the administrator's. Each is made again at start when it is missing, about to expire,
 * does not name the addresses in use or was signed by another authority.
 */
import { X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { writePrivateFile } from "./atomic-file.ts";
import { createAuthority, issueCertificate, type IssueOptions, type KeyPair } from "./certificates.ts";

const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
/** Renewed at a start when less than this is left, milliseconds. */
const RENEW_BEFORE = 90 * 86_400_000;

/** A file in the pki directory cannot be used; the message says which and what to do. */
export class PkiError extends Error {
  override readonly name = "PkiError";
}

export interface Pki {
  readonly authority: KeyPair;
  readonly server: KeyPair;
  readonly admin: KeyPair;
}

export interface PkiOptions {
  readonly dataDir: string;
  /** DNS names and IP addresses of the server. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Reads the certificates, and makes what is missing or not good any more. */
export async function openPki({ dataDir, names, now }: PkiOptions): Promise<Pki> {
  const directory = join(dataDir, "pki");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority =
    (await read(directory, "ca")) ??
    (await save(directory, "ca", await createAuthority({ commonName: "fairlead-ca" }, AUTHORITY_DAYS, now)));
  if (new X509Certificate(authority.certificate).validToDate.getTime() < now)
    throw new PkiError(
      `the certificate authority in ${join(directory, "ca.crt")} has expired: remove ${directory} to have a new one made, and give clients the new kubeconfig`,
    );
  const leaf = async (file: string, options: IssueOptions): Promise<KeyPair> => {
    const existing = await read(directory, file);
    if (existing !== undefined && isGood(existing, authority, options)) return existing;
    return save(directory, file, await issueCertificate(authority, options));
  };
  const validity = { days: LEAF_DAYS, now };
  return {
    authority,
    server: await leaf("server", {
      subject: { commonName: "fairlead" },
      usage: "server",
      names,
      ...validity,
    }),
    admin: await leaf("admin", {
      subject: { commonName: "fairlead-admin", organizations: ["system:masters"] },
      usage: "client",
      ...validity,
    }),
  };
}

/** The most characters of a common name and of an organization (RFC 5280, appendix A.1). */
const MAX_NAME = 64;

export interface ClientCertificateOptions {
  readonly dataDir: string;
  /** The user's name. */
  readonly name: string;
  readonly groups: readonly string[];
  /** How long it is good. It never outlives the authority. */
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A certificate by which the API knows `name` as a member of `groups`, and the authority's own certificate (PEM). It is
 * kept nowhere. Throws PkiError if there is no authority yet, or a name that no certificate can hold.
 */
export async function issueClientCertificate(
  options: ClientCertificateOptions,
): Promise<{ readonly authority: string; readonly user: KeyPair }> {
  const { dataDir, name, groups, days, now } = options;
  for (const text of [name, ...groups])
    if (text === "" || text.length > MAX_NAME)
      throw new PkiError(
        `${JSON.stringify(text)} cannot be the name of a user or group: it must have 1 to ${MAX_NAME} characters`,
      );
  const directory = join(dataDir, "pki");
  const authority = await read(directory, "ca");
  if (authority === undefined)
    throw new PkiError(`there is no certificate authority in ${directory} yet: \`fairlead up\` makes it`);
  const subject = { commonName: name, organizations: groups };
  const user = await issueCertificate(authority, { subject, usage: "client", days, now });
  return { authority: authority.certificate, user };
}

function isGood(pair: KeyPair, authority: KeyPair, { names = [], now }: IssueOptions): boolean {
  const certificate = new X509Certificate(pair.certificate);
  const issuer = new X509Certificate(authority.certificate);
  return (
    certificate.validToDate.getTime() - now > RENEW_BEFORE &&
    certificate.validFromDate.getTime() <= now &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey) &&
    names.every(
      (name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined,
    )
  );
}

/** Undefined if there is no such pair. Throws PkiError if half of it is there or it is damaged. */
async function read(directory: string, file: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all([
    readIfThere(join(directory, `${file}.crt`)),
    readIfThere(join(directory, `${file}.key`)),
  ]);
  if (key === undefined && certificate === undefined) return undefined;
  const path = join(directory, `${file}.crt`);
  // The key is written first: a key alone is what a start that was cut short leaves, and nobody has used it yet.
  if (certificate === undefined) return undefined;
  if (key === undefined)
    throw new PkiError(
      `${path} is there but its key ${file}.key is not: put it back, or remove ${path} to have both made again`,
    );
  try {
    return { certificate: new X509Certificate(certificate).toString(), key };
  } catch (error) {
    throw new PkiError(
      `${path} is not a certificate (${(error as Error).message}): remove it and ${file}.key to have both made again`,
      { cause: error },
    );
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new PkiError(
      `cannot read ${path} (${(error as Error).message}): check who owns it and its rights`,
      {
        cause: error,
      },
    );
  }
}

async function save(directory: string, file: string, pair: KeyPair): Promise<KeyPair> {
  await writePrivateFile(join(directory, `${file}.key`), pair.key);
  await writePrivateFile(join(directory, `${file}.crt`), pair.certificate);
  return pair;
}
