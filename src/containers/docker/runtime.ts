/**
 * The mirror of a container engine: every container of Docker or Podman on this machine is a Pod of this node.
 *
 * It starts and stops no container, and writes only Pods that carry its mark and are of its node. With `networks` it also
 * makes and removes the engine's networks as Networks come and go, and with `serviceRanges` it sees to it that containers
 * of one network reach virtual addresses behind another.
 */
import { type Log, silentLog } from "../../base/log.ts";
import type { BackoffOptions } from "../../base/backoff.ts";
import type { Client } from "../../client/client.ts";
import { createWorkQueue } from "../../base/workqueue.ts";
import { hasCapability } from "../../sys/capability.ts";
import { machineAddresses } from "../machine-addresses.ts";
import type { ContainerRuntime } from "../runtime.ts";
import { engineAddress, type EngineEnvironment } from "./engine-address.ts";
import { type Engine, openEngine } from "./engine.ts";
import { EngineNetworks } from "./engine-networks.ts";
import { EngineWatch } from "./engine-watch.ts";
import type { NetworkSummary } from "./engine-types.ts";
import { labelledNetwork } from "./network-wanted.ts";
import { Networks } from "./networks.ts";
import type { Outside } from "./passages.ts";
import { EngineReach, type PodNetworks } from "./reach.ts";
import type { PodContext } from "./pod-of.ts";
import { PodWriter } from "./pod-writer.ts";
import { type Leg, tenantLeg } from "./tenant.ts";

export interface DockerRuntimeOptions {
  readonly nodeName: string;
  /**
   * Of the machine, primary first: addresses of containers on the host's network, and status.hostIP.
   * @default {those of the interfaces in `netns`, without loopback, link-local and Docker's bridges}
   */
  readonly nodeAddresses?: readonly string[];
  /** Which engine. @default {process.env}, as the docker command: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH */
  readonly environment?: EngineEnvironment;
  /**
   * The ranges of virtual addresses, "10.96.0.0/16": the way to them is opened through the engine's isolation of its
   * networks, if this process may do that (CAP_NET_ADMIN). @default {[]: nothing of the host's is touched}
   */
  readonly serviceRanges?: readonly string[];
  /** The network namespace that the engine's networks are in. @default {the caller's} */
  readonly netns?: string;
  /** Whether the engine's networks are made and removed with Networks (fairlead.dev/v1). @default {false} */
  readonly networks?: boolean;
  /** Milliseconds between looks at the whole list of containers, and of networks. @default 30000 */
  readonly relistInterval?: number;
  /** Between attempts to reach the engine. @default 50 ms doubling to 5 s */
  readonly backoff?: BackoffOptions;
}

/** A Pod was written because of an event. Times in milliseconds. */
export interface PodWritten {
  readonly containerId: string;
  /** "start", "die", ... */
  readonly event: string;
  /** From the event to the end of the write. */
  readonly took: number;
}

export interface DockerRuntimeParts {
  readonly client: Client;
  readonly log?: Log;
  /** For metrics and tests. */
  readonly onPodWritten?: (written: PodWritten) => void;
  /**
   * Pairs of interfaces, in and out, between which a data plane must masquerade connections, because this kernel
   * bridges past netfilter: before run() is synced, and again when networks come and go. Only with `serviceRanges`.
   */
  readonly onMasqueradeBridges?: (pairs: readonly (readonly [input: string, output: string])[]) => void;
  /** Where the engine's networks are: before run() is synced, and when that changes. Only with `serviceRanges`. */
  readonly onNetworks?: (networks: PodNetworks) => void;
}

export interface DockerRuntime extends ContainerRuntime {
  /** "docker://20.10.24", for the Node's status. Throws EngineError. */
  containerRuntimeVersion(): Promise<string>;
  /** Whether the way between networks and virtual addresses is kept open here: only then are subnets and bridges told. */
  readonly hasReach: boolean;
  /** The ranges of virtual addresses have changed. Nothing where there were no `serviceRanges` at the start. */
  setServiceRanges(ranges: readonly string[]): void;
  /**
   * Virtual ports and addresses outside of the ranges may have changed: the way to these is kept open too. `find` is asked
   * when that is looked after next, for all of them in a stable order.
   */
  outsideChanged(find: () => Outside): void;
  /** Takes back what was put into the kernel for `serviceRanges`. After run() has ended. The Pods stay. */
  cleanup(): Promise<void>;
}

