/**
 * Every kind that is served, in the order of discovery.
 *
 * A kind is a folder: type.ts (its TypeScript type), schema.ts (the same with wire numbers, merge keys and descriptions,
 * checked against the type by the compiler), defaults.ts, prepare.ts where the server decides something, validation.ts,
 * columns.ts, and kind.ts, which puts them together. To add one, write the folder and add it here: the server,
 * discovery, OpenAPI, patches and protobuf need nothing more.
 */
import { endpointSliceKind } from "./endpointslice/kind.ts";
import { endpointsKind } from "./endpoints/kind.ts";
import { eventKind } from "./event/kind.ts";
import { ipAddressKind } from "./ipaddress/kind.ts";
import type { Kind } from "./kind.ts";
import { namespaceKind } from "./namespace/kind.ts";
import { nodeKind } from "./node/kind.ts";
import { podKind } from "./pod/kind.ts";
import { serviceKind } from "./service/kind.ts";
import { serviceCIDRKind } from "./servicecidr/kind.ts";

export const kinds: readonly Kind[] = [
  endpointsKind,
  eventKind,
  namespaceKind,
  nodeKind,
  podKind,
  serviceKind,
  endpointSliceKind,
  ipAddressKind,
  serviceCIDRKind,
];
