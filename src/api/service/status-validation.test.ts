import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFieldError } from "../field-error.ts";
import { changed, CONTEXT } from "../validation/complaints-table.ts";
import { serviceKind } from "./kind.ts";

const BALANCED = {
  metadata: { name: "web", namespace: "shop" },
  spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
};

test("the status of a Service of type LoadBalancer has addresses with a mode, and names", () => {
  const rows: [entry: object, ...errors: string[]][] = [
    [{ ip: "203.0.113.7", ipMode: "VIP" }],
    [{ ip: "2001:db8::7", ipMode: "Proxy", ports: [{ port: 80, protocol: "TCP" }] }],
    [{ hostname: "lb.example.com" }],
    [{ ip: "203.0.113.7" }, "ipMode: Required value: must be specified when `ip` is set"],
    [
      { hostname: "lb.example.com", ipMode: "VIP" },
      "ipMode: Forbidden: may not be specified when `ip` is not set",
    ],
    [
      { ip: "203.0.113.7", ipMode: "NAT" },
      'ipMode: Unsupported value: "NAT": supported values: "Proxy", "VIP"',
    ],
    [
      { ip: "203.0.113", ipMode: "VIP" },
      'ip: Invalid value: "203.0.113": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { hostname: "203.0.113.7" },
      'hostname: Invalid value: "203.0.113.7": must be a DNS name, not an IP address',
    ],
  ];
  const old = changed(serviceKind, BALANCED, {});
  for (const [entry, ...errors] of rows) {
    // Defaults would fill in the mode.
    const service = changed(serviceKind, BALANCED, {});
    service.status = { loadBalancer: { ingress: [entry] } };
    assert.deepEqual(
      serviceKind.validateStatusUpdate!(service, old, CONTEXT).map(formatFieldError),
      errors.map((error) => `status.loadBalancer.ingress[0].${error}`),
      JSON.stringify(entry),
    );
  }
});

test("an oddly written address in the status earns a warning when it is new", () => {
  const old = changed(serviceKind, BALANCED, {});
  const odd = structuredClone(old);
  odd.status = { loadBalancer: { ingress: [{ hostname: "a.example" }, { ip: "FD00::1", ipMode: "VIP" }] } };
  assert.deepEqual(serviceKind.warnings!(odd, old), [
    'status.loadBalancer.ingress[1].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
  ]);
  assert.deepEqual(serviceKind.warnings!(odd, odd), []);
});

test("a Service of another type has no load balancer", () => {
  const service = changed(serviceKind, BALANCED, { spec: { type: "NodePort" } });
  service.status = { loadBalancer: { ingress: [{ ip: "203.0.113.7", ipMode: "VIP" }] } };
  assert.deepEqual(serviceKind.validateStatusUpdate!(service, service, CONTEXT).map(formatFieldError), [
    "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is LoadBalancer",
  ]);
});