/** Throws EngineError if DOCKER_HOST makes no sense. */
export function createDockerRuntime(
  options: DockerRuntimeOptions,
): (parts: DockerRuntimeParts) => DockerRuntime {
  const address = engineAddress(options.environment ?? process.env);
  return (parts) => new Mirror(options, parts, () => openEngine(address));
}

class Mirror implements DockerRuntime {
  readonly name = "docker";
  readonly #options: DockerRuntimeOptions;
  readonly #parts: DockerRuntimeParts;
  readonly #log: Log;
  readonly #openEngine: () => Engine;
  readonly #reach: EngineReach | undefined;

  constructor(options: DockerRuntimeOptions, parts: DockerRuntimeParts, openEngine: () => Engine) {
    this.#options = options;
    this.#parts = parts;
    this.#log = parts.log ?? silentLog;
    this.#openEngine = openEngine;
    const { serviceRanges = [], netns } = options;
    if (serviceRanges.length === 0) return;
    const { onMasqueradeBridges, onNetworks } = parts;
    const reach = {
      serviceRanges,
      ...(netns !== undefined && { netns }),
      ...(onMasqueradeBridges !== undefined && { onMasqueradeBridges }),
      ...(onNetworks !== undefined && { onNetworks }),
    };
    if (hasCapability("NET_ADMIN")) this.#reach = new EngineReach(reach, this.#log);
    else this.#log.info({}, "no CAP_NET_ADMIN: the isolation of the engine's networks stays as it is");
  }

  get hasReach(): boolean {
    return this.#reach !== undefined;
  }

  async describe(): Promise<string> {
    using engine = this.#openEngine();
    const { product, version } = await productOf(engine);
    return `${product} ${version} at ${engine.address.text}`;
  }

  async containerRuntimeVersion(): Promise<string> {
    using engine = this.#openEngine();
    const { product, version } = await productOf(engine);
    return `${product.toLowerCase()}://${version}`;
  }

  setServiceRanges(ranges: readonly string[]): void {
    this.#reach?.setServiceRanges(ranges);
  }

  outsideChanged(find: () => Outside): void {
    this.#reach?.outsideChanged(find);
  }

  async cleanup(): Promise<void> {
    await this.#reach?.cleanup();
  }

