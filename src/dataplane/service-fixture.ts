/** Services, EndpointSlices and virtual ports as short texts, for the tables of tests. */
import { parse } from "yaml";
import type { Endpoint, EndpointSlice } from "../api/endpointslice/type.ts";
import { WEIGHTS_ANNOTATION } from "../api/endpointslice/weights.ts";
import type { ObjectMeta } from "../api/meta/type.ts";
import type { Service } from "../api/service/type.ts";
import type { Backend, Choice, VirtualPort } from "./table.ts";

/** A Service from YAML of its spec, status and metadata; what is not said is a ClusterIP with one port, 80. */
export function serviceOf(yaml: string): Service {
  const { metadata, spec, status } = (parse(yaml) ?? {}) as Partial<Service>;
  return {
    metadata: { namespace: "default", name: "web", ...metadata },
    spec: { clusterIP: "10.96.0.1", ports: [{ port: 80 }], ...spec },
    ...(status !== undefined && { status }),
  };
}

/**
 * Endpoints with spaces between them, each an address and what it has:
 * `!` not ready, `~` terminating (but serving, unless `!`), `@node`, `+zone` for a hint, `%node` for a hint, `*weight`.
 */
export function sliceOf(
  endpoints: string,
  more: Partial<EndpointSlice> = {},
  meta: ObjectMeta = {},
): EndpointSlice {
  const texts = endpoints.split(" ").filter((text) => text !== "");
  const weights = texts
    .map((text) => [addressIn(text), /\*(\d+)/.exec(text)?.[1]] as const)
    .filter(([, weight]) => weight !== undefined);
  return {
    metadata: {
      namespace: "default",
      name: "web-1",
      labels: { "kubernetes.io/service-name": "web" },
      ...(weights.length > 0 && {
        annotations: {
          [WEIGHTS_ANNOTATION]: JSON.stringify(
            Object.fromEntries(weights.map(([address, weight]) => [address, Number(weight)])),
          ),
        },
      }),
      ...meta,
    },
    addressType: endpoints.includes("::") ? "IPv6" : "IPv4",
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
    endpoints: texts.map(endpointOf),
    ...more,
  };
}

function endpointOf(text: string): Endpoint {
  const [unready, terminating] = [text.includes("!"), text.includes("~")];
  const nodeName = /@(\w+)/.exec(text)?.[1];
  const forZones = Array.from(text.matchAll(/\+(\w+)/g), ([, name]) => ({ name: name! }));
  const forNodes = Array.from(text.matchAll(/%(\w+)/g), ([, name]) => ({ name: name! }));
  return {
    addresses: [addressIn(text)],
    conditions: { ready: !unready && !terminating, serving: !unready, terminating },
    ...(nodeName !== undefined && { nodeName }),
    ...(forZones.length + forNodes.length > 0 && {
      hints: { ...(forZones.length > 0 && { forZones }), ...(forNodes.length > 0 && { forNodes }) },
    }),
  };
}

function addressIn(text: string): string {
  return /^[\w.:]+/.exec(text)![0];
}

/** `ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080`, and what else it says in words. */
export function portText(port: VirtualPort): string {
  const { type, address, protocol, external, sourceRanges, balance, affinity } = port;
  return [
    `${type} ${address} ${port.port}/${protocol}`,
    ...(port.portName === "" ? [] : [`"${port.portName}"`]),
    `-> ${choiceText(port)}`,
    ...(external === undefined ? [] : [`| outside -> ${choiceText(external)}`]),
    ...(sourceRanges === undefined ? [] : [`from [${sourceRanges.join(" ")}]`]),
    ...(balance === undefined ? [] : [balance]),
    ...(affinity === undefined ? [] : [`for ${affinity} s`]),
  ].join(" ");
}

function choiceText({ backends, whenEmpty }: Choice): string {
  return backends.length === 0 ? (whenEmpty ?? "refuse") : backends.map(backendText).join(" ");
}

/** `*3` is a weight, `@` is local. */
function backendText({ address, port, weight, local }: Backend): string {
  const place = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return `${place}${weight === undefined ? "" : `*${weight}`}${local === true ? "@" : ""}`;
}
