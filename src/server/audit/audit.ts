/** One line of JSON for each request that may change something: an audit.k8s.io/v1 Event of level Metadata. */
import { ApiError } from "../../api/api-error.ts";
import { formatMicroTime } from "../../api/schema/time.ts";
import type { Handler, Request } from "../http/exchange.ts";
import type { User } from "../security/authenticate.ts";
import type { AuditLog } from "./audit-log.ts";
import type { AuditNotes } from "./notes.ts";
import { objectReferenceOf, verbOf } from "./request-info.ts";

export interface AuditOptions {
  readonly sink: Pick<AuditLog, "write">;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** How a request ended. */
interface Outcome {
  /** The HTTP status code. */
  readonly code: number;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
}

/** The handler, with a line written for each of its answers and refusals. Reads, and reviews, which are reads too, have none. */
export function withAudit(handler: Handler, { sink, clock }: AuditOptions): Handler {
  return async (received) => {
    const receivedAt = clock();
    const notes: AuditNotes = {};
    const request: Request = { ...received, audit: notes };
    const finish = (outcome: Outcome): void => {
      if (isWrite(request, notes))
        sink.write(JSON.stringify(eventOf(request, notes, outcome, receivedAt, clock())));
    };
    try {
      const response = await handler(request);
      finish({ ...(notes.refused && outcomeOf(notes.refused)), code: response.status });
      return response;
    } catch (error) {
      finish(outcomeOf(error));
      throw error;
    }
  };
}

const READ_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

function isWrite({ method, path }: Request, { objectRef }: AuditNotes): boolean {
  if (READ_METHODS.has(method)) return false;
  const { resource, apiGroup } = objectRef ?? objectReferenceOf(path) ?? {};
  const isReview = apiGroup?.endsWith("k8s.io") === true && resource?.endsWith("reviews") === true;
  return !isReview;
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ApiError)) return { code: 500, status: "Failure", reason: "InternalError" };
  const { code, message, reason } = error;
  return { code, status: "Failure", message, reason };
}

/** The fields in upstream's order. */
function eventOf(
  request: Request,
  notes: AuditNotes,
  outcome: Outcome,
  received: number,
  finished: number,
): object {
  const { method, path, query } = request;
  const found = notes.objectRef ?? objectReferenceOf(path);
  const named = found?.name === undefined && notes.createdName !== undefined;
  const objectRef = named ? { ...found, name: notes.createdName } : found;
  const search = query.toString();
  return {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: request.auditId,
    stage: "ResponseComplete",
    requestURI: search === "" ? path : `${path}?${search}`,
    verb: notes.verb ?? verbOf(method, found),
    user: notes.user === undefined ? {} : userOf(notes.user),
    ...(notes.impersonatedUser !== undefined && { impersonatedUser: userOf(notes.impersonatedUser) }),
    sourceIPs: [request.remoteAddress],
    userAgent: request.header("user-agent"),
    ...(objectRef !== undefined && { objectRef }),
    responseStatus: { metadata: {}, ...outcome },
    requestReceivedTimestamp: microTime(received),
    stageTimestamp: microTime(finished),
  };
}

/** authentication.k8s.io/v1 UserInfo. */
function userOf({ name, uid, groups, extra }: User): object {
  return { username: name, uid, groups, extra };
}

function microTime(milliseconds: number): string | undefined {
  const seconds = Math.floor(milliseconds / 1000);
  return formatMicroTime({ seconds, nanos: Math.floor((milliseconds - seconds * 1000) * 1e6) });
}
