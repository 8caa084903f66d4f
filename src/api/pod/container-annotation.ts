/** Of a Pod that mirrors a container: the container's name, which need not be one that a Pod can have. */
export const CONTAINER_NAME_ANNOTATION = "fairlead.dev/container-name";
/** Of a Pod that mirrors a container: the engine's network that its address is of; absent while it has none. */
export const CONTAINER_NETWORK_ANNOTATION = "fairlead.dev/network";
