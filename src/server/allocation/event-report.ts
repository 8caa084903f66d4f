/** Tells people, as v1 Events, what the server itself found wrong with an object: `kubectl describe` shows them. */
import { randomBytes } from "node:crypto";
import { eventKind } from "../../api/event/kind.ts";
import type { Event } from "../../api/event/type.ts";
import { apiVersionOf, type KindName } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Log } from "../../base/log.ts";
import { formatTime } from "../registry/metadata.ts";
import type { Writer } from "../registry/writer.ts";
import { SYSTEM } from "./system.ts";

/** Who says so, as upstream. */
const COMPONENT = "ipallocator-repair-controller";
/** Texts that are not said again; the oldest are forgotten. */
const REMEMBERED = 4096;

export interface Finding {
  readonly kind: KindName;
  readonly object: KubeObject;
  /** One word for programs. */
  readonly reason: string;
  readonly action: string;
  /** A sentence for people. */
  readonly message: string;
}

export interface EventReportParts {
  readonly writer: Writer;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export class EventReport {
  readonly #parts: EventReportParts;
  readonly #said = new Set<string>();

  constructor(parts: EventReportParts) {
    this.#parts = parts;
  }

  /** Each finding is told once by each server. An Event that cannot be written is logged and dropped. */
  async tell(finding: Finding): Promise<void> {
    const { writer, log } = this.#parts;
    const { metadata } = finding.object;
    const once = `${metadata.uid} ${finding.reason} ${finding.message}`;
    if (this.#said.has(once)) return;
    this.#said.add(once);
    if (this.#said.size > REMEMBERED) this.#said.delete(this.#said.values().next().value!);
    log.warn({ namespace: metadata.namespace, name: metadata.name }, finding.message);
    // Events about objects without a namespace are in the default one, as client-go's recorder has it.
    const namespace = metadata.namespace ?? "default";
    try {
      await writer.create(eventKind, namespace, this.#event(finding, namespace), {}, SYSTEM);
    } catch (err) {
      log.warn({ err }, "an Event could not be written");
    }
  }

  #event({ kind, object, reason, action, message }: Finding, namespace: string): Event {
    const { name, uid, resourceVersion } = object.metadata;
    const time = formatTime(this.#parts.clock());
    return {
      metadata: { namespace, name: `${name}.${randomBytes(8).toString("hex")}` },
      involvedObject: {
        kind: kind.kind,
        apiVersion: apiVersionOf(kind),
        name: name!,
        ...(object.metadata.namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      reason,
      action,
      message,
      type: "Warning",
      source: { component: COMPONENT },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: COMPONENT,
      reportingInstance: "",
    };
  }
}
