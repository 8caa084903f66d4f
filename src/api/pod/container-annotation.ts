/** Of a Pod that mirrors a container: the container's name, which need not be one that a Pod can have. */
export const CONTAINER_NAME_ANNOTATION = "fairlead.dev/container-name";
