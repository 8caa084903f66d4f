/** Every kind that is served, in the order of discovery. */
import { endpointSliceKind } from "./endpointslice/kind.ts";
import { endpointsKind } from "./endpoints/kind.ts";
import { eventKind } from "./event/kind.ts";
import type { Kind } from "./kind.ts";
import { namespaceKind } from "./namespace/kind.ts";
import { nodeKind } from "./node/kind.ts";
import { podKind } from "./pod/kind.ts";
import { serviceKind } from "./service/kind.ts";

export const kinds: readonly Kind[] = [
  endpointsKind,
  eventKind,
  namespaceKind,
  nodeKind,
  podKind,
  serviceKind,
  endpointSliceKind,
];
