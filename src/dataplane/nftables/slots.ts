/**
 * Slots: the numbered endpoints of one virtual port, of which each new connection picks one at random. N endpoints
 * have N slots, so each gets an even share.
 */

/**
 * The slots that `wanted` gets, as near to `current` as possible: whoever has a slot that still exists keeps it, so
 * replacing one endpoint changes one slot, adding one adds the last, and removing one moves at most the last into its
 * place. `current` may have holes. The values only have to be comparable with ===; `wanted` has no duplicates.
 */
export function fillSlots(current: readonly (string | undefined)[], wanted: readonly string[]): string[] {
  if (current.length === 0) return [...wanted];
  const homeless = new Set(wanted);
  const slots: (string | undefined)[] = [];
  for (let slot = 0; slot < wanted.length; slot++) {
    const endpoint = current[slot];
    slots.push(endpoint !== undefined && homeless.delete(endpoint) ? endpoint : undefined);
  }
  const rest = homeless.values();
  return slots.map((endpoint) => endpoint ?? rest.next().value!);
}
