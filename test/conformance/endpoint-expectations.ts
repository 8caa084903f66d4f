/** What upstream's expectEndpoints and expectEndpointsAndSlices ask of a Service's Endpoints and slices. */
import assert from "node:assert/strict";
import type {
  CoreV1EndpointPort,
  V1Endpoints,
  V1EndpointSlice,
  V1ObjectReference,
  V1Pod,
  V1Service,
} from "@kubernetes/client-node";
import { eventually } from "../lab/eventually.ts";
import type { ApiClient, Wire } from "./resource.ts";

const LIMIT = 2 * 60_000;

export interface Expected {
  readonly service: Wire<V1Service>;
  readonly pods: readonly Wire<V1Pod>[];
  /** The target port is a name, so that each pod has its own number for it. */
  readonly namedPort: boolean;
}

export function serviceSlices(service: string): string {
  return `kubernetes.io/service-name=${service}`;
}

type Port = Pick<CoreV1EndpointPort, "name" | "protocol"> & { readonly port?: number };

export async function expectEndpoints(
  api: ApiClient,
  namespace: string,
  expected: Expected,
  subsets: number,
): Promise<void> {
  const { service, pods } = expected;
  const name = service.metadata!.name!;
  const endpoints = await eventually(`Endpoints ${name} of ${pods.length} addresses`, LIMIT, async () => {
    const found = await api.core<V1Endpoints>("endpoints", namespace).find(name);
    const all = (found?.subsets ?? []).flatMap(addressesOf);
    return found !== undefined && (found.subsets ?? []).length === subsets && all.length === pods.length
      ? found
      : undefined;
  });
  assert.equal(endpoints.metadata!.name, name);
  for (const subset of endpoints.subsets ?? []) {
    expectPorts(expected, subset.ports ?? []);
    for (const { ip, targetRef } of addressesOf(subset))
      expectPod(expected, ip, targetRef, subset.ports?.[0]);
  }
}

export async function expectSlices(
  api: ApiClient,
  namespace: string,
  expected: Expected,
  atLeast: number,
): Promise<void> {
  const { service, pods } = expected;
  const name = service.metadata!.name!;
  const slices = await eventually(`slices of ${name} with ${pods.length} endpoints`, LIMIT, async () => {
    const { items } = await api
      .of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", namespace)
      .list({ labelSelector: serviceSlices(name) });
    const endpoints = items.flatMap(({ endpoints }) => endpoints ?? []);
    return items.length >= atLeast && items.length > 0 && endpoints.length >= pods.length ? items : undefined;
  });
  if (pods.length === 0) assert.equal(slices.length, 1);
  const addresses = new Set<string>();
  for (const slice of slices) {
    if (pods.length === 0) assert.deepEqual(slice.ports ?? [], []);
    else expectPorts(expected, slice.ports ?? []);
    for (const endpoint of slice.endpoints ?? []) {
      assert.ok(endpoint.addresses.length > 0, "an endpoint must have an address");
      addresses.add(endpoint.addresses[0]!);
      expectPod(expected, endpoint.addresses[0]!, endpoint.targetRef, slice.ports?.[0]);
    }
  }
  assert.equal(addresses.size, pods.length);
}

function addressesOf(
  subset: NonNullable<Wire<V1Endpoints>["subsets"]>[number],
): { ip: string; targetRef?: Wire<V1ObjectReference> }[] {
  return [...(subset.addresses ?? []), ...(subset.notReadyAddresses ?? [])];
}

/** As many ports as the Service has; unless they are named, the very same. */
function expectPorts({ service, namedPort }: Expected, ports: readonly Port[]): void {
  const wanted = service.spec!.ports!;
  assert.equal(ports.length, wanted.length);
  if (namedPort) return;
  for (const [i, { name, protocol, port }] of ports.entries()) {
    const { name: wantedName, protocol: wantedProtocol, targetPort } = wanted[i]!;
    assert.deepEqual(
      { name, protocol, port },
      { name: wantedName, protocol: wantedProtocol, port: targetPort },
    );
  }
}

function expectPod(
  { service, pods, namedPort }: Expected,
  address: string,
  targetRef: Wire<V1ObjectReference> | undefined,
  port: Port | undefined,
): void {
  const pod = pods.find(({ status }) => status!.podIP === address);
  assert.ok(pod !== undefined, `unexpected address ${address}`);
  assert.equal(pod.spec!.containers.length, 1);
  const { namespace, name, uid } = pod.metadata!;
  assert.deepEqual(targetRef, { kind: "Pod", namespace, name, uid });
  if (!namedPort) return;
  const [servicePort] = service.spec!.ports!;
  const own = pod.spec!.containers[0]!.ports!.find(({ name }) => name === servicePort!.targetPort);
  assert.deepEqual(
    { name: port?.name, port: port?.port },
    { name: servicePort!.name, port: own!.containerPort },
  );
}
