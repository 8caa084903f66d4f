/**
 * Who is asking: the client's certificate, which TLS has already checked against our authority, or else a bearer token
 * (apiserver pkg/authentication: request/union, request/bearertoken, group).
 */
import type { TLSSocket } from "node:tls";
import { unauthorized } from "../../api/status-errors.ts";
import type { UserInfo } from "../registry.ts";

export type User = UserInfo;

export const ALL_AUTHENTICATED = "system:authenticated";

/** Who asks without any credentials. */
export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** What of a request says who asks. */
export interface Credentials {
  /** The user of the client's certificate. */
  readonly user: User | undefined;
  /** Names in lower case. */
  header(name: string): string | undefined;
}

/**
 * The user of a request, or undefined if it shows no credentials: then it is {@link ANONYMOUS} who asks. Throws ApiError
 * 401 if it shows a token that is not good: such a request is nobody's, not even an anonymous one's.
 */
export type Authenticate = (request: Credentials) => Promise<User | undefined>;

/** One way to know tokens. Resolves to undefined for a token that it does not know or that is not good (any more). */
export interface TokenAuthenticator {
  authenticateToken(token: string): Promise<User | undefined>;
}

/** A certificate of ours comes first; a token is then not even looked at, as upstream has it. */
export function createAuthenticate(authenticators: readonly TokenAuthenticator[]): Authenticate {
  return async (request) => {
    if (request.user !== undefined) return request.user;
    const token = bearerToken(request.header("authorization"));
    if (token === undefined) return undefined;
    for (const authenticator of authenticators) {
      const user = await authenticator.authenticateToken(token);
      if (user !== undefined) return withAuthenticatedGroup(user);
    }
    throw unauthorized();
  };
}

/**
 * The token of an Authorization header (RFC 6750, 2.1), or undefined if the header is of another scheme, which
 * kube-apiserver passes over.
 */
export function bearerToken(header: string | undefined): string | undefined {
  const [scheme, token] = (header ?? "").trim().split(" ");
  if (scheme?.toLowerCase() !== "bearer") return undefined;
  return token === undefined || token === "" ? undefined : token;
}

/** Everyone who is known is in the group of all who are. */
function withAuthenticatedGroup(user: User): User {
  if (user.groups.includes(ALL_AUTHENTICATED)) return user;
  return { ...user, groups: [...user.groups, ALL_AUTHENTICATED] };
}

/** Paths that anyone may read: what a load balancer or `kubectl version` asks before it has credentials. */
export function isPublicPath(path: string): boolean {
  return path === "/version" || /^\/(healthz|livez|readyz)(\/|$)/.test(path);
}

/** Users already read, by connection: a connection's certificate does not change. */
const users = new WeakMap<TLSSocket, User>();

/**
 * The user of a connection: the certificate's common name, and its organizations as groups (Kubernetes' X.509
 * authentication). Undefined if there is no certificate or our authority did not sign it.
 */
export function userOfConnection(socket: TLSSocket): User | undefined {
  const known = users.get(socket);
  if (known !== undefined) return known;
  if (!socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as Record<string, string | string[]> | undefined;
  const name = subject?.["CN"];
  if (typeof name !== "string" || name === "") return undefined;
  const organizations = subject?.["O"] ?? [];
  const groups = typeof organizations === "string" ? [organizations] : organizations;
  const user: User = { name, groups: [...groups, ALL_AUTHENTICATED] };
  users.set(socket, user);
  return user;
}
