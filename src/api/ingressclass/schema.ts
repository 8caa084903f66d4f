/** The schema of networking.k8s.io/v1 IngressClass. */
import { kindSchema } from "../meta/kind-schema.ts";
import { object, objectSchema, oneOf, pointer, required, string, written } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";
import type { IngressClass, IngressClassParametersReference, IngressClassSpec } from "./type.ts";

const parametersReferenceSchema: ObjectSchema<IngressClassParametersReference> = objectSchema(
  "io.k8s.api.networking.v1.IngressClassParametersReference",
  "The object that says how a class is set up.",
  {
    apiGroup: pointer(string(1, "The object's API group. Absent: the core group.")),
    kind: required(string(2, "The object's kind.")),
    name: required(string(3, "The object's name.")),
    scope: written(
      pointer(
        oneOf(4, ["Cluster", "Namespace"], "Whether the object is in a namespace. Cluster by default."),
      ),
    ),
    namespace: pointer(string(5, "The object's namespace, if it is in one.")),
  },
);

const ingressClassSpecSchema: ObjectSchema<IngressClassSpec> = objectSchema(
  "io.k8s.api.networking.v1.IngressClassSpec",
  "A controller of Ingresses, and how it should be set up.",
  {
    controller: string(
      1,
      'The controller, as a path with a domain before it: "acme.io/ingress-controller". It cannot be changed.',
    ),
    parameters: pointer(
      object(2, parametersReferenceSchema, "More settings, in an object of the controller's own."),
    ),
  },
);

export const ingressClassSchema: ObjectSchema<IngressClass> = kindSchema(
  "io.k8s.api.networking.v1.IngressClass",
  "A class of Ingresses: those that name it are served by its controller.",
  {
    spec: object(2, ingressClassSpecSchema, "The controller and its settings."),
  },
);
