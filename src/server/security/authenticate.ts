/** Who is asking: read from the client's certificate, which TLS has already checked against our authority. */
import type { TLSSocket } from "node:tls";
import type { CallContext } from "../registry.ts";

export type User = CallContext["user"];

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
  const user: User = { name, groups: [...groups, "system:authenticated"] };
  users.set(socket, user);
  return user;
}
