/**
 * Makes the engine's networks those that the Networks of the API want: made with them, removed with them, made again
 * when somebody has removed one by hand. Which is whose is told by a label on the engine's network, so nothing has to be
 * remembered, and any number of restarts of either side leave one network for each Network.
 */
import { ApiError } from "../../api/api-error.ts";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { networkAddresses } from "../../api/network/addresses.ts";
import { networkType } from "../../api/network/defaults.ts";
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import { networkKind } from "../../api/network/kind.ts";
import { isReady, readyCondition } from "../../api/network/ready-condition.ts";
import { serviceNetwork } from "../../api/network/service-network.ts";
import { ENGINE_FINALIZER, NETMASTER, NETWORK_ANNOTATION, type Network } from "../../api/network/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { backoffDelay, type BackoffOptions, pause } from "../../base/backoff.ts";
import { formatCidr } from "../../base/ip.ts";
import { createWorkQueue, type WorkQueue } from "../../base/workqueue.ts";
import type { Client } from "../../client/client.ts";
import { type Informer, startInformer } from "../../client/informer.ts";
import { keyOf, keyText, splitKey } from "../../client/object-key.ts";
import { EngineError } from "./engine-error.ts";
import type { NetworkSummary } from "./engine-types.ts";
import { NetworkMaker, type NetworkMakerParts } from "./network-maker.ts";
import { type NetworkOutcome, networkStatus } from "./network-status.ts";
import { hasSameSubnets, labelledNetwork, type NetworkKey, wantedNetwork } from "./network-wanted.ts";

/** The changes of `engineNetworks` are to be told to {@link Networks.engineChanged}. */
export interface NetworksOptions extends NetworkMakerParts {
  readonly client: Client;
  /** Ends it. The networks stay. */
  readonly signal: AbortSignal;
  /** Networks of the engine belong to other Networks than before. */
  readonly onOwners: () => void;
  /** Milliseconds until a server without the kind Network is asked again. @default 60000 */
  readonly probeInterval?: number;
  readonly backoff?: BackoffOptions;
}

const FIELD_MANAGER = { fieldManager: "fairlead" };

export class Networks {
  readonly #options: NetworksOptions;
  readonly #queue: WorkQueue;
  /** Once it is known which installation this is. */
  #maker: NetworkMaker | undefined;
  #installation: string | undefined;
  #networks: Informer<Network, "engineName"> | undefined;
  #services: Informer<Service, "network"> | undefined;
  readonly #known = Promise.withResolvers<void>();
  /** By uid: the outcome that was last written, so that agents of several hosts do not fight over one status. */
  readonly #written = new Map<string, string>();

