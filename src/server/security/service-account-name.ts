/** The users and groups that ServiceAccounts are (apiserver pkg/authentication/serviceaccount). */
import { dns1123LabelComplaints, dns1123SubdomainComplaints } from "../../api/validation/names.ts";

const PREFIX = "system:serviceaccount:";
const ALL_SERVICE_ACCOUNTS = "system:serviceaccounts";

export function serviceAccountUsername(namespace: string, name: string): string {
  return `${PREFIX}${namespace}:${name}`;
}

/** Without system:authenticated, which everyone is in. */
export function serviceAccountGroups(namespace: string): string[] {
  return [ALL_SERVICE_ACCOUNTS, `${ALL_SERVICE_ACCOUNTS}:${namespace}`];
}

/** Undefined if it is not the user name of a ServiceAccount. */
export function splitServiceAccountUsername(
  username: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!username.startsWith(PREFIX)) return undefined;
  const parts = username.slice(PREFIX.length).split(":");
  const [namespace, name] = parts;
  if (parts.length !== 2 || namespace === undefined || name === undefined) return undefined;
  if (dns1123LabelComplaints(namespace).length > 0) return undefined;
  return dns1123SubdomainComplaints(name).length > 0 ? undefined : { namespace, name };
}
