/**
 * What a ServiceAccount's token says (pkg/serviceaccount claims.go, legacy.go), in and out of JSON. A token of the old
 * form, kept in a Secret, has its own names for the same and never expires.
 */
import type { JWTPayload } from "jose";
import { serviceAccountUsername } from "./service-account-name.ts";

/** An object by name and uid: what is there again under the same name is another one. */
export interface ObjectId {
  readonly name: string;
  readonly uid: string;
}

export interface ServiceAccountClaims {
  readonly namespace: string;
  readonly account: ObjectId;
  readonly pod?: ObjectId;
  readonly node?: ObjectId;
  /** Of a token of the old form the uid is "". */
  readonly secret?: ObjectId;
}

/** Who signs tokens of the old form. */
export const LEGACY_ISSUER = "kubernetes/serviceaccount";

const LEGACY = {
  namespace: "kubernetes.io/serviceaccount/namespace",
  secret: "kubernetes.io/serviceaccount/secret.name",
  name: "kubernetes.io/serviceaccount/service-account.name",
  uid: "kubernetes.io/serviceaccount/service-account.uid",
} as const;

/** The private claims of a token; with `sub`, which says the same once more. */
export function writeClaims({ namespace, account, pod, node, secret }: ServiceAccountClaims): JWTPayload {
  return {
    sub: serviceAccountUsername(namespace, account.name),
    "kubernetes.io": {
      namespace,
      ...(node !== undefined && { node }),
      ...(pod !== undefined && { pod }),
      ...(secret !== undefined && { secret }),
      serviceaccount: account,
    },
  };
}

export function writeLegacyClaims(namespace: string, account: ObjectId, secretName: string): JWTPayload {
  return {
    iss: LEGACY_ISSUER,
    sub: serviceAccountUsername(namespace, account.name),
    [LEGACY.namespace]: namespace,
    [LEGACY.secret]: secretName,
    [LEGACY.name]: account.name,
    [LEGACY.uid]: account.uid,
  };
}

/** Undefined if they are not whole, or contradict `sub`. */
export function readClaims(payload: JWTPayload): ServiceAccountClaims | undefined {
  const claims = payload.iss === LEGACY_ISSUER ? legacyClaims(payload) : boundClaims(payload);
  if (claims === undefined) return undefined;
  return payload.sub === serviceAccountUsername(claims.namespace, claims.account.name) ? claims : undefined;
}

function boundClaims(payload: JWTPayload): ServiceAccountClaims | undefined {
  const own = payload["kubernetes.io"] as Readonly<Record<string, unknown>> | undefined;
  if (typeof own !== "object" || own === null) return undefined;
  const { namespace } = own;
  const account = objectId(own["serviceaccount"]);
  if (typeof namespace !== "string" || account === undefined) return undefined;
  const bound: Record<string, ObjectId> = {};
  for (const part of ["pod", "node", "secret"]) {
    if (own[part] === undefined) continue;
    const id = objectId(own[part]);
    // A bound that cannot be checked must not be taken for none.
    if (id === undefined) return undefined;
    bound[part] = id;
  }
  return { namespace, account, ...bound };
}

function legacyClaims(payload: JWTPayload): ServiceAccountClaims | undefined {
  const { [LEGACY.namespace]: namespace, [LEGACY.secret]: secret } = payload;
  const account = objectId({ name: payload[LEGACY.name], uid: payload[LEGACY.uid] });
  if (typeof namespace !== "string" || typeof secret !== "string" || account === undefined) return undefined;
  return { namespace, account, secret: { name: secret, uid: "" } };
}

function objectId(value: unknown): ObjectId | undefined {
  const { name, uid } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}
