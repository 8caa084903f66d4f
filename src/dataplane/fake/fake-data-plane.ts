/** The nftables data plane on a kernel in memory: what it programs can be asked, packet by packet. */
import type { Ip } from "../../base/ip.ts";
import { formatIp } from "../../base/ip.ts";
import type { NftablesDataPlaneControls, NftablesDataPlaneOptions } from "../nftables/controls.ts";
import { NftablesDataPlane } from "../nftables/nftables-data-plane.ts";
import { FakePort } from "./fake-port.ts";
import { FakeKernel } from "./kernel.ts";

export interface FakeDataPlane extends NftablesDataPlaneControls {
  readonly name: "fake";
  /** Where it programs: send packets through it, or change it behind the data plane's back. */
  readonly kernel: FakeKernel;
}

/** The same code as for a real kernel, down to the commands. Needs no rights and leaves nothing behind. */
export function createFakeDataPlane(
  kernel: FakeKernel = new FakeKernel(),
  options: NftablesDataPlaneOptions = {},
): FakeDataPlane {
  const port = new FakePort(kernel);
  const watch = async (onChange: (what: string) => void) => port.watch(onChange);
  const isLocal = (address: Ip) => kernel.host.isLocal(formatIp(address));
  const plane = new NftablesDataPlane(
    {
      kernel: port,
      watch,
      watchNewClients: async (listener) => port.watchNewClients(listener),
      isLocal,
      loopback: kernel.host.loopback,
    },
    options,
  );
  return {
    name: "fake",
    kernel,
    sync: (table) => plane.sync(table),
    apply: (delta) => plane.apply(delta),
    setMasqueradeBridges: (pairs) => plane.setMasqueradeBridges(pairs),
    setLocalBridges: (bridges) => plane.setLocalBridges(bridges),
    forgetClients: (addresses) => plane.forgetClients(addresses),
    readClients: () => plane.readClients(),
    countClients: () => plane.countClients(),
    readCounters: () => plane.readCounters(),
    readMapFill: () => plane.readMapFill(),
    cleanup: () => plane.cleanup(),
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}
