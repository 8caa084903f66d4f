/**
 * Makes the engine's networks those that the Networks of the API want: made with them, removed with them, made again
 * when somebody has removed one by hand. Which is whose is told by a label on the engine's network, so nothing has to be
 * remembered, and any number of restarts of either side leave one network for each Network.
 */
import { ApiError } from "../../api/api-error.ts";
import { networkAddresses } from "../../api/network/addresses.ts";
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import { networkKind } from "../../api/network/kind.ts";
import { ENGINE_FINALIZER, NETWORK_ANNOTATION, type Network } from "../../api/network/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { backoffDelay, type BackoffOptions, pause } from "../../base/backoff.ts";
import type { Log } from "../../base/log.ts";
import { createWorkQueue, type WorkQueue } from "../../base/workqueue.ts";
import type { Client } from "../../client/client.ts";
import { type Informer, startInformer } from "../../client/informer.ts";
import { keyOf, keyText } from "../../client/object-key.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isGone, isInUse } from "./engine-error.ts";
import type { EngineNetworks } from "./engine-networks.ts";
import type { NetworkCreate, NetworkSummary } from "./engine-types.ts";
import { isObserved, type NetworkOutcome, networkStatus } from "./network-status.ts";
import {
  differences,
  hasSameSubnets,
  labelledNetwork,
  nameComplaint,
  overlapping,
  subnetComplaint,
  wantedNetwork,
} from "./network-wanted.ts";

export interface NetworksOptions {
  readonly client: Client;
  readonly engine: Pick<Engine, "createNetwork" | "inspectNetwork" | "removeNetwork">;
  /** Whose changes are to be told to {@link Networks.engineChanged}. */
  readonly engineNetworks: EngineNetworks;
  readonly log: Log;
  /** Ends it. The networks stay. */
  readonly signal: AbortSignal;
  /** Networks of the engine belong to other Networks than before. */
  readonly onOwners: () => void;
  /** Milliseconds until a server without the kind Network is asked again. @default 60000 */
  readonly probeInterval?: number;
  readonly backoff?: BackoffOptions;
}

const FIELD_MANAGER = { fieldManager: "fairlead" };
/** Podman has no slashes in names (its define.NameRegex). An underscore is in no name of an object either. */
const NO_SLASHES = /names must match/i;

export class Networks {
  readonly #options: NetworksOptions;
  readonly #queue: WorkQueue;
  #networks: Informer<Network, "engineName"> | undefined;
  #services: Informer<Service, "network"> | undefined;
  readonly #known = Promise.withResolvers<void>();
  /** By uid: the outcome that was last written, so that agents of several hosts do not fight over one status. */
  readonly #written = new Map<string, string>();
  /** Networks of the engine that are to go, or to be made anew, when the last container has left them. */
  readonly #waiting = new Set<string>();
  #slashes = true;

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

  /** Resolves when the Networks are known, or the server has none. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    if (!(await this.#served())) return;
    const networks = this.#follow();
    try {
      await Promise.all([networks.synced, this.#services!.synced]);
      this.#known.resolve();
      this.#options.onOwners();
      this.lookAtAll();
    } catch (error) {
      // The informers' only reason not to become synced is the signal.
      if (!signal.aborted) throw error;
    }
    await Promise.all([this.#queue.idle(), networks.done, this.#services!.done]);
  }

  /** Looks at all Networks and all networks of the engine: it answers again, or nobody has told of anything for a while. */
  lookAtAll(): void {
    if (this.#networks?.hasSynced !== true || this.#services?.hasSynced !== true) return;
    for (const key of this.#networks.list().keys()) this.#queue.add(key);
    for (const network of this.#options.engineNetworks.all()) this.#addOwner(network);
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
    if (!this.#waiting.has(networkId)) return;
    const network = this.#options.engineNetworks.find("", networkId);
    if (network !== undefined) this.#addOwner(network);
  }

  /** The Network that a network of the engine belongs to: by its label, or, made by hand, by its name and subnets. */
  ownerOf(network: NetworkSummary): { readonly namespace: string; readonly name: string } | undefined {
    const labelled = labelledNetwork(network);
    if (labelled !== undefined) return labelled;
    const named = this.#networks?.byIndex("engineName", network.Name).values() ?? [];
    for (const { metadata, spec = {} } of named) {
      const { namespace = "", name = "" } = metadata;
      const wanted = wantedNetwork({ namespace, name }, network.Name, networkAddresses(spec), []);
      if (hasSameSubnets(network, wanted)) return { namespace, name };
    }
    return undefined;
  }

  #addOwner(network: NetworkSummary): void {
    const labelled = labelledNetwork(network);
    if (labelled !== undefined) this.#queue.add(keyText(labelled.namespace, labelled.name));
    else for (const key of this.#networks!.byIndex("engineName", network.Name).keys()) this.#queue.add(key);
  }

  /** Whether the server has the kind, asked until it has. Any Kubernetes will do without. */
  async #served(): Promise<boolean> {
    const { client, log, signal, probeInterval = 60_000, backoff } = this.#options;
    let said = "";
    for (let failures = 0; !signal.aborted;) {
      try {
        await client.list(networkKind, { limit: 1 });
        return true;
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
    return false;
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
      indexes: { network: (service) => networkOf(service) },
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
      if (network === undefined) await this.#removeOf(key);
      else if (network.metadata.deletionTimestamp !== undefined) await this.#finish(network);
      else if ((network.spec?.type ?? "Data") === "Data") await this.#bring(network);
      else await this.#withoutEngine(network);
    } catch (error) {
      if (error instanceof EngineError && network !== undefined && !isObserved(network))
        await this.#write(network, {
          status: "Unknown",
          reason: "EngineUnreachable",
          message: error.said ?? error.message,
        });
      throw error;
    }
  }

  /** The networks that the engine has for a Network, the oldest first. */
  #found(key: string): NetworkSummary[] {
    return this.#options.engineNetworks
      .all()
      .filter((network) => {
        const labelled = labelledNetwork(network);
        return labelled !== undefined && keyText(labelled.namespace, labelled.name) === key;
      })
      .sort((a, b) => ((a.Created ?? "") + a.Id < (b.Created ?? "") + b.Id ? -1 : 1));
  }

  /** It is to go. */
  async #finish(network: Network): Promise<void> {
    if (network.metadata.finalizers?.includes(ENGINE_FINALIZER) !== true) return;
    const inUse = await this.#removeOf(keyOf(network));
    if (inUse !== undefined) return this.#write(network, inUse);
    const finalizers = network.metadata.finalizers.filter((one) => one !== ENGINE_FINALIZER);
    await this.#update({ ...network, metadata: { ...network.metadata, finalizers } });
  }

