/** Who the client says it is, in the headers of each request. Certificates are the connection's business. */
import { readFile } from "node:fs/promises";

export interface Credentials {
  /** A bearer token. */
  readonly token?: string;
  /** A file that holds the bearer token, and may get a new one at any time: service accounts' tokens do. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  /** Act as another user, for whom this one has the right to impersonate. */
  readonly impersonate?: { readonly user: string; readonly groups?: readonly string[] };
}

export interface CredentialHeaders {
  headers(): Promise<Record<string, string | string[]>>;
  /** The server did not take the credentials. True if there may be new ones to try. */
  refused(): boolean;
}

/** How old a token may get before its file is read again, in milliseconds (client-go: one minute). */
const TOKEN_AGE = 60_000;

export function createCredentialHeaders(
  credentials: Credentials,
  now: () => number = () => performance.now(),
): CredentialHeaders {
  let read: { readonly token: string; readonly at: number } | undefined;

  async function authorization(): Promise<string | undefined> {
    const { token, tokenFile, username, password } = credentials;
    if (tokenFile !== undefined) {
      if (read === undefined || now() - read.at >= TOKEN_AGE)
        read = { token: (await readFile(tokenFile, "utf8")).trim(), at: now() };
      return `Bearer ${read.token}`;
    }
    if (token !== undefined) return `Bearer ${token}`;
    if (username === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
  }

  return {
    async headers() {
      const value = await authorization();
      const { impersonate } = credentials;
      return {
        ...(value !== undefined && { authorization: value }),
        ...(impersonate !== undefined && { "impersonate-user": impersonate.user }),
        ...(impersonate?.groups !== undefined && { "impersonate-group": [...impersonate.groups] }),
      };
    },
    refused() {
      const fresh = read === undefined || now() - read.at === 0;
      read = undefined;
      return credentials.tokenFile !== undefined && !fresh;
    },
  };
}
