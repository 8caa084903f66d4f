/** The columns of `kubectl get endpoints` (printers/internalversion printEndpoints). */
import { ageColumn, column, firstThree, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { Endpoints, EndpointSubset } from "./type.ts";

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn,
  column("Endpoints", "Addresses and ports that are ready.", ({ subsets = [] }) =>
    subsets.length === 0 ? "<none>" : firstThree(subsets.flatMap(formatSubset)),
  ),
  ageColumn,
];

function formatSubset({ addresses = [], ports = [] }: EndpointSubset): string[] {
  if (ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) =>
    addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
  );
}
