/** Makes X.509 certificates: ECDSA P-256 keys, signed by an authority of our own (RFC 5280). */
import "./metadata-reflection.ts";
import * as x509 from "@peculiar/x509";
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;
/** Clocks of client and server may differ by this much. */
const CLOCK_SKEW = 3_600_000;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Subject {
  readonly commonName: string;
  /** Kubernetes reads a client's groups from here. */
  readonly organizations?: readonly string[];
}

/** A self-signed authority that is valid for `days` from `now` (milliseconds since the epoch). */
export async function createAuthority(subject: Subject, days: number, now: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: name(subject),
    notBefore: new Date(now - CLOCK_SKEW),
    notAfter: new Date(now + days * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate.toString("pem")), key: await exportKey(keys.privateKey) };
}

export interface IssueOptions {
  readonly subject: Subject;
  readonly usage: "server" | "client";
  /** DNS names and IP addresses. Needed for a server. */
  readonly names?: readonly string[];
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A certificate signed by `authority`. Never outlives it. */
export async function issueCertificate(authority: KeyPair, options: IssueOptions): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([options.usage === "server" ? serverAuth : clientAuth]),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  if (options.names !== undefined)
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        options.names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
    );
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: name(options.subject),
    issuer: issuer.subjectName,
    notBefore: new Date(options.now - CLOCK_SKEW),
    notAfter: new Date(Math.min(options.now + options.days * DAY, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions,
  });
  return { certificate: pem(certificate.toString("pem")), key: await exportKey(keys.privateKey) };
}

function name({ commonName, organizations = [] }: Subject): x509.Name {
  const attributes: x509.JsonAttributeAndValue[] = organizations.map((organization) => ({
    O: [organization],
  }));
  attributes.push({ CN: [commonName] });
  return new x509.Name(attributes);
}

/** 127 random bits with the highest bit clear, so that the number is positive (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0]! &= 0x7f;
  bytes[0]! |= 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return pem(x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY"));
}

async function importKey(text: string): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(text), ALGORITHM, false, ["sign"]);
}

function pem(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
