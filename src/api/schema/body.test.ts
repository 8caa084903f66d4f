import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api-error.ts";
import type { Kind } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { namespaceKind } from "../namespace/kind.ts";
import { podKind } from "../pod/kind.ts";
import { serviceKind } from "../service/kind.ts";
import { decodeBody } from "./body.ts";
import type { FieldValidation } from "./body.ts";
import { PROTOBUF_MEDIA_TYPE } from "./protobuf/envelope.ts";

function read<T extends KubeObject>(
  kind: Kind<T>,
  mediaType: string,
  body: string | Uint8Array,
  fieldValidation: FieldValidation = "Strict",
  warn?: (text: string) => void,
): T {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return decodeBody(kind, mediaType, bytes, { fieldValidation, warn });
}

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return `${error.code} ${error.message}`;
  }
  return "accepted";
}

const json = (text: string, validation?: FieldValidation): string =>
  refusal(() => read(serviceKind, "application/json", text, validation));

// Recorded from kubectl 1.33: `kubectl create namespace alpha` and so on, with protobuf bodies.
const RECORDED = [
  {
    name: "create namespace alpha",
    kind: namespaceKind,
    body: "6b3873000a0f0a02763112094e616d657370616365121d0a150a05616c70686112001a0022002a0032003800420012001a020a001a002200",
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "alpha" }, spec: {}, status: {} },
  },
  {
    name: "create service nodeport web --tcp=80:8080 --tcp=443:https --node-port=30080",
    kind: serviceKind,
    body: "6b3873000a0d0a0276311207536572766963651290010a1f0a0377656212001a0022002a003200380042005a0a0a03617070120377656212690a1d0a0738302d38303830120354435018502207080010903f1a002880eb010a240a093434332d6874747073120354435018bb03220b080110001a0568747470732880eb01120a0a0361707012037765621a0022084e6f6465506f72743a00420052005a00600068001a020a001a002200",
    object: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", labels: { app: "web" } },
      spec: {
        ports: [
          { name: "80-8080", protocol: "TCP", port: 80, targetPort: 8080, nodePort: 30080 },
          { name: "443-https", protocol: "TCP", port: 443, targetPort: "https", nodePort: 30080 },
        ],
        selector: { app: "web" },
        type: "NodePort",
      },
      status: { loadBalancer: {} },
    },
  },
  {
    name: "create service externalname ex --external-name=db.example.com",
    kind: serviceKind,
    body: "6b3873000a0d0a027631120753657276696365125a0a1d0a02657812001a0022002a003200380042005a090a0361707012026578123512090a03617070120265781a00220c45787465726e616c4e616d653a004200520e64622e6578616d706c652e636f6d5a00600068001a020a001a002200",
    object: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "ex", labels: { app: "ex" } },
      spec: { selector: { app: "ex" }, type: "ExternalName", externalName: "db.example.com" },
      status: { loadBalancer: {} },
    },
  },
  {
    name: "create service clusterip hl --clusterip=None",
    kind: serviceKind,
    body: "6b3873000a0d0a027631120753657276696365124d0a1d0a02686c12001a0022002a003200380042005a090a036170701202686c122812090a036170701202686c1a044e6f6e652209436c757374657249503a00420052005a00600068001a020a001a002200",
    object: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hl", labels: { app: "hl" } },
      spec: { selector: { app: "hl" }, clusterIP: "None", type: "ClusterIP" },
      status: { loadBalancer: {} },
    },
  },
] as const;

for (const { name, kind, body, object } of RECORDED)
  test(`reads the protobuf of kubectl ${name}`, () => {
    const read1 = read<KubeObject>(kind, PROTOBUF_MEDIA_TYPE, Buffer.from(body, "hex"));
    assert.deepEqual(read1, object);
  });

