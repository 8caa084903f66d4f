/** Address families as rtnetlink's headers have them. */
import type { IpFamily } from "../../base/ip.ts";

/** AF_INET or AF_INET6. */
export function addressFamily(family: IpFamily): number {
  return family === 4 ? 2 : 10;
}

/** The family of an rtnetlink header; undefined for families that are not IP (bridges, MPLS). */
export function ipFamily(family: number): IpFamily | undefined {
  return family === 2 ? 4 : family === 10 ? 6 : undefined;
}
