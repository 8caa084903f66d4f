/**
 * Every kind that is served, in the order of discovery.
 *
 * A kind is a folder: type.ts (its TypeScript type), schema.ts (the same with wire numbers, merge keys and descriptions,
 * checked against the type by the compiler), defaults.ts, prepare.ts where the server decides something, validation.ts,
 * columns.ts, and kind.ts, which puts them together. To add one, write the folder and add it here: the server,
 * discovery, OpenAPI, patches and protobuf need nothing more.
 */
import { bindingKind } from "./binding/kind.ts";
import { configMapKind } from "./configmap/kind.ts";
import { clusterRoleKind } from "./clusterrole/kind.ts";
import { clusterRoleBindingKind } from "./clusterrolebinding/kind.ts";
import { endpointSliceKind } from "./endpointslice/kind.ts";
import { customResourceDefinitionKind } from "./customresourcedefinition/kind.ts";
import { deploymentKind } from "./deployment/kind.ts";
import { endpointsKind } from "./endpoints/kind.ts";
import { eventKind } from "./event/kind.ts";
import { eventV1Kind } from "./eventsv1/kind.ts";
import { ingressKind } from "./ingress/kind.ts";
import { ingressClassKind } from "./ingressclass/kind.ts";
import { ipAddressKind } from "./ipaddress/kind.ts";
import type { Kind } from "./kind.ts";
import { leaseKind } from "./lease/kind.ts";
import { localSubjectAccessReviewKind } from "./localsubjectaccessreview/kind.ts";
import { namespaceKind } from "./namespace/kind.ts";
import { networkKind } from "./network/kind.ts";
import { nodeKind } from "./node/kind.ts";
import { podKind } from "./pod/kind.ts";
import { podTemplateKind } from "./podtemplate/kind.ts";
import { replicaSetKind } from "./replicaset/kind.ts";
import { replicationControllerKind } from "./replicationcontroller/kind.ts";
import { secretKind } from "./secret/kind.ts";
import { selfSubjectReviewKind } from "./selfsubjectreview/kind.ts";
import { roleKind } from "./role/kind.ts";
import { roleBindingKind } from "./rolebinding/kind.ts";
import { selfSubjectAccessReviewKind } from "./selfsubjectaccessreview/kind.ts";
import { selfSubjectRulesReviewKind } from "./selfsubjectrulesreview/kind.ts";
import { serviceKind } from "./service/kind.ts";
import { serviceAccountKind } from "./serviceaccount/kind.ts";
import { serviceCIDRKind } from "./servicecidr/kind.ts";
import { tokenReviewKind } from "./tokenreview/kind.ts";
import { subjectAccessReviewKind } from "./subjectaccessreview/kind.ts";

export const kinds: readonly Kind[] = [
  bindingKind,
  configMapKind,
  endpointsKind,
  eventKind,
  namespaceKind,
  nodeKind,
  podKind,
  podTemplateKind,
  replicationControllerKind,
  secretKind,
  serviceAccountKind,
  serviceKind,
  customResourceDefinitionKind,
  deploymentKind,
  replicaSetKind,
  leaseKind,
  endpointSliceKind,
  eventV1Kind,
  ingressKind,
  ingressClassKind,
  ipAddressKind,
  serviceCIDRKind,
  selfSubjectReviewKind,
  tokenReviewKind,
  localSubjectAccessReviewKind,
  selfSubjectAccessReviewKind,
  selfSubjectRulesReviewKind,
  subjectAccessReviewKind,
  clusterRoleBindingKind,
  clusterRoleKind,
  roleBindingKind,
  roleKind,
  // After the Services: a namespace that goes is emptied in this order, and a Network stays while it has Services.
  networkKind,
];
