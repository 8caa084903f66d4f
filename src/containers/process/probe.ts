/** One look at a container: v1 Probe's three ways of asking, made from inside the pod's network namespace. */
import { spawn } from "node:child_process";
import { request } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Container, Probe } from "../../api/pod/type.ts";
import type { IntOrString } from "../../api/meta/type.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import { connectInNetns } from "../../sys/netns-socket.ts";
import { callInNetns } from "../../sys/netns.ts";
import { signalProcess } from "../../sys/process.ts";

/** Where the container is. */
export interface ProbeTarget {
  readonly container: Container;
  readonly podIP: string;
  readonly netns: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** What a command is run by to see what the container sees: arguments before it. */
  readonly enter: readonly string[];
}

/** What probes and lifecycle hooks have in common. */
type Action = Pick<Probe, "exec" | "httpGet" | "tcpSocket">;

/**
 * Resolves when the probe succeeds; rejects with the reason when it fails, or with the signal's reason.
 * A probe without an action succeeds.
 */
export async function probeOnce(probe: Action, target: ProbeTarget, signal: AbortSignal): Promise<void> {
  if (probe.exec !== undefined) await probeExec(probe.exec.command ?? [], target, signal);
  else if (probe.httpGet !== undefined) await probeHttp(probe.httpGet, target, signal);
  else if (probe.tcpSocket !== undefined) {
    const { host, port } = probe.tcpSocket;
    (await open(host, port, target, signal)).destroy();
  }
}

async function open(
  host: string | undefined,
  port: IntOrString,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<Socket> {
  const text = host ?? target.podIP;
  const address = parseSloppyIp(text);
  if (address === undefined) throw new Error(`the probe's host ${JSON.stringify(text)} is not an IP address`);
  return connectInNetns(target.netns, address, portNumber(port, target.container), signal);
}

/** A port given by its number, or by the name that the container gives it. */
function portNumber(port: IntOrString, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named === undefined)
    throw new Error(`container ${container.name} has no port called ${JSON.stringify(port)}`);
  return named.containerPort;
}

async function probeHttp(
  get: NonNullable<Probe["httpGet"]>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<void> {
  const plain = await open(get.host, get.port, target, signal);
  // The kubelet does not check certificates either: the probe asks whether it answers, not who it is.
  const socket = get.scheme === "HTTPS" ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers: Record<string, string> = { "user-agent": "fairlead-probe", connection: "close" };
  headers["host"] = `${get.host ?? target.podIP}:${portNumber(get.port, target.container)}`;
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  try {
    const call = request({ createConnection: () => socket, path: get.path ?? "/", headers, signal });
    call.once("response", (response) => resolve(response.statusCode ?? 0));
    call.once("error", reject);
    call.end();
    const status = await promise;
    if (status < 200 || status >= 400) throw new Error(`HTTP probe failed with statuscode: ${status}`);
  } finally {
    socket.destroy();
  }
}

async function probeExec(
  command: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<void> {
  if (command.length === 0) throw new Error("the probe's exec has no command");
  const [file, ...args] = [...target.enter, ...command];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = callInNetns(target.netns, () =>
    spawn(file!, args, {
      cwd: target.container.workingDir ?? "/",
      env: target.environment,
      stdio: "ignore",
      detached: true,
    }),
  );
  const onAbort = (): void => {
    if (child.pid !== undefined) signalProcess(-child.pid, "SIGKILL");
    reject(signal.reason as Error);
  };
  child.once("error", reject);
  child.once("exit", (code, died) => {
    if (code === 0) resolve();
    else reject(new Error(`the probe's command ended with ${died ?? `exit code ${code}`}`));
  });
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
