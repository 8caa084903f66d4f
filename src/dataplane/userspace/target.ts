/** A backend as the proxy uses it: with its name, and its address as connect(2) takes it. */
import { ip } from "../../base/ip.ts";
import { socketAddress } from "../../sys/netns-socket.ts";
import type { Backend } from "../table.ts";

export interface Target {
  /** "10.0.0.1:80", "[fd00::1]:80". */
  readonly name: string;
  readonly weight: number;
  readonly socketAddress: Uint8Array;
}

/** "10.0.0.1:80", "[fd00::1]:80". */
export function backendName({ address, port }: Pick<Backend, "address" | "port">): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function targetOf(backend: Backend): Target {
  return {
    name: backendName(backend),
    weight: backend.weight ?? 1,
    socketAddress: socketAddress(ip(backend.address), backend.port),
  };
}