  constructor(options: NetworksOptions) {
    this.#options = options;
    const { log, signal, backoff } = options;
    this.#queue = createWorkQueue({
      name: "docker-networks",
      work: (key) => this.#work(key),
      // The engine makes them one after another anyway.
      concurrency: 4,
      backoff: { limit: 10_000, ...backoff },
      log,
      signal,
    });
  }

  /** Resolves when the Networks are known, the server has none, or the signal has aborted. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const installation = await this.#served();
    if (installation === undefined) return;
    this.#installation = installation;
    this.#maker = new NetworkMaker(this.#options, installation);
    const networks = this.#follow();
    try {
      await Promise.all([networks.synced, this.#services!.synced]);
      this.#known.resolve();
      this.#options.onOwners();
      this.lookAtAll();
    } catch (error) {
      // The informers' only reason not to become synced is the signal.
      if (!signal.aborted) throw error;
      this.#known.resolve();
    }
    await Promise.all([this.#queue.idle(), networks.done, this.#services!.done]);
  }

  /** Looks at all Networks and all networks of the engine: it answers again, or nobody has told of anything for a while. */
  lookAtAll(): void {
    if (this.#networks?.hasSynced !== true || this.#services?.hasSynced !== true) return;
    for (const key of this.#networks.list().keys()) this.#queue.add(key);
    for (const network of this.#options.engineNetworks.all()) this.#addOwner(network);
  }

  /** Those of all Networks that are known, also of those that no container is on. As CIDRs in a stable order. */
  subnets(): string[] {
    const all = [...(this.#networks?.list().values() ?? [])];
    return all
      .flatMap(({ spec = {} }) => networkAddresses(spec).map(({ subnet }) => formatCidr(subnet)))
      .sort();
  }

  /** A network of the engine has come, gone or changed. */
  engineChanged(before: NetworkSummary | undefined, after: NetworkSummary | undefined): void {
    if (this.#networks?.hasSynced !== true) return;
    for (const network of [before, after]) if (network !== undefined) this.#addOwner(network);
    // What was in the way of others may be gone.
    if (before !== undefined)
      for (const [key, network] of this.#networks.list()) if (!isReady(network)) this.#queue.add(key);
  }

  /** A container has left a network of the engine. */
  containerLeft(networkId: string): void {
    const network = this.#options.engineNetworks.find("", networkId);
    // One that is only to be made anew stays: a container that is being restarted must find it.
    if (network !== undefined && this.#maker?.isLeaving(networkId) === true) this.#addOwner(network);
  }

  /** The Network that a network of the engine belongs to: by its label, or, made by hand, by its name and subnets. */
  ownerOf(network: NetworkSummary): NetworkKey | undefined {
    const installation = this.#installation;
    if (installation === undefined) return undefined;
    const labelled = labelledNetwork(network, installation);
    if (labelled !== undefined) return labelled;
    const named = this.#networks?.byIndex("engineName", network.Name).values() ?? [];
    for (const { metadata, spec = {} } of named) {
      const { namespace = "", name = "" } = metadata;
      const wanted = wantedNetwork(
        { namespace, name },
        network.Name,
        networkAddresses(spec),
        [],
        installation,
      );
      if (networkType(spec) === "Data" && hasSameSubnets(network, wanted)) return { namespace, name };
    }
    return undefined;
  }

  #addOwner(network: NetworkSummary): void {
    const labelled = labelledNetwork(network, this.#installation);
    if (labelled !== undefined) this.#queue.add(keyText(labelled.namespace, labelled.name));
    else for (const key of this.#networks!.byIndex("engineName", network.Name).keys()) this.#queue.add(key);
  }

  /**
   * Which installation this is, once its server has the kind: asked until it has, since any Kubernetes will do without.
   * Undefined when the signal has aborted.
   */
  async #served(): Promise<string | undefined> {
    const { client, log, signal, probeInterval = 60_000, backoff } = this.#options;
    let said = "";
    for (let failures = 0; !signal.aborted;) {
      try {
        await client.list(networkKind, { limit: 1 });
        // What others tell clusters apart by, too.
        return (await client.get(namespaceKind, { name: "kube-system" })).metadata.uid ?? "";
      } catch (err) {
        if (!(err instanceof ApiError)) throw err;
        const lacks = err.code === 404 || err.code === 403;
        if (lacks) this.#known.resolve();
        if (err.code !== 404 && said !== err.message)
          log.warn(
            { why: err.message },
            "the Networks cannot be read: the engine's networks stay as they are",
          );
        said = err.message;
        await pause(lacks ? probeInterval : backoffDelay(++failures, backoff), signal);
      }
    }
    this.#known.resolve();
    return undefined;
  }

  #follow(): Informer<Network, "engineName"> {
    const { client, log, signal } = this.#options;
    const networks = startInformer<Network, "engineName">({
      client,
      kind: networkKind,
      log,
      signal,
      indexes: {
        engineName: ({ metadata: { namespace = "", name = "" } }) => [dockerNetworkName(namespace, name)],
      },
    });
    const add = (network: Network): void => this.#queue.add(keyOf(network));
    networks.addHandler({
      onAdd: add,
      onUpdate: add,
      onDelete: (network) => {
        this.#written.delete(network.metadata.uid ?? "");
        add(network);
      },
    });
    const owners = (): void => {
      if (networks.hasSynced) this.#options.onOwners();
    };
    networks.addHandler({ onAdd: owners, onDelete: owners });
    this.#services = startInformer<Service, "network">({
      client,
      kind: serviceKind,
      log,
      signal,
      transform: neededOfService,
      indexes: { network: networkOf },
    });
    const addNetworkOf = (...services: readonly Service[]): void => {
      for (const key of services.flatMap(networkOf)) this.#queue.add(key);
    };
    this.#services.addHandler({ onAdd: addNetworkOf, onUpdate: addNetworkOf, onDelete: addNetworkOf });
    this.#networks = networks;
    return networks;
  }

  async #work(key: string): Promise<void> {
    const { engineNetworks } = this.#options;
    if (this.#networks?.hasSynced !== true || this.#services?.hasSynced !== true) return;
    const network = this.#networks.getByKey(key);
    try {
      if (!engineNetworks.known) await engineNetworks.refresh();
      const outcome =
        network === undefined ? await this.#removeOrphan(key) : await this.#bringTo(network, key);
      if (outcome?.again === true) throw new Error(outcome.message);
    } catch (error) {
      if (error instanceof EngineError && network !== undefined && readyCondition(network) === undefined) {
        const message = error.said ?? error.message;
        await this.#write(network, { status: "Unknown", reason: "EngineUnreachable", message });
      }
      throw error;
    }
  }

  /** What the engine has for a Network that is no more. */
  async #removeOrphan(key: string): Promise<NetworkOutcome | undefined> {
    const { namespace = "", name } = splitKey(key);
    try {
      // Another fairlead may have made it for a Network that we have not heard of yet.
      await this.#options.client.get(networkKind, { namespace, name });
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
    }
    return this.#maker!.remove({ namespace, name });
  }

  /** What it came to, once that is written. */
  async #bringTo(network: Network, key: string): Promise<NetworkOutcome> {
    const { namespace = "", name = "", deletionTimestamp } = network.metadata;
    const of = { namespace, name };
    const isData = networkType(network.spec) === "Data";
    if (deletionTimestamp !== undefined || !isData) {
      const inUse = await this.#maker!.remove(of);
      const message = "a Network of type Infra has addresses for Services alone";
      const outcome = inUse ?? ({ status: "True", reason: "NoEngineNetwork", message } as const);
      const kept = inUse === undefined ? await this.#setFinalizer(network, false) : network;
      if (inUse !== undefined || deletionTimestamp === undefined) await this.#write(kept, outcome);
      return outcome;
    }
    const families = networkAddresses(network.spec ?? {});
    const complaint = this.#maker!.complaint(of, families);
    if (complaint !== undefined) {
      const outcome = { status: "False", reason: "NotPossible", message: complaint } as const;
      await this.#write(network, outcome);
      return outcome;
    }
    const held = await this.#setFinalizer(network, true);
    const services = [...this.#services!.byIndex("network", key).values()];
    const vips = services.flatMap(({ spec }) => spec?.clusterIPs ?? []);
    const outcome = await this.#maker!.bring(of, families, vips);
    await this.#write(held, outcome);
    return outcome;
  }

  /** The finalizer is there before the engine's network is, and goes after it. */
  async #setFinalizer(network: Network, wanted: boolean): Promise<Network> {
    const { finalizers = [] } = network.metadata;
    if (finalizers.includes(ENGINE_FINALIZER) === wanted) return network;
    const others = finalizers.filter((one) => one !== ENGINE_FINALIZER);
    return this.#update({
      ...network,
      metadata: { ...network.metadata, finalizers: wanted ? [...others, ENGINE_FINALIZER] : others },
    });
  }

  async #update(network: Network): Promise<Network> {
    const written = await this.#options.client.update(networkKind, network, FIELD_MANAGER);
    this.#networks!.observe(written);
    return written;
  }

  async #write(network: Network, outcome: NetworkOutcome): Promise<void> {
    const { uid = "", generation } = network.metadata;
    const text = JSON.stringify([generation, outcome]);
    if (this.#written.get(uid) === text) return;
    const status = networkStatus(network, outcome, `${new Date().toISOString().slice(0, 19)}Z`);
    if (status !== undefined) {
      const written = await this.#options.client.update(
        networkKind,
        { ...network, status },
        { ...FIELD_MANAGER, subresource: "status" },
      );
      this.#networks!.observe(written);
      if (outcome.status === "False")
        this.#options.log[isAwaited(network) ? "info" : "warn"](
          { network: keyOf(network), reason: outcome.reason, why: outcome.message },
          "the engine's network is not as the Network has it",
        );
    }
    this.#written.set(uid, text);
  }
}

/** Somebody waits to hear this first outcome, and it is to nobody else that it is news. */
function isAwaited(network: Network): boolean {
  const said = readyCondition(network)?.status ?? "Unknown";
  const managers = network.metadata.managedFields ?? [];
  return said === "Unknown" && managers.some(({ manager }) => manager === NETMASTER);
}

function networkOf(service: Service): string[] {
  const name = serviceNetwork(service);
  return name === undefined ? [] : [keyText(service.metadata.namespace, name)];
}

/** Of a Service: whose network it is of, and its addresses. */
function neededOfService(service: Service): Service {
  const { metadata, spec } = service;
  const { namespace, name, uid, resourceVersion } = metadata;
  const network = serviceNetwork(service);
  return {
    metadata: {
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(network !== undefined && { annotations: { [NETWORK_ANNOTATION]: network } }),
    },
    ...(network !== undefined && spec?.clusterIPs !== undefined && { spec: { clusterIPs: spec.clusterIPs } }),
  };
}
