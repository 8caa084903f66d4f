/** Whether two states of a virtual port are the same to whoever connects: if so, nothing needs to be programmed. */
import type { Backend, Choice, VirtualPort } from "./table.ts";

/** Of two with the same key. */
export function sameMeaning(a: VirtualPort, b: VirtualPort): boolean {
  return (
    a.service === b.service &&
    a.portName === b.portName &&
    (a.type ?? "ClusterIP") === (b.type ?? "ClusterIP") &&
    (a.balance ?? "random") === (b.balance ?? "random") &&
    a.affinity === b.affinity &&
    sameRanges(a.sourceRanges, b.sourceRanges) &&
    sameChoice(a, b) &&
    sameExternal(a.external, b.external)
  );
}

/** What happens when there is no backend says nothing while there is one. */
export function sameChoice(a: Choice, b: Choice): boolean {
  if (a.backends.length === 0 && (a.whenEmpty ?? "refuse") !== (b.whenEmpty ?? "refuse")) return false;
  return (
    a.backends === b.backends ||
    (a.backends.length === b.backends.length &&
      a.backends.every((one, i) => sameBackend(one, b.backends[i]!)))
  );
}

function sameBackend(a: Backend, b: Backend): boolean {
  return (
    a === b ||
    (a.address === b.address &&
      a.port === b.port &&
      (a.weight ?? 1) === (b.weight ?? 1) &&
      (a.local ?? false) === (b.local ?? false))
  );
}

function sameExternal(a: Choice | undefined, b: Choice | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameChoice(a, b);
}

/** No list lets everybody in, an empty one nobody. */
function sameRanges(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((range, i) => range === b[i]);
}
