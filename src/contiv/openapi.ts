/** The OpenAPI 3 document of netmaster's REST: made of the same fields that requests are checked by. */
import { type Field, networkFields, serviceFields, tenantFields } from "./fields.ts";
import { object, ref, type Schema } from "./openapi-schema.ts";
import {
  clientStatsFields,
  descriptionFields,
  endpointFields,
  networkOperFields,
  refusalFields,
  serviceOperFields,
  tenantOperFields,
} from "./oper-fields.ts";

const KEY: Schema = {
  type: "string",
  description: "tenant:name, or the name of a tenant. In answers.",
  readOnly: true,
};
const LINK: Schema = {
  type: "object",
  properties: { type: { type: "string" }, key: { type: "string" } },
};

/** A schema of the configuration: its fields, and what is said of an object beside them. */
function configSchema(fields: Readonly<Record<string, Field>>, required: readonly string[]): Schema {
  return {
    type: "object",
    required,
    properties: {
      key: KEY,
      ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)])),
      links: {
        type: "object",
        additionalProperties: LINK,
        readOnly: true,
        description: "What it belongs to.",
      },
      "link-sets": {
        type: "object",
        additionalProperties: { type: "object", additionalProperties: LINK },
        readOnly: true,
        description: "What belongs to it, by kind and key; where it is inspected.",
      },
    },
  };
}

function fieldSchema({ type, description, maxLength, pattern, values, maximum, example }: Field): Schema {
  if (type === "strings")
    return {
      type: "array",
      description,
      items: { type: "string", ...(example !== undefined && { example }) },
      ...(maxLength !== undefined && { maxItems: maxLength }),
    };
  return {
    type,
    description,
    ...(maxLength !== undefined && { maxLength }),
    // Empty is left out, of every text.
    ...(pattern !== undefined && { pattern: `^$|${pattern.source}` }),
    ...(values !== undefined && { enum: ["", ...values] }),
    ...(maximum !== undefined && { minimum: 0, maximum }),
    ...(example !== undefined && { example }),
  };
}

function json(description: string, schema: Schema): Schema {
  return { description, content: { "application/json": { schema } } };
}

const REFUSED: Schema = json("Refused: nothing was done. `error` says all that is wrong.", ref("Refusal"));

interface Documented {
  readonly plural: "networks" | "tenants" | "serviceLBs";
  readonly name: string;
  readonly key: string;
}

const OBJECTS: readonly Documented[] = [
  { plural: "networks", name: "Network", key: "default:contiv-net" },
  { plural: "tenants", name: "Tenant", key: "default" },
  { plural: "serviceLBs", name: "ServiceLB", key: "default:app-svc" },
];

function keyParameter(example: string): Schema {
  return { name: "key", in: "path", required: true, schema: { type: "string" }, example };
}

const OF_TENANT: Schema = {
  name: "tenant",
  in: "query",
  schema: { type: "string" },
  description: "Of this tenant alone.",
};

