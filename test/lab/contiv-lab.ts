/**
 * A Docker engine and `fairlead up` with Contiv's REST, in a network namespace into which the test's process moves; and
 * what the API, netmaster and the kernel say there of services.
 */
import { execFile } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { endpointSliceKind } from "../../src/api/endpointslice/kind.ts";
import { SERVICE_NAME_LABEL } from "../../src/api/endpointslice/type.ts";
import { serviceKind } from "../../src/api/service/kind.ts";
import { createHttpClient, type HttpClient } from "../../src/client/http.ts";
import { loadKubeconfig } from "../../src/client/kubeconfig.ts";
import type { Inspection, ServiceConfig, ServiceOper } from "../../src/contiv/wire.ts";
import { NetlinkPort } from "../../src/dataplane/nftables/netlink-port.ts";
import { Family } from "../../src/net/nftables/model.ts";
import type { SetElement } from "../../src/net/nftables/model.ts";
import { CLONE_NEWNET, setns } from "../../src/sys/libc.ts";
import { netnsPath } from "../../src/sys/netns.ts";
import { DockerApi } from "./docker-api.ts";
import { DockerEngine } from "./docker-engine.ts";
import { fairleadUp, type Up } from "./fairlead.ts";
import { kubectl } from "./kubectl.ts";

const exec = promisify(execFile);

export const NETMASTER = { host: "127.0.0.1", port: 9999 } as const;
const PROTOCOLS: Readonly<Record<number, string>> = { 6: "TCP", 17: "UDP" };

/** From "100.1.1.3|TCP|8080" to "10.1.1.4:80", sorted; a port without a provider has an empty list. */
export type Table = ReadonlyMap<string, readonly string[]>;

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
  /** The first time that it was asked, netmaster was killed; it may have done it all the same. */
  readonly isSecond: boolean;
}

export type InspectedService = Inspection<ServiceConfig, ServiceOper>;

export class ContivLab implements AsyncDisposable {
  readonly engine: DockerEngine;
  readonly docker: DockerApi;
  readonly client: HttpClient;
  readonly kernel: NetlinkPort;
  up: Up;
  readonly directory: string;
  readonly #agent: Agent;
  readonly #stack: AsyncDisposableStack;
  /** From a kill until the next one is ready. */
  #away: Promise<void> | undefined;

