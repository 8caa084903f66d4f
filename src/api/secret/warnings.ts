/** What is likely wrong with a Secret without being refused (pkg/registry/core/secret/strategy.go). */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SECRET_TYPE, type Secret } from "./type.ts";

/** A certificate and a key that do not belong together serve nobody; in the words of Go's crypto/tls. */
export function secretWarnings({ type, data = {} }: Secret): string[] {
  if (type !== SECRET_TYPE.tls) return [];
  const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
  const complaint = pairComplaint(text("tls.crt"), text("tls.key"));
  return complaint === undefined ? [] : [complaint];
}

function pairComplaint(certificate: string, key: string): string | undefined {
  if (!certificate.includes("-----BEGIN CERTIFICATE-----"))
    return "tls: failed to find any PEM data in certificate input";
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(key))
    return "tls: failed to find any PEM data in key input";
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return "x509: malformed certificate";
  }
  try {
    return leaf.checkPrivateKey(createPrivateKey(key))
      ? undefined
      : "tls: private key does not match public key";
  } catch {
    return "tls: failed to parse private key";
  }
}