test("JSON that is no Service is refused in the API server's words", () => {
  const rows: [string, string][] = [
    [
      `{"apiVersion":"v1","kind":"Service","spec":{"ports":"80"}}`,
      '400 Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort',
    ],
    [
      `{"spec":{"ports":[{"port":"80"}]}}`,
      '400 Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      `{"spec":{"ports":[{"port":80.5}]}}`,
      '400 Service in version "v1" cannot be handled as a Service: json: cannot unmarshal number 80.5 into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      `{"spec":{"selector":["a"]}}`,
      '400 Service in version "v1" cannot be handled as a Service: json: cannot unmarshal array into Go struct field ServiceSpec.spec.selector of type map[string]string',
    ],
    [
      `{"metadata":{"labels":{"a":1}}}`,
      '400 Service in version "v1" cannot be handled as a Service: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.a of type string',
    ],
    [
      `{"apiVersion":"v2"}`,
      "400 the API version in the data (v2) does not match the expected API version (v1)",
    ],
    [
      `{"apiVersion":"v1","kind":"Pod"}`,
      '400 Pod in version "v1" cannot be handled as a Service: converting (v1.Pod) to (v1.Service): unknown conversion',
    ],
  ];
  for (const [body, expected] of rows) assert.equal(json(body), expected);
  assert.match(json("[]"), /^400 the object provided is unrecognized \(must be of type Service\)/);
  assert.match(json("{"), /^400 the object provided is unrecognized .* json parse error: .* \(\{\)$/);
});

test("unknown and duplicate fields: refused, warned of, or left out", () => {
  const body = `{"spec":{"foo":1,"ports":[{"port":80,"bar":{}},{"port":81,"port":82}]},"spec2":{}}`;
  assert.equal(
    json(body),
    '400 Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.ports[0].bar", unknown field "spec.foo", unknown field "spec2", duplicate field "spec.ports[1].port"',
  );
  const warnings: string[] = [];
  const warned = read(serviceKind, "application/json", body, "Warn", (text) => warnings.push(text));
  assert.deepEqual(warnings, [
    'unknown field "spec.ports[0].bar"',
    'unknown field "spec.foo"',
    'unknown field "spec2"',
    'duplicate field "spec.ports[1].port"',
  ]);
  const ignored = read(serviceKind, "application/json", body, "Ignore");
  assert.deepEqual(ignored, warned);
  assert.deepEqual(ignored.spec, { ports: [{ port: 80 }, { port: 82 }] });
});

test("null and empty optional values are nothing; a pointer's empty value is something", () => {
  const object = read(
    serviceKind,
    "application/json",
    `{"metadata":{"name":"a","creationTimestamp":null},"spec":{"clusterIP":"","ports":[],"selector":{},"publishNotReadyAddresses":false,"allocateLoadBalancerNodePorts":false,"type":null}}`,
  );
  assert.deepEqual(object, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a" },
    spec: { allocateLoadBalancerNodePorts: false },
    status: { loadBalancer: {} },
  });
});

test("YAML bodies, their duplicate keys, and aliases that would blow up", () => {
  const yaml = (text: string): string => refusal(() => read(serviceKind, "application/yaml", text));
  const object = read(
    serviceKind,
    "application/yaml",
    "spec:\n  ports:\n  - port: 80\n    targetPort: http\n",
  );
  assert.deepEqual(object.spec, { ports: [{ port: 80, targetPort: "http" }] });
  assert.match(
    yaml("spec:\n  type: ClusterIP\n  type: NodePort\n"),
    /strict decoding error: yaml: line 3: key already set in map$/,
  );
  assert.match(yaml("a: [1"), /^400 the object provided is unrecognized/);
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let i = 0; i < 9; i++)
    bomb.push(`${"bcdefghij"[i]!}: &${"bcdefghij"[i]!} [${Array(9).fill(`*${"abcdefghi"[i]!}`).join(",")}]`);
  assert.match(yaml(bomb.join("\n")), /^400 the object provided is unrecognized .*alias/);
});

test("a media type that is no object's is refused", () => {
  assert.match(
    refusal(() => read(podKind, "text/plain", "x")),
    /^415 the body of the request was in an unknown format/,
  );
});

test("a pod as kubectl run sends it is accepted whole", () => {
  const body = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","creationTimestamp":null,"labels":{"run":"p"}},"spec":{"containers":[{"name":"p","image":"nginx","ports":[{"containerPort":80}],"env":[{"name":"A","value":"b"}],"resources":{}}],"restartPolicy":"Always","dnsPolicy":"ClusterFirst"},"status":{}}`;
  const pod = read(podKind, "application/json", body);
  assert.deepEqual(pod.spec, {
    containers: [
      {
        name: "p",
        image: "nginx",
        ports: [{ containerPort: 80 }],
        env: [{ name: "A", value: "b" }],
        resources: {},
      },
    ],
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
  });
});
