/** A structural schema as OpenAPI v3 publishes it, for kubectl explain and for clients that validate. */
import type { JSONSchemaProps } from "../customresourcedefinition/type.ts";

type Json = Record<string, unknown>;

const EMBEDDED_METADATA = {
  $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
} as const;

/** All but the top level's apiVersion, kind and metadata. */
export function openApiOf(schema: JSONSchemaProps): Json {
  const { properties = {}, ...rest } = schema;
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...own } = properties;
  return publish({ ...rest, properties: own });
}

/**
 * The same schema: OpenAPI v3 has all of a structural schema's words. Only what every embedded object has is added, and
 * "a number or a string" is spelled out.
 */
function publish(schema: JSONSchemaProps): Json {
  const { properties, items, additionalProperties, ...rest } = schema;
  const published: Json = { ...rest };
  if (schema["x-kubernetes-int-or-string"] === true)
    published["anyOf"] ??= [{ type: "integer" }, { type: "string" }];
  if (items !== undefined) published["items"] = publish(items);
  if (additionalProperties !== undefined)
    published["additionalProperties"] =
      typeof additionalProperties === "object" ? publish(additionalProperties) : additionalProperties;
  if (properties !== undefined)
    published["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, part]) => [name, publish(part)]),
    );
  if (schema["x-kubernetes-embedded-resource"] === true)
    published["properties"] = {
      apiVersion: { type: "string", description: "The API version that the object is written in." },
      kind: { type: "string", description: "The kind of the object." },
      metadata: EMBEDDED_METADATA,
      ...(published["properties"] as Json | undefined),
    };
  return published;
}
