/** The columns of `kubectl get endpointslices` (printers/internalversion printEndpointSlice). */
import { ageColumn, column, firstThree, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { EndpointSlice } from "./type.ts";

export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn,
  column("AddressType", "The type of all addresses.", ({ addressType }) => addressType),
  column("Ports", "The ports of every endpoint.", ({ ports = [] }) =>
    orUnset(ports.map(({ port, name }) => (port === undefined ? (name ?? "*") : String(port)))),
  ),
  column("Endpoints", "The endpoints' addresses.", ({ endpoints }) =>
    orUnset(endpoints.flatMap(({ addresses }) => addresses)),
  ),
  ageColumn,
];

function orUnset(list: readonly string[]): string {
  const text = firstThree(list);
  return text === "" ? "<unset>" : text;
}
