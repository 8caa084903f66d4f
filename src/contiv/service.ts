/** A serviceLB as Contiv has it, and the Service it is in Kubernetes. Pure. */
import { serviceNetwork } from "../api/network/service-network.ts";
import { NETWORK_ANNOTATION } from "../api/network/type.ts";
import { BALANCE_ANNOTATION, type BalancePolicy } from "../api/service/balance.ts";
import type { Service, ServicePort } from "../api/service/type.ts";
import { canonicalAddress } from "../base/sloppy-ip.ts";
import { contivName, kubernetesName, nameAnnotation } from "./names.ts";
import type { Picture } from "./picture.ts";
import { ContivError } from "./refusal.ts";
import { portMapping, selectorOf } from "./validation.ts";
import type { ServiceConfig } from "./wire.ts";

/** The address that was asked for, which spec.clusterIP does not tell from one that was drawn. */
const PREFERRED_IP_ANNOTATION = "fairlead.dev/preferred-ip";
/** As Contiv's own: each client keeps its provider, and a new one gets the provider with the fewest clients. */
const DEFAULT_BALANCE: BalancePolicy = "least-clients";

export function serviceKey(service: Service, picture: Picture): string {
  return `${picture.tenantName(service.metadata.namespace ?? "")}:${contivName("serviceLBs", service)}`;
}

