/**
 * Tokens of ServiceAccounts: given, and recognised as long as what they are bound to is there
 * (pkg/serviceaccount jwt.go, claims.go, legacy.go).
 */
import { randomUUID } from "node:crypto";
import type { JWTPayload } from "jose";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Pod } from "../../api/pod/type.ts";
import type { Secret } from "../../api/secret/type.ts";
import { type TokenAuthenticator, TokenRefusal, type User } from "./authenticate.ts";
import {
  LEGACY_ISSUER,
  type ObjectId,
  readClaims,
  type ServiceAccountClaims,
  writeClaims,
  writeLegacyClaims,
} from "./service-account-claims.ts";
import { serviceAccountGroups, serviceAccountUsername } from "./service-account-name.ts";
import type { SignedTokens } from "./signed-tokens.ts";

/** How long what a token is bound to may be gone, or going, before the token is; seconds (claims.go). */
const DELETION_LEEWAY = 60;
/** How far the clock of this machine may have been set back since a token was given, seconds. */
const CLOCK_LEEWAY = 60;

/** The objects that a token can be bound to; undefined where there is none. */
export interface BoundObjects {
  serviceAccount(namespace: string, name: string): Promise<KubeObject | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  pod(namespace: string, name: string): Promise<Pod | undefined>;
  node(name: string): Promise<KubeObject | undefined>;
}

export interface ServiceAccountTokenParts {
  readonly tokens: SignedTokens;
  readonly objects: BoundObjects;
  /** The `iss` of tokens. */
  readonly issuer: string;
  /** The audiences of this server: what a token of the old form, which names none, is for. */
  readonly audiences: readonly string[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface TokenWish {
  readonly claims: ServiceAccountClaims;
  readonly audiences: readonly string[];
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface ServiceAccountTokens extends TokenAuthenticator {
  issue(wish: TokenWish): Promise<string>;
  /** The token of a Secret of type kubernetes.io/service-account-token: good as long as that Secret holds it. */
  issueLegacy(namespace: string, account: ObjectId, secretName: string): Promise<string>;
}

export function createServiceAccountTokens(parts: ServiceAccountTokenParts): ServiceAccountTokens {
  const { tokens, issuer } = parts;
  return {
    issue: async ({ claims, audiences, issuedAt, expiresAt }) =>
      tokens.sign({
        aud: [...audiences],
        exp: expiresAt,
        iat: issuedAt,
        iss: issuer,
        jti: randomUUID(),
        ...writeClaims(claims),
        nbf: issuedAt,
      }),

    issueLegacy: async (namespace, account, secretName) =>
      tokens.sign(writeLegacyClaims(namespace, account, secretName)),

    async authenticateToken(token, audiences) {
      const payload = await tokens.verify(token);
      if (payload === undefined || (payload.iss !== issuer && payload.iss !== LEGACY_ISSUER))
        return undefined;
      const claims = readClaims(payload);
      if (claims === undefined)
        throw new TokenRefusal("the token's claims are not those of a ServiceAccount");
      const now = parts.clock() / 1000;
      checkTimes(payload, now);
      const meant = audiencesOf(payload, parts.audiences).filter((one) => audiences.includes(one));
      if (meant.length === 0)
        throw new TokenRefusal(
          `token audiences ${list(payload.aud)} is invalid for the target audiences ${list(audiences)}`,
        );
      if (payload.iss === LEGACY_ISSUER) await checkHeldBySecret(parts.objects, claims, token);
      await checkBound(parts.objects, claims, now);
      return { user: userOf(claims, payload.jti), audiences: meant };
    },
  };
}

/** A token of the old form names no audience and no end. */
function checkTimes({ iss, exp, nbf = 0 }: JWTPayload, now: number): void {
  if (iss === LEGACY_ISSUER) return;
  if (typeof exp !== "number" || exp <= now) throw new TokenRefusal("service account token has expired");
  if (typeof nbf !== "number" || nbf > now + CLOCK_LEEWAY)
    throw new TokenRefusal("service account token is not valid yet");
}

function audiencesOf({ iss, aud }: JWTPayload, own: readonly string[]): readonly string[] {
  if (iss === LEGACY_ISSUER) return own;
  return typeof aud === "string" ? [aud] : (aud ?? []);
}

function list(texts: string | readonly string[] | undefined): string {
  return JSON.stringify(typeof texts === "string" ? [texts] : (texts ?? []));
}

async function checkBound(objects: BoundObjects, claims: ServiceAccountClaims, now: number): Promise<void> {
  const { namespace, account, pod, secret, node } = claims;
  const check = async (
    what: string,
    id: ObjectId,
    object: Promise<KubeObject | undefined>,
  ): Promise<void> => {
    const found = (await object)?.metadata;
    if (found === undefined) throw new TokenRefusal(`${what} ${id.name} is not there any more`);
    if (id.uid !== "" && found.uid !== id.uid)
      throw new TokenRefusal(`${what} UID (${found.uid}) does not match claim (${id.uid})`);
    const { deletionTimestamp } = found;
    if (deletionTimestamp !== undefined && Date.parse(deletionTimestamp) / 1000 < now - DELETION_LEEWAY)
      throw new TokenRefusal(`${what} ${id.name} has been deleted`);
  };
  await check("service account", account, objects.serviceAccount(namespace, account.name));
  if (secret !== undefined) await check("secret", secret, objects.secret(namespace, secret.name));
  if (pod !== undefined) await check("pod", pod, objects.pod(namespace, pod.name));
  // A pod's token outlives its node's record, as upstream has it; only a token of the node itself does not.
  if (node !== undefined && pod === undefined) await check("node", node, objects.node(node.name));
}

/** Removing the token from its Secret is how it is taken back. */
async function checkHeldBySecret(
  objects: BoundObjects,
  { namespace, secret }: ServiceAccountClaims,
  token: string,
): Promise<void> {
  const held = (await objects.secret(namespace, secret!.name))?.data?.["token"];
  if (held === undefined || Buffer.from(held, "base64").toString() !== token)
    throw new TokenRefusal("the token is not the one that its secret holds");
}

const EXTRA = "authentication.kubernetes.io";

function userOf({ namespace, account, pod, node }: ServiceAccountClaims, id: string | undefined): User {
  const extra: Record<string, string[]> = {};
  if (id !== undefined) extra[`${EXTRA}/credential-id`] = [`JTI=${id}`];
  if (node !== undefined) {
    extra[`${EXTRA}/node-name`] = [node.name];
    extra[`${EXTRA}/node-uid`] = [node.uid];
  }
  if (pod !== undefined) {
    extra[`${EXTRA}/pod-name`] = [pod.name];
    extra[`${EXTRA}/pod-uid`] = [pod.uid];
  }
  return {
    name: serviceAccountUsername(namespace, account.name),
    uid: account.uid,
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}
