/** The target of a trace, as written on the command line: an address and port, or a Service. */
import type { Protocol, Service } from "../../api/service/type.ts";
import { formatIp, parseIp } from "../../base/ip.ts";
import type { VirtualPort } from "../../dataplane/table.ts";
import { isNodePort } from "../../dataplane/table.ts";
import { UserError } from "../user-error.ts";

export interface AddressTarget {
  readonly kind: "address";
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly protocol?: Protocol;
}

export interface ServiceTarget {
  readonly kind: "service";
  /** "namespace/name". */
  readonly service: string;
  /** Name or number. @default {all ports} */
  readonly port?: string;
  readonly protocol?: Protocol;
}

const NAME = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const ADDRESS = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/;
const SERVICE = new RegExp(`^(?:(${NAME})/)?(${NAME})(?::(${NAME}))?$`);
const PROTOCOL = /\/(tcp|udp|sctp)$/i;

/**
 * Reads "10.96.0.10:80", "[fd00::1]:80", "web", "default/web" or "web:http", each with "/UDP" or another protocol after
 * it. A Service without a namespace is one of `namespace`. Throws UserError that shows the text.
 */
export function parseTarget(text: string, namespace = "default"): AddressTarget | ServiceTarget {
  const named = PROTOCOL.exec(text);
  // "default/tcp" may be a Service: a protocol comes after a port, or after a name with a namespace.
  const isProtocol = named !== null && /[:/]/.test(text.slice(0, named.index));
  const protocol = isProtocol ? { protocol: named[1]!.toUpperCase() as Protocol } : {};
  const rest = isProtocol ? text.slice(0, named.index) : text;
  const match = ADDRESS.exec(rest);
  const address = match === null ? undefined : parseIp((match[1] ?? match[2])!);
  const port = Number(match?.[3]);
  if (address !== undefined && port >= 1 && port <= 65_535)
    return { kind: "address", address: formatIp(address), port, ...protocol };
  const service = match === null && parseIp(rest) === undefined ? SERVICE.exec(rest) : null;
  if (service === null)
    throw new UserError(
      `${JSON.stringify(text)} is neither an address and port nor a Service`,
      'write it as "10.96.0.10:80", "[fd00::1]:80", "10.96.0.10:53/UDP", "default/web" or "web:http"',
    );
  const [, where = namespace, name, portName] = service;
  return {
    kind: "service",
    service: `${where}/${name}`,
    ...(portName === undefined ? {} : { port: portName }),
    ...protocol,
  };
}

/**
 * The virtual ports that the target means; node ports at `nodeAddresses`, the first of the family. Throws UserError if
 * the Service has none.
 */
export function addressesOf(
  target: ServiceTarget,
  ports: Iterable<VirtualPort>,
  nodeAddresses: readonly string[],
  services: readonly Service[] = [],
): AddressTarget[] {
  const own = [...ports].filter(({ service }) => service === target.service);
  const found = own.filter(
    ({ portName, port, protocol }) =>
      (target.port === undefined || target.port === portName || target.port === String(port)) &&
      (target.protocol === undefined || target.protocol === protocol),
  );
  const addresses = found.flatMap((port): AddressTarget[] => {
    const { address, protocol } = port;
    const six = address.includes(":");
    const at = isNodePort(port) ? nodeAddresses.find((one) => one.includes(":") === six) : address;
    return at === undefined ? [] : [{ kind: "address", address: at, port: port.port, protocol }];
  });
  if (addresses.length > 0) return addresses;
  if (own.length === 0) throw new UserError(noAddress(target.service, services));
  const names = own.map(({ portName, port, protocol }) => `${portName || port}/${protocol}`);
  throw new UserError(`Service ${target.service} has no such port; it has ${[...new Set(names)].join(", ")}`);
}

function noAddress(key: string, services: readonly Service[]): string {
  const spec = services.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key)?.spec;
  if (spec === undefined) return `there is no Service ${key}, or it is left to another proxy`;
  if (spec.type === "ExternalName")
    return `Service ${key} has no virtual address: it is a name in DNS for ${spec.externalName}`;
  return spec.clusterIP === "None"
    ? `Service ${key} has no virtual address: it is headless, and its name in DNS leads to its endpoints themselves`
    : `Service ${key} has no virtual address and port yet`;
}