  async #withoutEngine(network: Network): Promise<void> {
    const inUse = await this.#removeOf(keyOf(network));
    if (inUse !== undefined) return this.#write(network, inUse);
    let current = network;
    if (network.metadata.finalizers?.includes(ENGINE_FINALIZER) === true) {
      const finalizers = network.metadata.finalizers.filter((one) => one !== ENGINE_FINALIZER);
      current = await this.#update({ ...network, metadata: { ...network.metadata, finalizers } });
    }
    const message = "a Network of type Infra has addresses for Services alone";
    await this.#write(current, { status: "True", reason: "NoEngineNetwork", message });
  }

  /** Removes the engine's networks for a Network; what is in the way if it cannot. */
  async #removeOf(key: string): Promise<NetworkOutcome | undefined> {
    let inUse: NetworkOutcome | undefined;
    for (const found of this.#found(key)) inUse = (await this.#remove(found)) ?? inUse;
    return inUse;
  }

  async #remove(found: NetworkSummary): Promise<NetworkOutcome | undefined> {
    const { engine, engineNetworks, log } = this.#options;
    try {
      await engine.removeNetwork(found.Id);
    } catch (error) {
      if (isInUse(error)) {
        this.#waiting.add(found.Id);
        return this.#inUse(found, (error as EngineError).said!);
      }
      if (!isGone(error)) throw error;
    }
    this.#waiting.delete(found.Id);
    log.info({ network: found.Name, id: found.Id }, "removed a network of the engine");
    engineNetworks.forget(found.Id);
    return undefined;
  }

  async #inUse({ Id, Name }: NetworkSummary, said: string): Promise<NetworkOutcome> {
    const { Containers } = await this.#options.engine.inspectNetwork(Id);
    const names = Object.entries(Containers ?? {}).map(([id, { Name: name }]) => name ?? id.slice(0, 12));
    const who = names.length === 0 ? "" : ` (${names.sort().join(", ")})`;
    return {
      status: "False",
      reason: "InUse",
      message: `${said}${who}`,
      dockerNetwork: { name: Name, id: Id },
    };
  }

  async #bring(before: Network): Promise<void> {
    const { engineNetworks } = this.#options;
    const key = keyOf(before);
    let network = before;
    const { finalizers = [], namespace = "", name = "" } = network.metadata;
    const engineName = this.#nameOf(namespace, name);
    const families = networkAddresses(network.spec ?? {});
    const complaint = [nameComplaint(engineName), ...families.map(subnetComplaint)].find(
      (one) => one !== undefined,
    );
    if (complaint !== undefined)
      return this.#write(network, { status: "False", reason: "NotPossible", message: complaint });
    if (!finalizers.includes(ENGINE_FINALIZER))
      network = await this.#update({
        ...network,
        metadata: { ...network.metadata, finalizers: [...finalizers, ENGINE_FINALIZER] },
      });
    const vips = [...this.#services!.byIndex("network", key).values()].flatMap(
      ({ spec }) => spec?.clusterIPs ?? [],
    );
    const wanted = wantedNetwork({ namespace, name }, engineName, families, vips);
    if (this.#found(key).length === 0) await engineNetworks.refresh();
    const [found, ...twins] = this.#found(key);
    for (const twin of twins) await this.#remove(twin);
    const outcome = found === undefined ? await this.#make(wanted) : await this.#adjust(found, wanted);
    await this.#write(network, outcome);
    if (outcome.again === true) throw new Error(outcome.message);
  }

  #nameOf(namespace: string, name: string): string {
    const engineName = dockerNetworkName(namespace, name);
    return this.#slashes ? engineName : engineName.replace("/", "_");
  }

  async #adjust(found: NetworkSummary, wanted: NetworkCreate): Promise<NetworkOutcome> {
    const { other, unreserved } = differences(found, wanted);
    const dockerNetwork = { name: found.Name, id: found.Id };
    if (other.length === 0 && unreserved.length === 0) return ready(dockerNetwork);
    const inUse = await this.#remove(found);
    if (inUse === undefined) return this.#make(wanted);
    if (other.length > 0) return { ...inUse, message: `${other.join("; ")}: ${inUse.message}` };
    return {
      status: "True",
      reason: "AddressNotReserved",
      message:
        `containers may be given ${unreserved.join(", ")} of a Service: the engine's network can be made anew` +
        ` without only when nobody is on it: ${inUse.message}`,
      dockerNetwork,
    };
  }

  async #make(wanted: NetworkCreate): Promise<NetworkOutcome> {
    const { engine, engineNetworks, log } = this.#options;
    const sameName = engineNetworks.all().find(({ Name }) => Name === wanted.Name);
    if (sameName !== undefined) return byHand(sameName, wanted);
    let id: string;
    try {
      id = await engine.createNetwork(wanted);
    } catch (error) {
      if (!(error instanceof EngineError) || error.failure !== "refused") throw error;
      if (this.#slashes && NO_SLASHES.test(error.said ?? "") && wanted.Name.includes("/")) {
        this.#slashes = false;
        return this.#make({ ...wanted, Name: wanted.Name.replace("/", "_") });
      }
      // Somebody was quicker, another fairlead perhaps: what it made is looked at next.
      if (error.status === 409) {
        await engineNetworks.refresh();
        if (engineNetworks.all().some(({ Name }) => Name === wanted.Name)) throw error;
      }
      return refused(error, overlapping(engineNetworks.all(), wanted));
    }
    const { Containers: _, ...made } = await engine.inspectNetwork(id);
    engineNetworks.put(made);
    log.info({ network: wanted.Name, id }, "made a network of the engine");
    return ready({ name: wanted.Name, id });
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
        this.#options.log.warn(
          { network: keyOf(network), reason: outcome.reason, why: outcome.message },
          "the engine's network is not as the Network has it",
        );
    }
    this.#written.set(uid, text);
  }
}

