/**
 * Node ports on [::1], beside a data plane of the kernel, which cannot have them: Linux drops what leaves ::1 for another
 * address (RFC 4291, section 2.5.3), and has no route_localnet for IPv6. So a proxy listens there.
 *
 * Wrap the kernel's data plane: `withLoopbackNodePorts(await createNftablesDataPlane(...), { log })`.
 */
import type { DataPlane, SyncReport } from "../dataplane.ts";
import {
  NODE_ADDRESS,
  type ServiceTable,
  type TableDelta,
  type VirtualPort,
  virtualPortKey,
} from "../table.ts";
import { createUserspaceDataPlane, type UserspaceDataPlane, type UserspaceOptions } from "./userspace.ts";

const LOOPBACK = "::1";

/**
 * `kernel` with a proxy for the IPv6 node ports of [::1], TCP and UDP. Its name, reports and errors are those of
 * `kernel`; what the proxy cannot listen on is told once and tried again, and stops nothing else. Owns `kernel`.
 */
export function withLoopbackNodePorts<Kernel extends DataPlane>(
  kernel: Kernel,
  options: UserspaceOptions = {},
): DataPlane & { readonly kernel: Kernel } {
  return new WithLoopbackNodePorts(kernel, createUserspaceDataPlane(options));
}

class WithLoopbackNodePorts<Kernel extends DataPlane> implements DataPlane {
  readonly kernel: Kernel;
  readonly name: string;
  readonly #proxy: UserspaceDataPlane;

  constructor(kernel: Kernel, proxy: UserspaceDataPlane) {
    this.kernel = kernel;
    this.name = kernel.name;
    this.#proxy = proxy;
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    const ports = loopbackPorts(table.ports.values()).map((port) => [virtualPortKey(port), port] as const);
    const [report] = await Promise.all([
      this.kernel.sync(table),
      this.#proxy.sync({ ...table, ports: new Map(ports) }),
    ]);
    return report;
  }

  async apply(delta: TableDelta): Promise<void> {
    const prefix = `${NODE_ADDRESS[6]}|`;
    const remove = delta.remove.flatMap((key) =>
      key.startsWith(prefix) ? `${LOOPBACK}|${key.slice(prefix.length)}` : [],
    );
    const set = loopbackPorts(delta.set);
    await this.kernel.apply(delta);
    if (set.length + remove.length > 0) await this.#proxy.apply({ set, remove });
  }

  async cleanup(): Promise<void> {
    await Promise.all([this.kernel.cleanup(), this.#proxy.cleanup()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _kernel = this.kernel;
    await using _proxy = this.#proxy;
  }
}

/** SCTP is no proxy's: it is left out without a word, since the kernel has it at all other addresses. */
function loopbackPorts(ports: Iterable<VirtualPort>): VirtualPort[] {
  return [...ports]
    .filter(({ address, protocol }) => address === NODE_ADDRESS[6] && protocol !== "SCTP")
    .map((port) => ({ ...port, address: LOOPBACK }));
}
