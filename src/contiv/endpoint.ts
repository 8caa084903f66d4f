/** A container as Contiv's endpoint. Pure. */
import { dockerNetworkName } from "../api/network/docker-name.ts";
import type { Network } from "../api/network/type.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { CONTAINER_NAME_ANNOTATION, CONTAINER_NETWORK_ANNOTATION } from "../api/pod/container-annotation.ts";
import type { Pod } from "../api/pod/type.ts";
import { cidrContains, type Ip, parseCidr, parseIp } from "../base/ip.ts";
import { CONTAINER_ID_ANNOTATION, RUNTIME_MARK } from "../containers/docker/marks.ts";
import { countsAsEndpoint } from "../controllers/pod-endpoint.ts";
import { networkKey } from "./network.ts";
import { contivName } from "./names.ts";
import type { Picture } from "./picture.ts";
import { ContivError } from "./refusal.ts";
import type { EndpointOper } from "./wire.ts";

export function endpointOper(pod: Pod, picture: Picture): EndpointOper {
  const { metadata, spec } = pod;
  const addresses = podAddresses(pod);
  const ofFamily = (family: number): string =>
    addresses.find((text) => parseIp(text)?.family === family) ?? "";
  const services = picture.selecting(pod);
  const id = containerId(pod);
  return {
    network: networkOfPod(pod, picture),
    endpointID: id,
    serviceName: services.map((service) => contivName("serviceLBs", service)).join(","),
    endpointGroupId: 0,
    endpointGroupKey: "",
    ipAddress: [ofFamily(4), ofFamily(6)],
    macAddress: "",
    homingHost: spec?.nodeName ?? "",
    intfName: "",
    vtepIP: "",
    labels: goMap(metadata.labels ?? {}),
    containerID: id,
    containerName: containerName(pod),
  };
}

/** The engine's id, or what else tells the container from all others. */
export function containerId({ metadata, status }: Pod): string {
  const given = metadata.annotations?.[CONTAINER_ID_ANNOTATION];
  if (given !== undefined) return given;
  const [container] = status?.containerStatuses ?? [];
  return container?.containerID?.replace(/^[a-z-]+:\/\//, "") ?? metadata.uid ?? "";
}

export function containerName({ metadata }: Pod): string {
  return metadata.annotations?.[CONTAINER_NAME_ANNOTATION] ?? metadata.name ?? "";
}

/** Whether the container runs and has an address. */
export function isUp(pod: Pod): boolean {
  return countsAsEndpoint(pod, true);
}

/**
 * The one container that `id` means, as Docker takes it: its whole id, else its name, else the beginning of its id ("db" and
 * "cafe" are both). Throws ContivError 404, or 400 if it means several.
 */
export function findEndpoint(pods: readonly Pod[], id: string): Pod {
  const ways: readonly ((pod: Pod) => boolean)[] = [
    (pod) => containerId(pod) === id,
    (pod) => containerName(pod) === id,
    (pod) => id !== "" && containerId(pod).startsWith(id),
  ];
  const found = ways.map((isIt) => pods.filter(isIt)).find(({ length }) => length > 0) ?? [];
  const [first, ...more] = found;
  if (first === undefined) throw new ContivError(404, `endpoint not found: ${id}`);
  if (more.length === 0) return first;
  const texts = found.map((pod) => `${containerId(pod).slice(0, 12)} (${containerName(pod)})`);
  throw new ContivError(400, `endpoint ${id} is any of ${texts.join(", ")}: write more of the id`);
}

/** Whether the container is on the network, by the engine's name of it or by its address. */
export function isOnNetwork(pod: Pod, { metadata, spec = {} }: Network): boolean {
  const { namespace = "", name = "" } = metadata;
  if (pod.metadata.annotations?.[CONTAINER_NETWORK_ANNOTATION] === dockerNetworkName(namespace, name))
    return true;
  const subnets = [spec.subnet, spec.ipv6Subnet]
    .map((text) => parseCidr(text ?? ""))
    .filter((one) => one !== undefined);
  return addressesOf(pod).some((address) => subnets.some((subnet) => cidrContains(subnet, address)));
}

function addressesOf(pod: Pod): Ip[] {
  return podAddresses(pod)
    .map(parseIp)
    .filter((address) => address !== undefined);
}

/** "tenant:network"; of a network of the engine's that is no Network, its name there. */
function networkOfPod(pod: Pod, picture: Picture): string {
  const network = picture.networks.find((one) => isOnNetwork(pod, one));
  if (network !== undefined) return networkKey(network, picture);
  const [name = ""] = (pod.metadata.annotations?.[CONTAINER_NETWORK_ANNOTATION] ?? "").split("/");
  return `${picture.tenantName(pod.metadata.namespace ?? "")}:${name}`;
}

/** As Go prints a map, its keys in order; our own mark is no label of the container. */
function goMap(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels)
    .filter(([key]) => key !== RUNTIME_MARK)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}:${value}`);
  return `map[${texts.join(" ")}]`;
}
