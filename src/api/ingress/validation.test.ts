import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates, CONTEXT } from "../validation/complaints-table.ts";
import { formatFieldError } from "../field-error.ts";
import { ingressKind } from "./kind.ts";

const SERVICE = { service: { name: "web", port: { number: 80 } } };
const GOOD = { metadata: { name: "web", namespace: "shop" }, spec: { defaultBackend: SERVICE } };

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const WILDCARD =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NO_ADDRESS = "must be a DNS name, not an IP address";

const host = (text: string): object => ({ spec: { rules: [{ host: text }] } });
const path = (part: object): object => ({
  spec: { rules: [{ http: { paths: [{ path: "/", pathType: "Prefix", backend: SERVICE, ...part }] } }] },
});
const backend = (value: object): object => ({ spec: { defaultBackend: { service: null, ...value } } });
const PATH = "spec.rules[0].http.paths[0]";

test("an Ingress has a default backend or rules, and rules have hosts that are DNS names", () => {
  checkCreates(ingressKind, GOOD, [
    [{}],
    [
      { spec: { defaultBackend: null } },
      "spec: Invalid value: []: either `defaultBackend` or `rules` must be specified",
    ],
    [host("example.com")],
    [host("*.example.com")],
    [host("*"), `spec.rules[0].host: Invalid value: "*": ${WILDCARD}`],
    [host("a.*.com"), `spec.rules[0].host: Invalid value: "a.*.com": ${WILDCARD}`],
    [host("Example.com"), `spec.rules[0].host: Invalid value: "Example.com": ${SUBDOMAIN}`],
    [host("10.1.1.1"), `spec.rules[0].host: Invalid value: "10.1.1.1": ${NO_ADDRESS}`],
    [
      host("fd00::1"),
      `spec.rules[0].host: Invalid value: "fd00::1": ${NO_ADDRESS}`,
      `spec.rules[0].host: Invalid value: "fd00::1": ${SUBDOMAIN}`,
    ],
    [{ spec: { ingressClassName: "A" } }, `spec.ingressClassName: Invalid value: "A": ${SUBDOMAIN}`],
    [{ spec: { tls: [{ hosts: ["*.example.com", "b.org"], secretName: "cert" }] } }],
    [{ spec: { tls: [{ hosts: ["*"] }] } }, `spec.tls[0].hosts[0]: Invalid value: "*": ${WILDCARD}`],
    [{ spec: { tls: [{ secretName: "A" }] } }, `spec.tls[0].secretName: Invalid value: "A": ${SUBDOMAIN}`],
  ]);
});