function pathsOf({ plural, name, key }: Documented): Record<string, Schema> {
  const config = ref(`${name}Config`);
  const answered = { 200: json("As it is now.", config), default: REFUSED };
  const body = { required: true, content: { "application/json": { schema: config } } };
  const parameters = [keyParameter(key)];
  return {
    [`/api/v1/${plural}/`]: {
      get: {
        operationId: `list${name}s`,
        summary: "All of them, in the order of their keys; or a stream of changes.",
        parameters: [
          OF_TENANT,
          {
            name: "watch",
            in: "query",
            schema: { type: "boolean" },
            description: `A line of JSON (${name}WatchLine) for each that there is, and then for each change.`,
          },
        ],
        responses: { 200: json("The configurations.", { type: "array", items: config }), default: REFUSED },
      },
    },
    [`/api/v1/${plural}/{key}/`]: {
      parameters,
      get: { operationId: `get${name}`, responses: answered },
      post: {
        operationId: `create${name}`,
        summary: "Creates it or changes it to this. The same again changes nothing.",
        requestBody: body,
        responses: answered,
      },
      put: { operationId: `update${name}`, summary: "As POST.", requestBody: body, responses: answered },
      patch: {
        operationId: `patch${name}`,
        summary: "Changes some fields: a merge patch (RFC 7386).",
        requestBody: { required: true, content: mergePatch(config) },
        responses: answered,
      },
      delete: {
        operationId: `delete${name}`,
        responses: {
          200: json("Its key, when it is gone.", { type: "string", example: key }),
          default: REFUSED,
        },
      },
    },
    [`/api/v1/inspect/${plural}/`]: {
      get: {
        operationId: `inspect${name}s`,
        summary: "Configuration and state of all, in the order of their keys.",
        parameters: [OF_TENANT],
        responses: {
          200: json("Of each.", { type: "array", items: ref(`${name}Inspection`) }),
          default: REFUSED,
        },
      },
    },
    [`/api/v1/inspect/${plural}/{key}/`]: {
      parameters,
      get: {
        operationId: `inspect${name}`,
        summary: "Its configuration and its state.",
        responses: { 200: json("Both.", ref(`${name}Inspection`)), default: REFUSED },
      },
    },
  };
}

function mergePatch(schema: Schema): Schema {
  return { "application/json": { schema }, "application/merge-patch+json": { schema } };
}

function inspectionSchemas({ name }: Documented): Record<string, Schema> {
  return {
    [`${name}Inspection`]: {
      type: "object",
      properties: { Config: ref(`${name}Config`), Oper: ref(`${name}Oper`) },
    },
    [`${name}WatchLine`]: {
      type: "object",
      properties: {
        type: { type: "string", enum: ["ADDED", "MODIFIED", "DELETED"] },
        object: ref(`${name}Inspection`),
      },
    },
  };
}

/** `version` is fairlead's. */
export function contivDocument(version: string): Schema {
  return {
    openapi: "3.0.3",
    info: {
      title: "netmaster",
      version,
      description:
        "Contiv's networks, tenants and services, over the same objects as the Kubernetes API. With the header X-Contiv-Errors: plain, or ?errors=plain, every refusal is a 500 with plain text, as Contiv's was.",
    },
    paths: {
      ...Object.assign({}, ...OBJECTS.map(pathsOf)),
      "/api/v1/inspect/endpoints/{id}/": {
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        get: {
          operationId: "inspectEndpoint",
          summary: "A container, by its id, the beginning of it, or its name.",
          responses: { 200: json("Its state.", object({ Oper: ref("EndpointOper") })), default: REFUSED },
        },
      },
      "/api/v1/describe/serviceLBs/{key}/": {
        parameters: [keyParameter("default:app-svc")],
        get: {
          operationId: "describeServiceLB",
          summary: "Why each container is or is not a provider.",
          responses: { 200: json("With what is inspected.", ref("ServiceLBDescription")), default: REFUSED },
        },
      },
      "/svcstats": {
        get: {
          operationId: "svcStats",
          summary: "Packets and bytes of each client with each service.",
          responses: {
            200: json("By the client's address.", {
              type: "object",
              additionalProperties: ref("ClientStats"),
            }),
            default: REFUSED,
          },
        },
      },
    },
    components: {
      schemas: {
        NetworkConfig: configSchema(networkFields, []),
        TenantConfig: configSchema(tenantFields, []),
        ServiceLBConfig: configSchema(serviceFields, ["selectors", "ports"]),
        NetworkOper: object(networkOperFields),
        TenantOper: object(tenantOperFields),
        ServiceLBOper: object(serviceOperFields),
        EndpointOper: object(endpointFields),
        ...Object.assign({}, ...OBJECTS.map(inspectionSchemas)),
        ServiceLBDescription: object({
          Config: ref("ServiceLBConfig"),
          Oper: ref("ServiceLBOper"),
          ...descriptionFields,
        }),
        Refusal: object(refusalFields),
        ClientStats: object(clientStatsFields),
      },
    },
  };
}