export function serviceConfig(service: Service, picture: Picture): ServiceConfig {
  const { metadata, spec = {} } = service;
  const { namespace = "", annotations = {} } = metadata;
  const tenantName = picture.tenantName(namespace);
  const serviceName = contivName("serviceLBs", service);
  const network = serviceNetwork(service);
  const networkName = network === undefined ? "" : picture.networkName(namespace, network);
  return {
    key: `${tenantName}:${serviceName}`,
    tenantName,
    networkName,
    serviceName,
    ipAddress: preferredIp(service),
    selectors: Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`),
    ports: (spec.ports ?? []).map(portText),
    ...(annotations[BALANCE_ANNOTATION] !== undefined && { balance: annotations[BALANCE_ANNOTATION] }),
    links: {
      ...(networkName !== "" && { Network: { type: "network", key: `${tenantName}:${networkName}` } }),
      Tenant: { type: "tenant", key: tenantName },
    },
  };
}

/** "" as well where the Service has another address by now: kubectl may move it, or copy it with its annotations. */
function preferredIp(service: Service): string {
  const asked = service.metadata.annotations?.[PREFERRED_IP_ANNOTATION] ?? "";
  return virtualAddresses(service).includes(asked) ? asked : "";
}

/** The virtual addresses, the primary first; none of a headless Service. */
export function virtualAddresses({ spec }: Service): readonly string[] {
  const addresses = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []);
  return addresses.filter((address) => address !== "None" && address !== "");
}

/** A new one, of a config that was checked. */
export function serviceOf(config: ServiceConfig): Service {
  const { serviceName, tenantName, networkName, ipAddress = "" } = config;
  const clusterIP = ipAddress === "" ? undefined : canonicalAddress(ipAddress);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      namespace: kubernetesName("tenants", tenantName),
      name: kubernetesName("serviceLBs", serviceName),
      annotations: {
        ...nameAnnotation("serviceLBs", serviceName),
        ...(networkName !== "" && { [NETWORK_ANNOTATION]: kubernetesName("networks", networkName) }),
        ...(clusterIP !== undefined && { [PREFERRED_IP_ANNOTATION]: clusterIP }),
        [BALANCE_ANNOTATION]: config.balance || DEFAULT_BALANCE,
      },
    },
    spec: {
      type: "ClusterIP",
      selector: selectorOf(config.selectors),
      ports: portsOf(config.ports, []),
      ...(clusterIP !== undefined && { clusterIP }),
    },
  };
}

/**
 * The Service as the config wants it; undefined if it is so already. What Contiv has no word for stays as it is. The virtual
 * address stays too, unless the network is another: then it is the one that is asked for, else the server draws one there.
 * Throws ContivError 400 if another address of the same network is asked for, 409 if the Service can have none.
 */
export function changedService(service: Service, config: ServiceConfig): Service | undefined {
  const { annotations = {} } = service.metadata;
  const network = config.networkName === "" ? undefined : kubernetesName("networks", config.networkName);
  const moves = network !== serviceNetwork(service);
  const given = config.ipAddress ? canonicalAddress(config.ipAddress) : "";
  // Whoever changes the network sends the old address along with all that they read.
  const wanted = moves && given === preferredIp(service) ? "" : given;
  if (moves && network !== undefined && virtualAddresses(service).length === 0)
    throw new ContivError(409, [{ field: "networkName", message: noAddress(service, config) }]);
  if (wanted !== "" && !moves && !virtualAddresses(service).includes(wanted))
    throw new ContivError(400, [{ field: "ipAddress", message: addressRefusal(service, config, wanted) }]);
  const before = JSON.stringify(relevant(service));
  const changed = structuredClone(service);
  const notes = { ...annotations };
  if (network === undefined) delete notes[NETWORK_ANNOTATION];
  else notes[NETWORK_ANNOTATION] = network;
  if (wanted !== "") notes[PREFERRED_IP_ANNOTATION] = wanted;
  else if (moves) delete notes[PREFERRED_IP_ANNOTATION];
  // An old client does not know the field: then the choice stays.
  if (config.balance) notes[BALANCE_ANNOTATION] = config.balance;
  changed.metadata.annotations = notes;
  const spec = (changed.spec ??= {});
  const selector = selectorOf(config.selectors);
  if (!sameLabels(selector, spec.selector ?? {})) spec.selector = selector;
  const ports = portsOf(config.ports, spec.ports ?? []);
  if (!samePorts(ports, spec.ports ?? [])) spec.ports = ports;
  if (moves) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    if (wanted !== "") {
      spec.clusterIP = wanted;
      spec.clusterIPs = [wanted];
    }
  }
  return JSON.stringify(relevant(changed)) === before ? undefined : changed;
}

function noAddress({ spec = {} }: Service, { tenantName, serviceName, networkName }: ServiceConfig): string {
  const why = spec.type === "ExternalName" ? "its type is ExternalName" : "it is headless";
  return `Network ${networkName} has no address for ${tenantName}:${serviceName}: ${why}`;
}

function addressRefusal(service: Service, config: ServiceConfig, wanted: string): string {
  const key = `${config.tenantName}:${config.serviceName}`;
  const [vip = "none"] = virtualAddresses(service);
  return `Cant change ipAddress of ${key} from ${vip} to ${wanted} after its created: delete it and create it anew`;
}

/** What a config says something about; in the order of the fields, which stays. */
function relevant({ metadata, spec }: Service): unknown {
  const {
    [NETWORK_ANNOTATION]: network,
    [PREFERRED_IP_ANNOTATION]: ip,
    [BALANCE_ANNOTATION]: balance,
  } = metadata.annotations ?? {};
  return [network ?? "", ip ?? "", balance ?? "", spec?.selector ?? {}, spec?.ports ?? []];
}

function portText({ port, targetPort, protocol = "TCP" }: ServicePort): string {
  return `${port}:${targetPort === undefined || targetPort === 0 ? port : targetPort}:${protocol}`;
}

/** With what `before` says of the same port and protocol: its name, its node port. */
function portsOf(texts: readonly string[], before: readonly ServicePort[]): ServicePort[] {
  const ports = texts.map((text): ServicePort => {
    const { port, target, protocol } = portMapping(text);
    const old = before.find((one) => isSamePort(one, { port, protocol }));
    return { ...old, port, protocol, targetPort: target };
  });
  // A name that somebody gave stays with its port, also where it is the one that we would give to another.
  const names = new Set(ports.map(({ name }) => name));
  for (const port of ports) {
    if (port.name) continue;
    // A port that is alone needs no name, and whoever made it without one knows it by none.
    if (ports.length === 1 && before.some((old) => !old.name && isSamePort(old, port))) continue;
    const ours = `${port.port}-${port.protocol!.toLowerCase()}`;
    port.name = ours;
    for (let n = 2; names.has(port.name); n++) port.name = `${ours}-${n}`;
    names.add(port.name);
  }
  return ports;
}

function isSamePort(a: ServicePort, b: ServicePort): boolean {
  return a.port === b.port && (a.protocol ?? "TCP") === (b.protocol ?? "TCP");
}

function samePorts(a: readonly ServicePort[], b: readonly ServicePort[]): boolean {
  const texts = (ports: readonly ServicePort[]): string => ports.map(portText).sort().join(" ");
  return texts(a) === texts(b);
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
