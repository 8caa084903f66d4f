/** What goes wrong on the way to an engine, as one line that says what to do. */
import type { EngineAddress } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";

/** An error of the socket: no file, no right, nobody there, cut off. */
export function connectFailure(address: EngineAddress, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const at = address.text;
  if (code === "ENOENT")
    return new EngineError("missing", `there is no container engine at ${at}`, {
      cause: error,
      remedy: "start Docker or Podman's service, or set DOCKER_HOST, or use --containers process",
    });
  if (code === "EACCES" || code === "EPERM")
    return new EngineError("permission", `no permission to use the container engine at ${at}`, {
      cause: error,
      remedy: "run as root, or as a user in the group docker",
    });
  if (code === "ECONNREFUSED")
    return new EngineError("unreachable", `no container engine answers at ${at}`, {
      cause: error,
      remedy: "start it (systemctl start docker), or set DOCKER_HOST",
    });
  if (code?.startsWith("ERR_TLS") === true || code?.includes("CERT") === true || code === "EPROTO")
    return new EngineError(
      "unreachable",
      `no trusted connection to the container engine at ${at}: ${message}`,
      {
        cause: error,
        remedy: "check DOCKER_TLS_VERIFY and the certificates in DOCKER_CERT_PATH",
      },
    );
  return new EngineError("unreachable", `the container engine at ${at} failed: ${message}`, { cause: error });
}

/** An HTTP status that is no success. */
export function refusal(address: EngineAddress, path: string, status: number, text: string): EngineError {
  const said = text === "" ? "" : `: ${text}`;
  return new EngineError(
    "refused",
    `the container engine at ${address.text} answered ${path} with ${status}${said}`,
    { status, ...(text !== "" && { said: text }) },
  );
}

export function tooOld(address: EngineAddress, version: string, oldest: string): EngineError {
  const speaks = version === "" ? "names no version of Docker's API" : `speaks version ${version} of the API`;
  return new EngineError(
    "version",
    `the engine at ${address.text} ${speaks}, and ${oldest} is the oldest that works`,
    {
      remedy: "use Docker 20.10 or newer, or Podman 4 or newer",
    },
  );
}

/** The engine has given up all versions of the API that we know. */
export function tooNew(address: EngineAddress, text: string): EngineError {
  return new EngineError("version", `the engine at ${address.text} is newer than fairlead knows: ${text}`, {
    remedy: "update fairlead",
  });
}
