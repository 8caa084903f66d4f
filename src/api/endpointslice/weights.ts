/**
 * How many new connections an endpoint gets beside the others of its Service. Kubernetes has no field for it, so it is
 * an annotation: of the Pod, for people; and of the EndpointSlice, for whoever programs it. The controller of
 * EndpointSlices copies the one to the other; a slice made by hand may carry it too.
 */
import { formatIp } from "../../base/ip.ts";
import { parseSloppyIp } from "../../base/sloppy-ip.ts";
import type { ObjectMeta } from "../meta/type.ts";

/** Of a Pod: a whole number. 0 means no new connections, and leaves what is established alone. */
export const WEIGHT_ANNOTATION = "fairlead.dev/weight";
/** Of an EndpointSlice: a JSON object from addresses to weights. An endpoint that is not in it has {@link DEFAULT_WEIGHT}. */
export const WEIGHTS_ANNOTATION = "fairlead.dev/weights";

export const DEFAULT_WEIGHT = 1;
export const MAX_WEIGHT = 1000;

interface Annotated {
  readonly metadata: Pick<ObjectMeta, "annotations">;
}

export interface WeightReading {
  /** 0 to {@link MAX_WEIGHT}. */
  readonly weight: number;
  /** A sentence for whoever wrote the annotation. */
  readonly problem?: string;
}

export interface WeightsReading {
  /** By address in canonical text. Addresses of the default weight may be missing. */
  readonly weights: ReadonlyMap<string, number>;
  /** Sentences for whoever wrote the annotation. What they name counts as {@link DEFAULT_WEIGHT}. */
  readonly problems: readonly string[];
}

const DEFAULT: WeightReading = { weight: DEFAULT_WEIGHT };
const NONE: WeightsReading = { weights: new Map(), problems: [] };

/** The weight that a Pod asks for. */
export function podWeight({ metadata }: Annotated): WeightReading {
  const text = metadata.annotations?.[WEIGHT_ANNOTATION];
  if (text === undefined) return DEFAULT;
  const weight = /^\d{1,4}$/.test(text) ? Number(text) : undefined;
  if (weight !== undefined && weight <= MAX_WEIGHT) return { weight };
  return {
    weight: DEFAULT_WEIGHT,
    problem: `annotation ${WEIGHT_ANNOTATION}: ${notAWeight(text)}`,
  };
}

/** The weights that an EndpointSlice carries. */
export function sliceWeights({ metadata }: Annotated): WeightsReading {
  const text = metadata.annotations?.[WEIGHTS_ANNOTATION];
  if (text === undefined) return NONE;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { weights: NONE.weights, problems: [`${notAnObject(text)} (${(error as Error).message})`] };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { weights: NONE.weights, problems: [notAnObject(text)] };
  const weights = new Map<string, number>();
  const problems: string[] = [];
  const complain = (sentence: string) => problems.push(`annotation ${WEIGHTS_ANNOTATION}: ${sentence}`);
  for (const [address, weight] of Object.entries(value as Record<string, unknown>)) {
    const ip = parseSloppyIp(address);
    if (ip === undefined) complain(`${JSON.stringify(address)} is not an IP address; it is ignored`);
    else if (!isWeight(weight)) complain(`of ${address}, ${notAWeight(weight)}`);
    else weights.set(formatIp(ip), weight);
  }
  return { weights, problems };
}

/** What {@link WEIGHTS_ANNOTATION} is to say of these endpoints; undefined if all have the default weight. In order of address text. */
export function weightsText(
  weights: Iterable<readonly [address: string, weight: number]>,
): string | undefined {
  const said = Array.from(weights).filter(([, weight]) => weight !== DEFAULT_WEIGHT);
  if (said.length === 0) return undefined;
  return JSON.stringify(Object.fromEntries(said.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function isWeight(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_WEIGHT;
}

function notAWeight(value: unknown): string {
  return `${JSON.stringify(value)} is not a whole number from 0 to ${MAX_WEIGHT}; the weight is ${DEFAULT_WEIGHT}`;
}

function notAnObject(text: string): string {
  const start = text.length > 100 ? `${text.slice(0, 100)}...` : text;
  return `annotation ${WEIGHTS_ANNOTATION}: ${JSON.stringify(start)} is not a JSON object from addresses to weights, like {"10.1.0.7":5}; all weights are ${DEFAULT_WEIGHT}`;
}
