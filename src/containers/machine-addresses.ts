/** The addresses by which others reach this machine. */
import { networkInterfaces } from "node:os";
import { callInNetns } from "../sys/netns.ts";

/** Where containers' and pods' own networks are: Docker's bridges, their ports, and the bridge of pods that are processes. */
const POD_SIDE = /^(docker\d+|br-[0-9a-f]{12}|veth.*|fairlead\d+)$/;

/** Of the interfaces of a namespace, without loopback, link-local and pods' sides; the caller's namespace if none is named. */
export function machineAddresses(netns?: string): string[] {
  return Object.entries(callInNetns(netns, networkInterfaces))
    .filter(([name]) => !POD_SIDE.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address))
    .map(({ address }) => address);
}
