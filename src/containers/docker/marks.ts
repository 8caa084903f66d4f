/** The names under `fairlead.dev/` by which a mirrored container and its Pod know each other. */

/** Label and annotation of every Pod that the mirror writes. */
export const RUNTIME_MARK = "fairlead.dev/runtime";
export const RUNTIME_NAME = "docker";

/** Label of a container: the namespace of its Pod. @default "default" */
export const NAMESPACE_LABEL = "fairlead.dev/namespace";
/** Label of a container on several networks: the network whose address the Pod has. */
export const NETWORK_LABEL = "fairlead.dev/network";
/** Label of an engine's network: the installation that made it, since several may use one engine (uid of namespace kube-system). */
export const INSTALLATION_LABEL = "fairlead.dev/installation";

/** Annotations of a Pod: which container it is (its id is what the two are matched by), and under which name. */
export const CONTAINER_ID_ANNOTATION = "fairlead.dev/container-id";
export {
  CONTAINER_NAME_ANNOTATION,
  CONTAINER_NETWORK_ANNOTATION,
} from "../../api/pod/container-annotation.ts";
/** JSON, from the key of each label of the container that the Pod cannot have to the reason. */
export const UNUSABLE_LABELS_ANNOTATION = "fairlead.dev/unusable-labels";
