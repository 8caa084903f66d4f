/** What the audit says of a request and only its handler knows. Filled in on the way; what is absent is left out. */
import type { User } from "../security/authenticate.ts";

/** audit.k8s.io/v1 ObjectReference: which object a request is about. */
export interface AuditObjectReference {
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly apiGroup?: string;
  readonly apiVersion: string;
  readonly subresource?: string;
}

export interface AuditNotes {
  /** Who asked, before any impersonation. */
  user?: User;
  /** As whom they asked, if not as themselves. */
  impersonatedUser?: User;
  /** The API's word for what was asked: "create", "deletecollection". */
  verb?: string;
  objectRef?: AuditObjectReference;
}
