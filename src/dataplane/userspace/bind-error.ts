/** Why a virtual port could not be listened on, and what helps. */
import { backendName } from "./target.ts";
import type { VirtualPort } from "../table.ts";

/** `error` is what the system said to bind(2) or listen(2); errno(3) has the names. */
export function bindError(error: unknown, port: VirtualPort): { message: string; remedy: string } {
  const where = `${backendName(port)}/${port.protocol} of ${port.service}`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EACCES":
      return {
        message: `cannot listen on ${where}: ports below 1024 need a right that this process lacks`,
        remedy:
          "give the Service a port above 1023, or allow it with: sysctl net.ipv4.ip_unprivileged_port_start=0",
      };
    case "EADDRINUSE":
      return {
        message: `cannot listen on ${where}: another program listens there`,
        remedy: `find it with "ss -lnp 'sport = :${port.port}'" and stop it, or change the Service's port`,
      };
    case "EADDRNOTAVAIL":
      return {
        message: `cannot listen on ${where}: the address is not one of this machine's`,
        remedy:
          (port.type ?? "ClusterIP") === "ClusterIP"
            ? "use a --service-cidr inside 127.0.0.0/8, or run as root for the nftables data plane"
            : "give this machine the address, or run as root for the nftables data plane",
      };
    case "EMFILE":
    case "ENFILE":
      return {
        message: `cannot listen on ${where}: there are no file descriptors left`,
        remedy: "raise the limit on open files (ulimit -n)",
      };
    default:
      return { message: `cannot listen on ${where}: ${String(error)}`, remedy: "see what the system says" };
  }
}
