/** Where the engine is, from the same environment that the `docker` command reads. */
import { join } from "node:path";
import { homedir } from "node:os";
import { EngineError } from "./engine-error.ts";

export const DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock";

export type EngineAddress =
  | { readonly type: "unix"; readonly text: string; readonly path: string }
  | {
      readonly type: "tcp";
      readonly text: string;
      readonly host: string;
      readonly port: number;
      /** Absent: plain HTTP. */
      readonly tls?: EngineTls;
    };

export interface EngineTls {
  /** Holds ca.pem, cert.pem and key.pem. */
  readonly directory: string;
  /** Whether the engine's certificate must be signed by ca.pem and name the host. */
  readonly verify: boolean;
}

export interface EngineEnvironment {
  readonly DOCKER_HOST?: string;
  readonly DOCKER_TLS_VERIFY?: string;
  readonly DOCKER_CERT_PATH?: string;
}

/**
 * DOCKER_HOST as the Docker CLI understands it: unix:///path, tcp://host[:port], http(s)://host:port; TLS when
 * DOCKER_TLS_VERIFY is not empty (then verified) or DOCKER_CERT_PATH is set, with port 2376, else 2375.
 * Throws EngineError "address" with what to write instead.
 */
export function engineAddress(environment: EngineEnvironment): EngineAddress {
  const text = environment.DOCKER_HOST || DEFAULT_DOCKER_HOST;
  const [, scheme, rest = ""] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === "unix") {
    if (rest.startsWith("/")) return { type: "unix", text, path: rest };
    throw new EngineError("address", `DOCKER_HOST ${JSON.stringify(text)} has no absolute path`, {
      remedy: `write it as ${DEFAULT_DOCKER_HOST}, with three slashes`,
    });
  }
  if (scheme === "tcp" || scheme === "http" || scheme === "https")
    return tcpAddress(text, scheme, rest, environment);
  if (scheme === "ssh")
    throw new EngineError("address", `DOCKER_HOST ${JSON.stringify(text)}: ssh is not supported`, {
      remedy: `forward the socket with ssh -NL /tmp/docker.sock:/var/run/docker.sock ${rest}, and set DOCKER_HOST=unix:///tmp/docker.sock`,
    });
  throw new EngineError("address", `DOCKER_HOST ${JSON.stringify(text)} is not understood`, {
    remedy: `write it as ${DEFAULT_DOCKER_HOST} or tcp://host:2376`,
  });
}

function tcpAddress(
  text: string,
  scheme: string,
  rest: string,
  { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH }: EngineEnvironment,
): EngineAddress {
  const url = URL.parse(`http://${rest}`);
  if (url === null || url.hostname === "")
    throw new EngineError("address", `DOCKER_HOST ${JSON.stringify(text)} has no host`, {
      remedy: "write it as tcp://host:2376",
    });
  const verify = (DOCKER_TLS_VERIFY ?? "") !== "";
  const secure = scheme === "https" || verify || (DOCKER_CERT_PATH ?? "") !== "";
  // The default port of http in a URL parses as "".
  const port = url.port !== "" ? Number(url.port) : /:80(\/|$)/.test(rest) ? 80 : secure ? 2376 : 2375;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!secure) return { type: "tcp", text, host, port };
  const directory = DOCKER_CERT_PATH || join(homedir(), ".docker");
  return { type: "tcp", text, host, port, tls: { directory, verify } };
}
