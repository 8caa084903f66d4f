/** Of an object that Contiv's users have named: the name that they gave it, where Kubernetes does not allow that. */
export const CONTIV_NAME_ANNOTATION = "fairlead.dev/contiv-name";
