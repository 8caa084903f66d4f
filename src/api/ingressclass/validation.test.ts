import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { ingressClassKind } from "./kind.ts";

const GOOD = { metadata: { name: "nginx" }, spec: { controller: "acme.io/ingress-controller" } };
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const PREFIXED = 'must be a domain-prefixed path (such as "acme.io/foo")';

const parameters = (more: object): object => ({
  spec: { parameters: { kind: "Config", name: "x", ...more } },
});

test("the controller of an IngressClass is a path with a domain", () => {
  checkCreates(ingressClassKind, GOOD, [
    [{}],
    [{ spec: { controller: "acme.io/a/b~c%20d" } }],
    [{ spec: null }, "spec.controller: Required value"],
    [{ spec: { controller: "acme.io" } }, `spec.controller: Invalid value: "acme.io": ${PREFIXED}`],
    [{ spec: { controller: "acme.io/" } }, `spec.controller: Invalid value: "acme.io/": ${PREFIXED}`],
    [{ spec: { controller: "/foo" } }, `spec.controller: Invalid value: "/foo": ${PREFIXED}`],
    [{ spec: { controller: "Acme.io/foo" } }, `spec.controller: Invalid value: "Acme.io": ${SUBDOMAIN}`],
    [
      { spec: { controller: "acme.io/a b" } },
      "spec.controller: Invalid value: \"a b\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
    ],
    [
      { spec: { controller: `acme.io/${"a".repeat(243)}` } },
      "spec.controller: Too long: may not be more than 250 bytes",
    ],
  ]);
});

test("the parameters of an IngressClass are an object of the cluster, or of the namespace that is given", () => {
  checkCreates(ingressClassKind, GOOD, [
    [parameters({})],
    [parameters({ apiGroup: "acme.io", scope: "Namespace", namespace: "shop" })],
    [
      parameters({ kind: null, name: null }),
      "spec.parameters.kind: Required value",
      "spec.parameters.name: Required value",
    ],
    [
      parameters({ kind: "a/b", name: ".." }),
      "spec.parameters.kind: Invalid value: \"a/b\": may not contain '/'",
      "spec.parameters.name: Invalid value: \"..\": may not be '..'",
    ],
    [parameters({ apiGroup: "" }), `spec.parameters.apiGroup: Invalid value: "": ${SUBDOMAIN}`],
    [
      parameters({ scope: "Everywhere" }),
      'spec.parameters.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespace"',
    ],
    [
      parameters({ scope: "Namespace" }),
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
    [
      parameters({ namespace: "shop" }),
      "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
    ],
    [
      parameters({ scope: "Namespace", namespace: "a.b" }),
      'spec.parameters.namespace: Invalid value: "a.b": must not contain dots',
    ],
  ]);
});

test("the controller of an IngressClass cannot be changed, its parameters can", () => {
  checkUpdates(ingressClassKind, GOOD, [
    [parameters({})],
    [
      { spec: { controller: "acme.io/other" } },
      'spec.controller: Invalid value: "acme.io/other": field is immutable',
    ],
  ]);
});
