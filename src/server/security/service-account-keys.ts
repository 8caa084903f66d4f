/**
 * The keys that ServiceAccount tokens are signed with, in `<dataDir>/pki`: `sa.key` signs; every `sa*.key` and `sa*.pub`
 * verifies. To change the key, rename sa.key to sa-2026.key, say: the next start makes a new one and still knows the old.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateFile } from "./atomic-file.ts";
import { PkiError } from "./pki.ts";

const SIGNING_KEY = "sa.key";

/** The signature algorithms of RFC 7518 that kube-apiserver signs with. */
export type SignatureAlgorithm = "RS256" | "ES256" | "ES384" | "ES512";

export interface VerificationKey {
  /** The key's fingerprint: base64url of the SHA-256 of its DER form, as upstream makes key ids. */
  readonly id: string;
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KeyObject;
}

export interface ServiceAccountKeys {
  readonly signing: VerificationKey & { readonly privateKey: KeyObject };
  /** By id; the signing key too. */
  readonly verification: ReadonlyMap<string, VerificationKey>;
}

/** Reads the keys, and makes one on the first start. Throws PkiError if a file is no key that can be used. */
export async function openServiceAccountKeys(dataDir: string): Promise<ServiceAccountKeys> {
  const directory = join(dataDir, "pki");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = (await readdir(directory)).filter((name) => /^sa.*\.(key|pub)$/.test(name)).sort();
  if (!names.includes(SIGNING_KEY)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    await writePrivateFile(join(directory, SIGNING_KEY), pem);
    names.unshift(SIGNING_KEY);
  }
  const verification = new Map<string, VerificationKey>();
  for (const name of names) {
    const key = await readKey(join(directory, name), (pem) => createPublicKey(pem));
    verification.set(key.id, key);
  }
  const path = join(directory, SIGNING_KEY);
  const privateKey = await readPem(path, (pem) => createPrivateKey(pem));
  return { signing: { ...describe(path, createPublicKey(privateKey)), privateKey }, verification };
}

/** The public half as RFC 7517 has it, for /openid/v1/jwks. */
export function jsonWebKey({ id, algorithm, publicKey }: VerificationKey): JsonWebKey {
  const { kty, ...rest } = publicKey.export({ format: "jwk" });
  return { use: "sig", ...(kty !== undefined && { kty }), kid: id, alg: algorithm, ...rest };
}

async function readKey(path: string, parse: (pem: string) => KeyObject): Promise<VerificationKey> {
  return describe(path, await readPem(path, parse));
}

async function readPem(path: string, parse: (pem: string) => KeyObject): Promise<KeyObject> {
  const pem = await readFile(path, "utf8");
  try {
    return parse(pem);
  } catch (error) {
    throw new PkiError(
      `${path} is not a key in PEM form (${(error as Error).message}): put it right, or remove it if no token that is in use was signed with it`,
      { cause: error },
    );
  }
}

function describe(path: string, publicKey: KeyObject): VerificationKey {
  const der = publicKey.export({ type: "spki", format: "der" });
  const id = createHash("sha256").update(der).digest("base64url");
  return { id, algorithm: algorithmOf(path, publicKey), publicKey };
}

const CURVES: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};
/** Bits. RFC 7518, 3.3. */
const SHORTEST_RSA = 2048;

function algorithmOf(path: string, key: KeyObject): SignatureAlgorithm {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") {
    if ((modulusLength ?? 0) >= SHORTEST_RSA) return "RS256";
    throw new PkiError(`${path} is an RSA key of ${modulusLength} bits: ${SHORTEST_RSA} are the fewest`);
  }
  const algorithm = CURVES[namedCurve ?? ""];
  if (algorithm !== undefined) return algorithm;
  throw new PkiError(
    `${path} is a key of type ${key.asymmetricKeyType} ${namedCurve ?? ""}: use RSA, or an elliptic curve P-256, P-384 or P-521`,
  );
}
