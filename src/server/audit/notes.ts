/** What the audit says of a request and only its handler learns. Filled in on the way; what is absent is left out. */
import type { User } from "../security/authenticate.ts";
import type { ApiError } from "../../api/api-error.ts";
import type { ObjectReference } from "./request-info.ts";

export interface AuditNotes {
  /** Who asked, before any impersonation. */
  user?: User;
  /** As whom they asked, if not as themselves. */
  impersonatedUser?: User;
  /** The API's word for what was asked: "create", "deletecollection". */
  verb?: string;
  objectRef?: ObjectReference;
  /** Why the answer is a refusal, where it has another form than the API's own. */
  refused?: ApiError;
  /** The name of what was created, which the path does not say. */
  createdName?: string;
}
