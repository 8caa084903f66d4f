/** Brings one Network's network of the engine to what is wanted, and takes it away. What it finds is what the engine lists. */
import type { NetworkAddresses } from "../../api/network/addresses.ts";
import { dockerNetworkName } from "../../api/network/docker-name.ts";
import type { Log } from "../../base/log.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isGone, isInUse } from "./engine-error.ts";
import type { EngineNetworks } from "./engine-networks.ts";
import type { NetworkCreate, NetworkSummary } from "./engine-types.ts";
import {
  byHand,
  inUse,
  machineWithin,
  type NetworkOutcome,
  notReserved,
  overlaps,
  ready,
  refused,
} from "./network-status.ts";
import {
  differences,
  labelledNetwork,
  nameComplaint,
  type NetworkKey,
  overlapping,
  overlappingBridges,
  subnetComplaint,
  wantedNetwork,
  within,
} from "./network-wanted.ts";

export interface NetworkMakerParts {
  readonly engine: Pick<Engine, "containers" | "createNetwork" | "inspectNetwork" | "removeNetwork">;
  readonly engineNetworks: EngineNetworks;
  /** The machine's own now, without its containers' bridges. No network is made around one. @default none is known */
  readonly machineAddresses?: () => readonly string[];
  readonly log: Log;
}

/** Podman has no slashes in names. An underscore is in no name of an object either. */
const NO_SLASHES = /names must match/i;

export class NetworkMaker {
  readonly #parts: NetworkMakerParts;
  readonly #installation: string;
  /** Networks that are to go when the last container has left them, by id. */
  readonly #leaving = new Set<string>();
  #slashes = true;

  /** `installation`: whose networks these are. All others of the engine are somebody else's. */
  constructor(parts: NetworkMakerParts, installation: string) {
    this.#parts = parts;
    this.#installation = installation;
  }

  /** Whether this network of the engine goes as soon as nobody is on it. */
  isLeaving(id: string): boolean {
    return this.#leaving.has(id);
  }

  /** Why no engine can have a network for it, for people. */
  complaint({ namespace, name }: NetworkKey, families: readonly NetworkAddresses[]): string | undefined {
    const complaints = [nameComplaint(dockerNetworkName(namespace, name)), ...families.map(subnetComplaint)];
    return complaints.find((one) => one !== undefined);
  }

  /** Makes it if it is not there, and anew if it is another and nobody is on it. Throws EngineError if the engine is away. */
  async bring(
    key: NetworkKey,
    families: readonly NetworkAddresses[],
    vips: readonly string[],
  ): Promise<NetworkOutcome> {
    const wanted = wantedNetwork(key, this.#nameOf(key), families, vips, this.#installation);
    if (this.#found(key).length === 0) await this.#parts.engineNetworks.refresh();
    const [found, ...twins] = this.#found(key);
    // Made by another fairlead in the same moment, on an engine that takes a name twice: all keep the oldest.
    for (const twin of twins) await this.#remove(twin);
    return found === undefined ? this.#make(wanted) : this.#adjust(found, wanted);
  }

  /** Removes all that the engine has for it. What is in the way if it cannot; it is then to be called again (isLeaving). */
  async remove(key: NetworkKey): Promise<NetworkOutcome | undefined> {
    let inTheWay: NetworkOutcome | undefined;
    for (const found of this.#found(key)) {
      const kept = await this.#remove(found);
      if (kept !== undefined) this.#leaving.add(found.Id);
      inTheWay = kept ?? inTheWay;
    }
    return inTheWay;
  }

  #nameOf({ namespace, name }: NetworkKey): string {
    const engineName = dockerNetworkName(namespace, name);
    return this.#slashes ? engineName : engineName.replace("/", "_");
  }

  /** The oldest first. */
  #found({ namespace, name }: NetworkKey): NetworkSummary[] {
    const age = ({ Created = "", Id }: NetworkSummary): string => `${Created} ${Id}`;
    return this.#parts.engineNetworks
      .all()
      .filter((network) => {
        const labelled = labelledNetwork(network, this.#installation);
        return labelled?.namespace === namespace && labelled.name === name;
      })
      .sort((a, b) => (age(a) < age(b) ? -1 : 1));
  }

  async #adjust(found: NetworkSummary, wanted: NetworkCreate): Promise<NetworkOutcome> {
    const { other, unreserved } = differences(found, wanted);
    if (other.length === 0 && unreserved.length === 0) return ready({ name: found.Name, id: found.Id });
    const kept = (await this.#keptByStopped(found)) ?? (await this.#remove(found));
    if (kept === undefined) return this.#make(wanted);
    return other.length === 0
      ? notReserved(unreserved, kept)
      : { ...kept, message: `${other.join("; ")}: ${kept.message}` };
  }

  async #make(wanted: NetworkCreate): Promise<NetworkOutcome> {
    const { engine, engineNetworks, log } = this.#parts;
    const sameName = engineNetworks.all().find(({ Name }) => Name === wanted.Name);
    if (sameName !== undefined) return byHand(sameName, wanted);
    const inTheWay = overlappingBridges(engineNetworks.all(), wanted);
    if (inTheWay.length > 0) return overlaps(inTheWay);
    const own = within(this.#parts.machineAddresses?.() ?? [], wanted);
    if (own.length > 0) return machineWithin(own);
    let id: string;
    try {
      id = await engine.createNetwork(wanted);
    } catch (error) {
      if (!(error instanceof EngineError) || error.failure !== "refused") throw error;
      if (this.#slashes && NO_SLASHES.test(error.said ?? "") && wanted.Name.includes("/")) {
        this.#slashes = false;
        return this.#make({ ...wanted, Name: wanted.Name.replace("/", "_") });
      }
      await engineNetworks.refresh();
      // Somebody was quicker, another fairlead perhaps: what there is now is looked at next.
      if (engineNetworks.all().some(({ Name }) => Name === wanted.Name)) throw error;
      return refused(error, overlapping(engineNetworks.all(), wanted));
    }
    const { Containers: _, ...made } = await engine.inspectNetwork(id);
    engineNetworks.put(made);
    log.info({ network: wanted.Name, id }, "made a network of the engine");
    return ready({ name: wanted.Name, id });
  }

  /** A container that has stopped asks for its network by id when it starts again: of the same name is not enough. */
  async #keptByStopped({ Id, Name }: NetworkSummary): Promise<NetworkOutcome | undefined> {
    const containers = await this.#parts.engine.containers();
    const names = containers
      .filter(({ NetworkSettings }) =>
        Object.values(NetworkSettings?.Networks ?? {}).some(({ NetworkID }) => NetworkID === Id),
      )
      .map(({ Id: id, Names: [name = id.slice(0, 12)] }) => name.replace(/^\//, ""));
    return names.length === 0
      ? undefined
      : inUse({ name: Name, id: Id }, `network ${Name} has containers`, names);
  }

  /** What is in the way if containers run on it. */
  async #remove({ Id, Name }: NetworkSummary): Promise<NetworkOutcome | undefined> {
    const { engine, engineNetworks, log } = this.#parts;
    try {
      await engine.removeNetwork(Id);
    } catch (error) {
      if (isInUse(error)) {
        const { Containers } = await engine.inspectNetwork(Id);
        const names = Object.entries(Containers ?? {}).map(([id, one]) => one.Name ?? id.slice(0, 12));
        return inUse({ name: Name, id: Id }, (error as EngineError).said!, names);
      }
      if (!isGone(error)) throw error;
    }
    this.#leaving.delete(Id);
    log.info({ network: Name, id: Id }, "removed a network of the engine");
    engineNetworks.forget(Id);
    return undefined;
  }
}