function isReady({ status }: Network): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
}

function ready(dockerNetwork: { readonly name: string; readonly id: string }): NetworkOutcome {
  const message = `the engine has the network ${dockerNetwork.name}`;
  return { status: "True", reason: "EngineNetworkReady", message, dockerNetwork };
}

function refused(error: EngineError, inTheWay: readonly string[]): NetworkOutcome {
  const why = inTheWay.length === 0 ? "" : `: ${inTheWay.join(", ")}`;
  const message = `${error.said ?? error.message}${why}`;
  // What the engine could not do, not would not, it may be able to do later.
  const again = (error.status ?? 500) >= 500;
  return { status: "False", reason: "EngineRefused", message, ...(again && { again }) };
}

/** A network of the wanted name that has not our label: somebody's own. */
function byHand(found: NetworkSummary, wanted: NetworkCreate): NetworkOutcome {
  const dockerNetwork = { name: found.Name, id: found.Id };
  const subnets = (found.IPAM?.Config ?? []).map(({ Subnet }) => Subnet).join(", ");
  if (!hasSameSubnets(found, wanted))
    return {
      status: "False",
      reason: "NameTaken",
      message:
        `the engine has a network ${found.Name} (${found.Driver}, ${subnets}) that was made by hand and is not this one:` +
        ` docker network rm ${found.Name}, or give the Network another name`,
    };
  const { other, unreserved } = differences(found, wanted);
  const part = [...other, ...unreserved.map((address) => `containers may be given ${address} of a Service`)];
  return {
    status: "True",
    reason: "MadeByHand",
    message: [
      `the engine's network ${found.Name} was made by hand: it is used, and never removed`,
      ...part,
    ].join("; "),
    dockerNetwork,
  };
}

function networkOf({ metadata }: Service): string[] {
  const name = metadata.annotations?.[NETWORK_ANNOTATION];
  return name === undefined || name === "" ? [] : [keyText(metadata.namespace, name)];
}

/** Of a Service: whose network it is of, and its addresses. */
function neededOfService({ metadata, spec }: Service): Service {
  const { namespace, name, uid, resourceVersion, annotations } = metadata;
  const network = annotations?.[NETWORK_ANNOTATION];
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
