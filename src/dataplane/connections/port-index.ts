/** Which virtual port a connection was made to: by its whole destination, or, for a node port, by protocol and port. */
import { ipBytes, parseIp } from "../../base/ip.ts";
import { type SocketKey, socketKey } from "../../net/conntrack/flow-reader.ts";
import { isNodePort, type VirtualPort } from "../table.ts";
import type { Flow } from "./accounting.ts";

export interface PortIndex<T> {
  replace(entries: Iterable<readonly [VirtualPort, T]>): void;
  /** undefined: it was made to no virtual port. Connections must be translated ones: others' may have the same port. */
  find(flow: Pick<Flow, "destination" | "destinationPort" | "protocol" | "family">): T | undefined;
}

export function createPortIndex<T>(): PortIndex<T> {
  const byDestination = new Map<SocketKey, T>();
  const nodePorts = { 4: new Map<number, T>(), 6: new Map<number, T>() };
  return {
    replace(entries) {
      byDestination.clear();
      nodePorts[4].clear();
      nodePorts[6].clear();
      for (const [port, value] of entries) {
        const address = parseIp(port.address)!;
        if (isNodePort(port)) nodePorts[address.family].set(nodePortKey(port.protocol, port.port), value);
        else byDestination.set(socketKey(ipBytes(address), port.protocol, port.port), value);
      }
    },
    find: ({ destination, destinationPort, protocol, family }) =>
      byDestination.get(destination) ?? nodePorts[family].get(nodePortKey(protocol, destinationPort)),
  };
}

function nodePortKey(protocol: VirtualPort["protocol"], port: number): number {
  return port * 4 + (protocol === "TCP" ? 0 : protocol === "UDP" ? 1 : 2);
}
