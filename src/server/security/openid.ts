/**
 * How others can check ServiceAccount tokens without asking us: OpenID Connect Discovery 1.0 and the JSON Web Key Set
 * (RFC 7517), as kube-apiserver serves them (pkg/serviceaccount openidmetadata.go).
 */
import type { Request, Response } from "../http/exchange.ts";
import { jsonWebKey, type ServiceAccountKeys } from "./service-account-keys.ts";

export const OPENID_CONFIGURATION_PATH = "/.well-known/openid-configuration";
export const KEY_SET_PATH = "/openid/v1/jwks";

export interface OpenIdParts {
  readonly keys: ServiceAccountKeys;
  readonly issuer: string;
  /** "127.0.0.1:6443" */
  readonly address: () => string;
}

/** Undefined for any other path. */
export function createOpenIdAnswer(
  parts: OpenIdParts,
): (request: Pick<Request, "path">) => Response | undefined {
  const keys = [...parts.keys.verification.values()];
  return ({ path }) => {
    if (path === KEY_SET_PATH) return cached("application/jwk-set+json", { keys: keys.map(jsonWebKey) });
    if (path !== OPENID_CONFIGURATION_PATH) return undefined;
    return cached("application/json", {
      issuer: parts.issuer,
      jwks_uri: `https://${parts.address()}${KEY_SET_PATH}`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].sort(),
    });
  };
}

function cached(type: string, value: object): Response {
  return {
    status: 200,
    headers: { "content-type": type, "cache-control": "public, max-age=3600" },
    body: JSON.stringify(value),
  };
}
