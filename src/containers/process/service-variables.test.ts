import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { serviceVariables } from "./service-variables.ts";

function service(namespace: string, name: string, spec: ServiceSpec): Service {
  return { metadata: { namespace, name }, spec };
}

const api = service("default", "kubernetes", {
  clusterIP: "10.96.0.1",
  ports: [{ name: "https", port: 443, protocol: "TCP" }],
});
const API_VARIABLES = {
  KUBERNETES_SERVICE_HOST: "10.96.0.1",
  KUBERNETES_SERVICE_PORT: "443",
  KUBERNETES_SERVICE_PORT_HTTPS: "443",
  KUBERNETES_PORT: "tcp://10.96.0.1:443",
  KUBERNETES_PORT_443_TCP: "tcp://10.96.0.1:443",
  KUBERNETES_PORT_443_TCP_PROTO: "tcp",
  KUBERNETES_PORT_443_TCP_PORT: "443",
  KUBERNETES_PORT_443_TCP_ADDR: "10.96.0.1",
};

test("each Service with a virtual address gives both forms of variables", () => {
  const services = [
    service("shop", "redis-primary", { clusterIP: "10.0.0.11", ports: [{ port: 6379 }] }),
    service("shop", "dns", {
      clusterIP: "fd00::a",
      ports: [
        { name: "dns-udp", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
    }),
  ];
  assert.deepEqual(serviceVariables({ services, namespace: "shop", enableServiceLinks: true }), {
    REDIS_PRIMARY_SERVICE_HOST: "10.0.0.11",
    REDIS_PRIMARY_SERVICE_PORT: "6379",
    REDIS_PRIMARY_PORT: "tcp://10.0.0.11:6379",
    REDIS_PRIMARY_PORT_6379_TCP: "tcp://10.0.0.11:6379",
    REDIS_PRIMARY_PORT_6379_TCP_PROTO: "tcp",
    REDIS_PRIMARY_PORT_6379_TCP_PORT: "6379",
    REDIS_PRIMARY_PORT_6379_TCP_ADDR: "10.0.0.11",
    DNS_SERVICE_HOST: "fd00::a",
    DNS_SERVICE_PORT: "53",
    DNS_SERVICE_PORT_DNS_UDP: "53",
    DNS_SERVICE_PORT_DNS_TCP: "53",
    DNS_PORT: "udp://[fd00::a]:53",
    DNS_PORT_53_UDP: "udp://[fd00::a]:53",
    DNS_PORT_53_UDP_PROTO: "udp",
    DNS_PORT_53_UDP_PORT: "53",
    DNS_PORT_53_UDP_ADDR: "fd00::a",
    DNS_PORT_53_TCP: "tcp://[fd00::a]:53",
    DNS_PORT_53_TCP_PROTO: "tcp",
    DNS_PORT_53_TCP_PORT: "53",
    DNS_PORT_53_TCP_ADDR: "fd00::a",
  });
});

test("a container is told of Services of its namespace and of the API, and of none without an address", () => {
  const headless = service("shop", "headless", { clusterIP: "None", ports: [{ port: 80 }] });
  const external = service("shop", "external", { type: "ExternalName", externalName: "example.com" });
  const other = service("other", "web", { clusterIP: "10.0.0.3", ports: [{ port: 80 }] });
  const services = [headless, external, other, api];
  assert.deepEqual(
    serviceVariables({ services, namespace: "shop", enableServiceLinks: true }),
    API_VARIABLES,
  );
});

test("without service links only the API is told of, in its own namespace too", () => {
  const own = service("default", "web", { clusterIP: "10.0.0.3", ports: [{ port: 80 }] });
  for (const namespace of ["default", "shop"])
    assert.deepEqual(
      serviceVariables({ services: [own, api], namespace, enableServiceLinks: false }),
      API_VARIABLES,
    );
});

test("a Service called kubernetes of the pod's namespace hides the API's, whichever comes first", () => {
  const own = service("shop", "kubernetes", { clusterIP: "10.0.0.9", ports: [{ port: 6443 }] });
  for (const services of [
    [own, api],
    [api, own],
  ]) {
    const made = serviceVariables({ services, namespace: "shop", enableServiceLinks: true });
    assert.equal(made["KUBERNETES_SERVICE_HOST"], "10.0.0.9");
  }
});
