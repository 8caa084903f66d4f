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
  /** Told whom a certificate or a token has shown. Throws ApiError 429 if they have too many connections. */
  becomeKnown(user: User): void;
}

/**
 * The user of a request, or undefined if it shows no credentials: then it is {@link ANONYMOUS} who asks. Throws ApiError
 * 401 if it shows a token that is not good: such a request is nobody's, not even an anonymous one's.
 */
export type Authenticate = (request: Credentials) => Promise<User | undefined>;

/** Whose a token is, and which of the audiences that were asked about it is for. */
export interface AuthenticatedToken {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** A token is not good; the message says why, and holds nothing of the token. */
export class TokenRefusal extends Error {
  override readonly name = "TokenRefusal";
}

/** One way to know tokens. */
export interface TokenAuthenticator {
  /**
   * Resolves to undefined for a token that is none of its own, or for none of `audiences`. Throws TokenRefusal for one of
   * its own that is not good (any more).
   */
  authenticateToken(token: string, audiences: readonly string[]): Promise<AuthenticatedToken | undefined>;
}

/** Asks each in turn. The group of everyone who is known is added to the user's. */
export function unionOf(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences) {
      for (const authenticator of authenticators) {
        const found = await authenticator.authenticateToken(token, audiences);
        if (found !== undefined) return { ...found, user: withAuthenticatedGroup(found.user) };
      }
      return undefined;
    },
  };
}

/**
 * `audiences` are those of this server. A certificate of ours comes first; a token is then not even looked at, as upstream
 * has it.
 */
export function createAuthenticate(tokens: TokenAuthenticator, audiences: readonly string[]): Authenticate {
  return async (request) => {
    if (request.user !== undefined) {
      request.becomeKnown(request.user);
      return request.user;
    }
    const token = bearerToken(request.header("authorization"));
    if (token === undefined) return undefined;
    try {
      const found = await tokens.authenticateToken(token, audiences);
      if (found !== undefined) {
        request.becomeKnown(found.user);
        return found.user;
      }
    } catch (error) {
      // The client is told no more than that: why is for who may review tokens.
      if (!(error instanceof TokenRefusal)) throw error;
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
