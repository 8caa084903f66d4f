/**
 * A node with everything real: an API server and `fairlead agent`, each a process that can be stopped and killed, pods and
 * clients. Needs root, for the namespaces.
 *
 *     client 192.0.2.2  --  node 192.0.2.1, 10.200.0.1  --  pods 10.200.0.2, every address of 10.1.0.0/16
 *
 * The test's own process moves into the node's namespace, and the API server and the agent live there.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceKind } from "../../src/api/service/kind.ts";
import type { Service } from "../../src/api/service/type.ts";
import { cidr, ip } from "../../src/base/ip.ts";
import { createHttpClient, type HttpClient } from "../../src/client/http.ts";
import { loadKubeconfig } from "../../src/client/kubeconfig.ts";
import { RouteSocket } from "../../src/net/rtnetlink/route-socket.ts";
import { CLONE_NEWNET, setns } from "../../src/sys/libc.ts";
import { netnsPath } from "../../src/sys/netns.ts";
import { writeSysctl } from "../../src/sys/sysctl.ts";
import { ApiServerProcess } from "../lab/api-server-process.ts";
import { fairleadUntilReady, type Up } from "../lab/fairlead.ts";
import { testNetns } from "../lab/netns.ts";
import type { FlowMethods } from "./flow-child.ts";
import type { PodsMethods } from "./pods-child.ts";
import {
  DGRAM_PORT,
  HTTP_PORT,
  NODE_PORT,
  STREAM_PORT,
  VIP,
  VIP_DGRAM,
  VIP_HTTP,
  VIP_STREAM,
} from "./ports.ts";
import { Remote } from "./remote.ts";
import type { RequestsMethods } from "./requests-child.ts";
import type { StreamsMethods } from "./streams-child.ts";

export const NODE_NAME = "chaos-node";
const POD_RANGE = "10.1.0.0/16";

/** How long load is kept up, in seconds: of the gate, or what DURATION says. */
export function duration(otherwise: number): number {
  return Number(process.env["DURATION"] ?? otherwise);
}

export interface ChaosLabOptions {
  /** "userspace": the agent runs without any right over the kernel. */
  readonly dataPlane: "nftables" | "userspace";
}

export class ChaosLab implements AsyncDisposable {
  readonly client: HttpClient;
  readonly api: ApiServerProcess;
  readonly netns: string;
  readonly clientNetns: string;
  readonly pods: Remote<PodsMethods>;
  readonly #options: ChaosLabOptions;
  readonly #dataDir: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<ChaosLab, "client" | "api" | "netns" | "clientNetns" | "pods">,
    options: ChaosLabOptions,
    dataDir: string,
    stack: AsyncDisposableStack,
  ) {
    this.client = parts.client;
    this.api = parts.api;
    this.netns = parts.netns;
    this.clientNetns = parts.clientNetns;
    this.pods = parts.pods;
    this.#options = options;
    this.#dataDir = dataDir;
    this.#stack = stack;
  }

  /** With the Service "web" in the API, but without endpoints and without an agent. */
  static async open(options: ChaosLabOptions): Promise<ChaosLab> {
    await using stack = new AsyncDisposableStack();
    const dataDir = mkdtempSync(join(tmpdir(), "fairlead-chaos-"));
    stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
    const home = openSync("/proc/self/ns/net", "r");
    stack.defer(() => {
      setns(home, CLONE_NEWNET);
      closeSync(home);
    });
    const netns = stack.use(testNetns("chaos")).name;
    const clientNetns = stack.use(testNetns("chaos-client")).name;
    const podsNetns = stack.use(testNetns("chaos-pods")).name;
    await connectNamespaces(netns, clientNetns, podsNetns, options);
    const own = openSync(netnsPath(netns), "r");
    setns(own, CLONE_NEWNET);
    closeSync(own);
    const api = stack.use(new ApiServerProcess(dataDir));
    await api.start();
    const client = stack.use(createHttpClient(await loadKubeconfig({ path: api.kubeconfig })));
    await client.create(serviceKind, WEB);
    const pods = stack.use(new Remote<PodsMethods>("pods-child.ts", podsNetns));
    return new ChaosLab({ client, api, netns, clientNetns, pods }, options, dataDir, stack.move());
  }

  /** Resolves when the agent says that it is ready. Killed with the lab. */
  async startAgent(): Promise<Up> {
    const userspace = this.#options.dataPlane === "userspace";
    const args = [
      ["agent", "--kubeconfig", this.api.kubeconfig],
      ["--node-name", NODE_NAME],
      ["--dataplane", this.#options.dataPlane],
      ["--cluster-cidr", POD_RANGE],
      ["--data-dir", join(this.#dataDir, "agent")],
      ["--log-level", "info"],
      // While one agent hands over to the next there are two.
      ...(userspace
        ? [
            ["--healthz-bind-address", "none"],
            ["--metrics-bind-address", "none"],
          ]
        : []),
    ].flat();
    return this.#stack.use(await fairleadUntilReady(args, { unprivileged: userspace }));
  }

  requests(): Remote<RequestsMethods> {
    return this.#stack.use(new Remote<RequestsMethods>("requests-child.ts", this.clientNetns));
  }

  streams(): Remote<StreamsMethods> {
    return this.#stack.use(new Remote<StreamsMethods>("streams-child.ts", this.clientNetns));
  }

  flow(): Remote<FlowMethods> {
    return this.#stack.use(new Remote<FlowMethods>("flow-child.ts", this.clientNetns));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

const WEB: Service = {
  metadata: { namespace: "default", name: "web" },
  spec: {
    type: "NodePort",
    clusterIP: VIP,
    ports: [
      { name: "http", port: VIP_HTTP.port, targetPort: HTTP_PORT },
      { name: "stream", port: VIP_STREAM.port, targetPort: STREAM_PORT },
      { name: "dgram", protocol: "UDP", port: VIP_DGRAM.port, targetPort: DGRAM_PORT, nodePort: NODE_PORT },
    ],
  },
};

async function connectNamespaces(
  node: string,
  client: string,
  pods: string,
  { dataPlane }: ChaosLabOptions,
): Promise<void> {
  using routes = await RouteSocket.open({ netns: node });
  routes.setLink("lo", { up: true });
  writeSysctl("net/ipv4/ip_forward", 1, node);
  writeSysctl("net/ipv4/icmp_ratelimit", 0, node);
  const attach = async (name: string, netns: string, network: string): Promise<RouteSocket> => {
    routes.createVeth({ name, up: true }, { name: "eth0" }, netns);
    routes.addAddress(name, ip(`${network}.1`), 24);
    const inside = await RouteSocket.open({ netns });
    inside.setLink("lo", { up: true });
    inside.setLink("eth0", { up: true });
    inside.addAddress("eth0", ip(`${network}.2`), 24);
    inside.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip(`${network}.1`) });
    return inside;
  };
  using _client = await attach("client", client, "192.0.2");
  using inPods = await attach("pods", pods, "10.200.0");
  // On the loopback interface a network is local as a whole: a pod can come up at any address.
  inPods.addAddress("lo", ip("10.1.0.1"), 16);
  routes.addRoute({ destination: cidr(POD_RANGE), gateway: ip("10.200.0.2") });
  if (dataPlane === "nftables") return;
  // A proxy can only listen at addresses that the machine has, and below 1024 only where everybody may.
  routes.addAddress("lo", ip("10.96.255.254"), 16);
  writeSysctl("net/ipv4/ip_unprivileged_port_start", 0, node);
}
