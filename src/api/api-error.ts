/** The API refused a call: carries the Status that goes over the wire, and is thrown by server and client alike. */
import type { Status } from "./meta/type.ts";

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? "unknown error", options);
    this.status = status;
  }

  /** The HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }

  /** "NotFound", "Conflict", "Invalid", "AlreadyExists", "Expired", ... (metav1.StatusReason). */
  get reason(): string {
    return this.status.reason ?? "Unknown";
  }
}