  async run(signal: AbortSignal, onSynced?: () => void): Promise<void> {
    const { client, onPodWritten } = this.#parts;
    const { nodeName, netns, relistInterval, backoff } = this.#options;
    const nodeAddresses = this.#options.nodeAddresses ?? machineAddresses(netns);
    const log = this.#log;
    const reach = this.#reach;
    await using stack = new AsyncDisposableStack();
    const engine = stack.use(this.#openEngine());
    // Without the way, containers still reach what is on their own network.
    const reaching = reach?.run(engine, signal).catch((err: unknown) => {
      log.error({ err }, "the way between the engine's networks cannot be kept open");
    });
    const synced = (): void => {
      if (onSynced !== undefined) void Promise.race([reach?.looked, reaching]).then(onSynced);
    };
    const container = (id: string) => watch.get(id)?.container;
    const engineNetworks = new EngineNetworks({
      engine,
      onChange(before, after) {
        networks?.engineChanged(before, after);
        ownersChanged();
      },
    });
    const networks =
      this.#options.networks === true
        ? new Networks({
            client,
            engine,
            engineNetworks,
            machineAddresses: () => machineAddresses(netns),
            log,
            signal,
            onOwners() {
              ownersChanged();
              if (networks !== undefined) reach?.setNetworks(networks.subnets());
            },
            ...(backoff !== undefined && { backoff }),
          })
        : undefined;
    const ownerNamespace = (network: NetworkSummary): string | undefined =>
      (networks === undefined ? labelledNetwork(network) : networks.ownerOf(network))?.namespace;
    if (networks === undefined) reach?.setNetworks([]);
    else void networks.known.then(() => reach?.setNetworks(networks.subnets()));
    const context: PodContext = {
      nodeName,
      nodeAddresses,
      container,
      namespaceOfNetwork({ network, id }) {
        const found = engineNetworks.find(network, id);
        return found === undefined ? { unknown: true } : ownerNamespace(found);
      },
    };
    /** Which namespace each network of the engine is of, as it was last seen: Pods follow where that changes. */
    let owners = "";
    const ownersChanged = (): void => {
      const text = engineNetworks
        .all()
        .map((one) => `${one.Id} ${ownerNamespace(one) ?? ""}`)
        .sort()
        .join();
      if (text === owners) return;
      owners = text;
      for (const id of watch.ids()) add(id);
    };
    /** Nothing is written before both sides are known: a half-known engine would take Pods away. */
    let known = false;
    let firstPass: Set<string> | undefined;
    const queue = createWorkQueue({
      name: "docker",
      log,
      signal,
      async work(id) {
        const leg = tenantLegOf(id);
        if (leg !== undefined) await engineNetworks.learn(leg.network, leg.id);
        const watched = watch.get(id);
        const wrote = await writer.write(id, watched);
        if (watched?.event === undefined) return;
        const { action: event, time } = watched.event;
        watch.acknowledge(id, watched.event);
        if (!wrote) return;
        const took = performance.timeOrigin + performance.now() - time;
        log.debug({ container: id, event, took }, "wrote a Pod after an event");
        onPodWritten?.({ containerId: id, event, took });
      },
      onDone({ key }) {
        if (firstPass?.delete(key) !== true || firstPass.size > 0) return;
        firstPass = undefined;
        synced();
      },
    });
    const tenantLegOf = (id: string): Leg | undefined => {
      const of = container(id);
      return of?.State.Running === true || of?.State.Status === "created"
        ? tenantLeg(of, container)
        : undefined;
    };
    const add = (id: string): void => {
      if (known) queue.add(id);
    };
    const writer = new PodWriter({ client, log, context, signal, onForeignChange: add });
    const listNetworks = (): void => {
      engineNetworks.refresh().catch((err: unknown) => {
        // The list that follows, after half a minute or a new connection, asks again.
        log.warn({ err }, "asking the engine about its networks failed");
      });
    };
    const watch = stack.use(
      new EngineWatch({
        engine,
        log,
        onChange(id) {
          add(id);
          reach?.containersChanged();
        },
        onNetworkEvent(action, id) {
          if (action === "disconnect") networks?.containerLeft(id);
          else if (action !== "connect") {
            listNetworks();
            // A bridge has come or gone.
            reach?.containersChanged();
          }
        },
        listNetworks: async () => {
          await engineNetworks.refresh();
          networks?.lookAtAll();
        },
        onSynced() {
          const ids = new Set([...watch.ids(), ...writer.containerIds()]);
          if (!known) {
            known = true;
            firstPass = new Set(ids);
            if (ids.size === 0) synced();
          }
          for (const id of ids) queue.add(id);
          reach?.engineConnected();
        },
        ...(relistInterval !== undefined && { relistInterval }),
        ...(backoff !== undefined && { backoff }),
      }),
    );
    const following = networks?.run();
    try {
      await writer.synced;
      await networks?.known;
      await watch.run(signal);
    } catch (error) {
      // The informer's only reason not to become synced is the signal.
      if (!signal.aborted) throw error;
    }
    await Promise.all([queue.idle(), writer.done, reaching, following]);
  }
}

/** "Docker" or "Podman", which tells itself apart among its components. */
async function productOf(engine: Engine): Promise<{ readonly product: string; readonly version: string }> {
  const { Version, Components } = await engine.version();
  const podman = Components?.find(({ Name }) => Name.startsWith("Podman"));
  return podman === undefined
    ? { product: "Docker", version: Version }
    : { product: "Podman", version: podman.Version };
}
