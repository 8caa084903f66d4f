/** JSON Web Tokens (RFC 7519) by the ServiceAccount keys: made, and checked for who signed them. */
import { createHash } from "node:crypto";
import { compactVerify, decodeProtectedHeader, errors, type JWTPayload, SignJWT } from "jose";
import type { ServiceAccountKeys, VerificationKey } from "./service-account-keys.ts";

/** Signatures checked before are remembered for this many tokens, so that a client's next request costs a hash. */
const REMEMBERED = 2048;
/** The longest token that is looked at, characters; those we make have fewer than 2000. */
const LONGEST = 16 * 1024;

export class SignedTokens {
  readonly #keys: ServiceAccountKeys;
  /** By the token's hash, so that no tokens lie in memory; the one used longest ago first. */
  readonly #verified = new Map<string, JWTPayload>();

  constructor(keys: ServiceAccountKeys) {
    this.#keys = keys;
  }

  async sign(payload: JWTPayload): Promise<string> {
    const { id, algorithm, privateKey } = this.#keys.signing;
    return new SignJWT(payload).setProtectedHeader({ alg: algorithm, kid: id }).sign(privateKey);
  }

  /**
   * What a token says, if one of our keys has signed it by that key's own algorithm; undefined otherwise. Who issued it, for
   * whom and until when is not checked.
   */
  async verify(token: string): Promise<JWTPayload | undefined> {
    if (token.length > LONGEST) return undefined;
    const hash = createHash("sha256").update(token).digest("base64");
    const known = this.#verified.get(hash);
    if (known !== undefined) this.#verified.delete(hash);
    const payload = known ?? (await this.#check(token));
    if (payload === undefined) return undefined;
    this.#verified.set(hash, payload);
    if (this.#verified.size > REMEMBERED) this.#verified.delete(this.#verified.keys().next().value!);
    return payload;
  }

  async #check(token: string): Promise<JWTPayload | undefined> {
    for (const { algorithm, publicKey } of this.#candidates(token)) {
      try {
        const { payload } = await compactVerify(token, publicKey, { algorithms: [algorithm] });
        return objectIn(payload);
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return undefined;
  }

  /** The key that the token names; all of them if it names none, as upstream has it. */
  #candidates(token: string): readonly VerificationKey[] {
    const { verification } = this.#keys;
    const id = keyIdOf(token);
    if (id === undefined) return [...verification.values()];
    const key = verification.get(id);
    return key === undefined ? [] : [key];
  }
}

/** Undefined if the token names no key; what is no token at all names "". */
function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    // Not a JSON Web Token: no key has this id.
    return "";
  }
}

/** What was signed, if it is a JSON object as RFC 7519 has it. */
function objectIn(bytes: Uint8Array): JWTPayload | undefined {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString());
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JWTPayload)
    : undefined;
}
