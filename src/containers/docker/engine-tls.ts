/** The certificates by which a remote engine and we know each other, from the files that the docker command uses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineAddress } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";

export interface TlsOptions {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly rejectUnauthorized: boolean;
}

/** Nothing for an address without TLS. Throws EngineError "address" that names the file which cannot be read. */
export function tlsOptions(address: EngineAddress): TlsOptions | Record<string, never> {
  if (address.type !== "tcp" || address.tls === undefined) return {};
  const { directory, verify } = address.tls;
  return {
    ca: verify ? readPem(directory, "ca.pem") : undefined,
    cert: readPem(directory, "cert.pem"),
    key: readPem(directory, "key.pem"),
    rejectUnauthorized: verify,
  };
}

function readPem(directory: string, name: string): Buffer {
  const path = join(directory, name);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineError("address", `cannot read ${path}: ${(error as Error).message}`, {
      cause: error,
      remedy: "set DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem",
    });
  }
}
