/** Test data: a definition with most of what a definition can say, and an object of it. */
export const CRON_TABS = "crontabs.stable.example.com";

type Json = Record<string, unknown>;

interface DefinitionLike {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Json & { versions: (Json & { storage: boolean })[] };
}

const schema = {
  type: "object",
  description: "A job that runs by the clock.",
  properties: {
    spec: {
      type: "object",
      description: "When and what.",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$" },
        image: { type: "string", default: "busybox", maxLength: 20 },
        replicas: { type: "integer", minimum: 0, maximum: 10, default: 1 },
        mode: { type: "string", enum: ["Fast", "Slow"] },
        port: { "x-kubernetes-int-or-string": true },
        tags: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set", maxItems: 3 },
        steps: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, seconds: { type: "integer" } },
          },
        },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        note: { type: "string", nullable: true },
        labels: { type: "object", additionalProperties: { type: "string" } },
        until: { type: "string", format: "date-time" },
      },
    },
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, selector: { type: "string" }, phase: { type: "string" } },
    },
  },
} as const;

export const DEFINITION: DefinitionLike = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: CRON_TABS },
  spec: {
    group: "stable.example.com",
    scope: "Namespaced",
    names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"], categories: ["all", "clocks"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: ".spec.replicas",
            statusReplicasPath: ".status.replicas",
            labelSelectorPath: ".status.selector",
          },
        },
        additionalPrinterColumns: [
          { name: "Spec", type: "string", jsonPath: ".spec.cronSpec", description: "The clock." },
          { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
          { name: "Phase", type: "string", jsonPath: ".status.phase", priority: 1 },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        selectableFields: [{ jsonPath: ".spec.mode" }],
      },
      {
        name: "v1beta1",
        served: true,
        storage: false,
        deprecated: true,
        schema: { openAPIV3Schema: schema },
      },
    ],
  },
};

export const CRON_TAB: { apiVersion: string; kind: string; metadata: Json; spec: Json } = {
  apiVersion: "stable.example.com/v1",
  kind: "CronTab",
  metadata: { name: "nightly", namespace: "default" },
  spec: { cronSpec: "0 3 * * *", mode: "Slow", steps: [{ name: "dump", seconds: 5 }] },
};