  static async open(): Promise<ContivLab> {
    await using stack = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "fltest-contiv-churn-"));
    stack.defer(() => rmSync(directory, { recursive: true, force: true }));
    const engine = stack.use(await DockerEngine.start());
    const home = openSync("/proc/self/ns/net", "r");
    stack.defer(() => {
      setns(home, CLONE_NEWNET);
      closeSync(home);
    });
    const own = openSync(netnsPath(engine.netns), "r");
    setns(own, CLONE_NEWNET);
    closeSync(own);
    const up = await startUp(engine, directory);
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    stack.defer(() => agent.destroy());
    const docker = stack.use(new DockerApi(engine.socket));
    const kernel = stack.use(await NetlinkPort.open());
    const config = await loadKubeconfig({ path: join(directory, "kubeconfig") });
    const client = stack.use(createHttpClient(config));
    return new ContivLab({ engine, docker, client, kernel, up }, directory, agent, stack.move());
  }

  private constructor(
    parts: Pick<ContivLab, "engine" | "docker" | "client" | "kernel" | "up">,
    directory: string,
    agent: Agent,
    stack: AsyncDisposableStack,
  ) {
    this.engine = parts.engine;
    this.docker = parts.docker;
    this.client = parts.client;
    this.kernel = parts.kernel;
    this.up = parts.up;
    this.directory = directory;
    this.#agent = agent;
    this.#stack = stack;
  }

  /** After `up` has ended. */
  async restart(): Promise<void> {
    this.up = await startUp(this.engine, this.directory);
  }

  /** Kills `up`, and starts it again after so many milliseconds. Requests to netmaster's REST wait for that. */
  async killAndRestart(away: number): Promise<void> {
    this.#away = (async () => {
      await this.up.end("SIGKILL");
      await delay(away);
      await this.restart();
    })();
    try {
      await this.#away;
    } finally {
      this.#away = undefined;
    }
  }

  kube(...args: readonly string[]): Promise<string> {
    return kubectl(join(this.directory, "kubeconfig"), args, { netns: this.engine.netns });
  }

  /** A request to netmaster's REST; made again if `killAndRestart` cuts it short. */
  async rest(method: string, path: string, body?: object): Promise<RestAnswer> {
    for (let isSecond = false; ; isSecond = true)
      try {
        return { ...(await this.#request(method, path, body)), isSecond };
      } catch (error) {
        if (this.#away === undefined) throw error;
        await this.#away;
      }
  }

  async #request(method: string, path: string, body?: object): Promise<Omit<RestAnswer, "isSecond">> {
    const payload = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(payload) };
      const sent = request({ ...NETMASTER, agent: this.#agent, method, path, headers }, (response) => {
        const status = response.statusCode ?? 0;
        text(response).then(
          (said) => resolve({ status, body: said === "" ? undefined : json(said) }),
          reject,
        );
      });
      sent.once("error", reject);
      sent.end(payload);
    });
  }

  /** Throws with what it says if it refuses. What is to go may be gone by a request that was cut short. */
  async must(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.rest(method, path, body);
    if (answer.status < 300 || (answer.isSecond && method === "DELETE" && answer.status === 404))
      return answer.body;
    throw new Error(
      `${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${JSON.stringify(answer.body)}`,
    );
  }

  async inspectServices(): Promise<readonly InspectedService[]> {
    return (await this.must("GET", "/api/v1/inspect/serviceLBs/")) as InspectedService[];
  }

  /** What the kernel's maps lead to: virtual ports of which addresses. */
  kernelTable(isOurs: (address: string) => boolean): Table {
    const table = new Map<string, Set<string>>();
    for (const { key } of this.elements("pickers4")) {
      const port = portKey(key);
      if (isOurs(port.split("|")[0]!)) table.set(port, new Set());
    }
    for (const name of ["endpoints4", "members4"])
      for (const { key, data } of this.elements(name)) {
        const port = portKey(key);
        if (!isOurs(port.split("|")[0]!)) continue;
        // A slot without a picker would be left over.
        if (!table.has(port)) table.set(port, new Set(["without a picker"]));
        table.get(port)!.add(`${addressText(data!)}:${(data![4]! << 8) | data![5]!}`);
      }
    return new Map(Array.from(table, ([key, endpoints]) => [key, [...endpoints].sort()]));
  }

  /** Addresses whose every port is refused but those that lead somewhere. */
  wholeAddresses(isOurs: (address: string) => boolean): string[] {
    return this.elements("addresses4")
      .map(({ key }) => addressText(key))
      .filter(isOurs);
  }

  elements(name: string): readonly SetElement[] {
    return this.kernel.elements({ family: Family.inet, table: "fairlead", name });
  }

  /** What the EndpointSlices of the API lead to. */
  async sliceTable(isOurs: (address: string) => boolean): Promise<Table> {
    const slices = (await this.client.list(endpointSliceKind, {})).items;
    const table = new Map<string, string[]>();
    for (const { metadata, spec } of (await this.client.list(serviceKind, {})).items) {
      if (!isOurs(spec?.clusterIP ?? "")) continue;
      const own = slices.filter(
        (slice) =>
          slice.metadata.namespace === metadata.namespace &&
          slice.metadata.labels?.[SERVICE_NAME_LABEL] === metadata.name,
      );
      for (const { name = "", protocol = "TCP", port } of spec?.ports ?? []) {
        const endpoints = own.flatMap((slice) => {
          const target = slice.ports?.find((one) => (one.name ?? "") === name)?.port;
          return (slice.endpoints ?? []).flatMap(({ addresses, conditions }) =>
            conditions?.ready === false ? [] : [`${addresses[0]}:${target}`],
          );
        });
        table.set(`${spec!.clusterIP}|${protocol}|${port}`, endpoints.sort());
      }
    }
    return table;
  }

  /** The kernel's routes, proxied neighbours and rules of others, each a line: what must be as it was, in the end. */
  async hostState(): Promise<string[]> {
    const lines: string[] = [];
    for (const command of [
      "ip -o route show table all",
      "ip -o neighbour show proxy",
      "ip -o rule show",
      "iptables-save",
      "ip6tables-save",
    ]) {
      const [program = "", ...args] = command.split(" ");
      const { stdout } = await exec(program, args);
      for (const line of stdout.split("\n"))
        if (line !== "" && !line.startsWith("#"))
          lines.push(
            `${program}: ${line
              .replace(/\[\d+:\d+\]/, "")
              .replace(/ expires \d+sec/, "")
              .trim()}`,
          );
    }
    return lines.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.up[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }
}

function startUp(engine: DockerEngine, directory: string): Promise<Up> {
  const flags = {
    "--data-dir": directory,
    "--bind": "127.0.0.1:6443",
    "--kubeconfig": join(directory, "kubeconfig"),
    "--containers": "docker",
    "--dataplane": "nftables",
    "--node-name": "n1",
    "--netmaster": `${NETMASTER.host}:${NETMASTER.port}`,
    "--dns-upstream": "127.0.0.1:5399",
  };
  return fairleadUp(Object.entries(flags).flat(), {
    netns: engine.netns,
    env: { DOCKER_HOST: engine.dockerHost },
  });
}

/** "100.1.1.3|TCP|8080": registers of four bytes each with the address, the protocol and the port. */
function portKey(key: Uint8Array): string {
  return `${addressText(key)}|${PROTOCOLS[key[4]!]}|${(key[8]! << 8) | key[9]!}`;
}

export function addressText(bytes: Uint8Array): string {
  return bytes.subarray(0, 4).join(".");
}

/** A refusal in plain text is told as it is. */
function json(said: string): unknown {
  try {
    return JSON.parse(said);
  } catch {
    return said;
  }
}