test("what a path may be depends on its type", () => {
  checkCreates(ingressKind, GOOD, [
    [path({})],
    [path({ pathType: null }), `${PATH}.pathType: Required value: pathType must be specified`],
    [
      path({ pathType: "Regex" }),
      `${PATH}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
    ],
    [{ spec: { rules: [{ http: {} }] } }, "spec.rules[0].http.paths: Required value"],
    [path({ path: null }), `${PATH}.path: Invalid value: "": must be an absolute path`],
    [path({ path: "a", pathType: "Exact" }), `${PATH}.path: Invalid value: "a": must be an absolute path`],
    [path({ path: "/a//b" }), `${PATH}.path: Invalid value: "/a//b": must not contain '//'`],
    [path({ path: "/a/./b" }), `${PATH}.path: Invalid value: "/a/./b": must not contain '/./'`],
    [path({ path: "/a/../b" }), `${PATH}.path: Invalid value: "/a/../b": must not contain '/../'`],
    [path({ path: "/a%2fb" }), `${PATH}.path: Invalid value: "/a%2fb": must not contain '%2f'`],
    [path({ path: "/a%2Fb" }), `${PATH}.path: Invalid value: "/a%2Fb": must not contain '%2F'`],
    [path({ path: "/a/.." }), `${PATH}.path: Invalid value: "/a/..": cannot end with '/..'`],
    [path({ path: "/a/." }), `${PATH}.path: Invalid value: "/a/.": cannot end with '/.'`],
    [path({ path: "/a//b(.*)", pathType: "ImplementationSpecific" })],
    [path({ path: null, pathType: "ImplementationSpecific" })],
    [
      path({ path: "a", pathType: "ImplementationSpecific" }),
      `${PATH}.path: Invalid value: "a": must be an absolute path`,
    ],
  ]);
});

test("a backend is a service with one port, or a resource", () => {
  checkCreates(ingressKind, GOOD, [
    [backend({ service: { name: "web", port: { number: null, name: "http" } } })],
    [backend({ resource: { apiGroup: "k8s.example.com", kind: "Bucket", name: "icons" } })],
    [backend({ resource: { kind: "Bucket", name: "icons" } })],
    [backend({}), 'spec.defaultBackend: Invalid value: "": resource or service backend is required'],
    [
      backend({ ...SERVICE, resource: { kind: "Bucket", name: "icons" } }),
      'spec.defaultBackend: Invalid value: "": cannot set both resource and service backends',
    ],
    [
      backend({ resource: { kind: "", name: "a%" } }),
      "spec.defaultBackend.resource.kind: Required value",
      "spec.defaultBackend.resource.name: Invalid value: \"a%\": may not contain '%'",
    ],
    [
      backend({ service: { name: "web", port: { number: 80, name: "http" } } }),
      'spec.defaultBackend: Invalid value: "": cannot set both port name & port number',
    ],
    [
      backend({ service: { name: "web", port: { number: null } } }),
      "spec.defaultBackend: Required value: port name or number is required",
    ],
    [
      backend({ service: { name: null, port: { number: 65536 } } }),
      "spec.defaultBackend.service.name: Required value",
      "spec.defaultBackend.service.port.number: Invalid value: 65536: must be between 1 and 65535, inclusive",
    ],
    [
      backend({ service: { name: "1web", port: { number: null, name: "a--b" } } }),
      "spec.defaultBackend.service.name: Invalid value: \"1web\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      'spec.defaultBackend.service.port.name: Invalid value: "a--b": must not contain consecutive hyphens',
    ],
  ]);
});

test("the annotation of the class must agree with the field on create, and earns a warning without it", () => {
  const annotated = { metadata: { annotations: { "kubernetes.io/ingress.class": "a" } } };
  const both = { ...annotated, spec: { ingressClassName: "b" } };
  checkCreates(ingressKind, GOOD, [
    [annotated],
    [{ ...annotated, spec: { ingressClassName: "a" } }],
    [
      both,
      'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
    ],
  ]);
  checkUpdates(ingressKind, GOOD, [[both]]);
  const ingress = changed(ingressKind, GOOD, annotated);
  assert.deepEqual(ingressKind.warnings?.(ingress), [
    `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
  ]);
  assert.deepEqual(ingressKind.warnings?.(ingress, ingress), []);
  const odd = changed(ingressKind, GOOD, { status: { loadBalancer: { ingress: [{ ip: "FD00::1" }] } } });
  assert.deepEqual(ingressKind.warnings?.(odd, ingress), [
    'status.loadBalancer.ingress[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
  ]);
  assert.deepEqual(ingressKind.warnings?.(odd, odd), []);
});

test("the status of an Ingress has addresses and names; what is stored may stay", () => {
  const before = changed(ingressKind, GOOD, { status: { loadBalancer: { ingress: [{ ip: "010.0.0.1" }] } } });
  const rows: [object, ...string[]][] = [
    [{ ip: "10.0.0.1" }],
    [{ hostname: "lb.example.com" }],
    [{ ip: "010.0.0.1" }],
    [{ ip: "x" }, 'ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    [{ hostname: "10.0.0.1" }, `hostname: Invalid value: "10.0.0.1": ${NO_ADDRESS}`],
  ];
  for (const [place, ...errors] of rows) {
    const after = changed(ingressKind, GOOD, {
      spec: { ingressClassName: "ignored" },
      status: { loadBalancer: { ingress: [place] } },
    });
    ingressKind.prepareForStatusUpdate!(after, before);
    assert.deepEqual(after.spec, before.spec);
    assert.deepEqual(
      ingressKind.validateStatusUpdate!(after, before, CONTEXT).map(formatFieldError),
      errors.map((error) => `status.loadBalancer.ingress[0].${error}`),
    );
  }
});
