/** What a Secret has when its client said nothing (pkg/apis/core/v1 defaults.go, and conversion.go for stringData). */
import { SECRET_TYPE, type Secret } from "./type.ts";

export function setSecretDefaults(secret: Secret): void {
  if (secret.type === undefined || secret.type === "") secret.type = SECRET_TYPE.opaque;
  const { stringData } = secret;
  if (stringData === undefined) return;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, base64(text)] as const);
  // In the order of keys, as every map is.
  const all = [
    ...Object.entries(secret.data ?? {}).filter(([key]) => !Object.hasOwn(stringData, key)),
    ...encoded,
  ];
  if (all.length > 0) secret.data = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  delete secret.stringData;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
