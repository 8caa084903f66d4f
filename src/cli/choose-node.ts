/** Which Node a command is about: the one that is named, else that of the machine it runs on. */
import { hostname } from "node:os";
import type { Node } from "../api/node/type.ts";
import { UserError } from "./user-error.ts";

/** Throws UserError if there is none of that name. */
export function namedNode(nodes: readonly Node[], name: string): Node {
  const found = nodes.find(({ metadata }) => metadata.name === name);
  if (found !== undefined) return found;
  const names = nodes.map(({ metadata }) => metadata.name).join(", ");
  throw new UserError(
    `there is no Node named ${name}`,
    names === "" ? "no node has registered itself" : `take one of ${names}`,
  );
}

/**
 * The Node of a machine with these addresses. An address says more than the name, which several nodes on one machine (in
 * network namespaces) share; where machines behind routers have the same address, it is the name that tells them apart.
 */
export function machinesNode(
  nodes: readonly Node[],
  addresses: readonly string[],
  name: string = hostname().toLowerCase(),
): Node | undefined {
  const score = (node: Node): number =>
    2 * Number(nodeAddresses(node).some((address) => addresses.includes(address))) +
    Number(node.metadata.name === name);
  return nodes.filter((node) => score(node) > 0).toSorted((a, b) => score(b) - score(a))[0];
}

/** By which others reach it, as it says. */
export function nodeAddresses({ status }: Node): string[] {
  return (status?.addresses ?? [])
    .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
    .map(({ address }) => address);
}
