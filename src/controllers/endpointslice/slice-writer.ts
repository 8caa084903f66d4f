/** Writes what was planned, and remembers it, so that the next plan is made from it. */
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import type { Client } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { ignoreNotFound, isNamespaceTerminating } from "../controller.ts";
import type { SliceWrites } from "./packing.ts";

export interface SliceWriter {
  /** While our own writes are put in the cache: their events are no news. */
  readonly writing: boolean;
  /** Rejects if one of the writes fails; those before it stay. In a namespace that is being deleted nothing is created. */
  write(writes: SliceWrites): Promise<void>;
}

export function createSliceWriter(client: Client, slices: Informer<EndpointSlice, "service">): SliceWriter {
  let writing = false;

  function quietly(change: () => void): void {
    writing = true;
    try {
      change();
    } finally {
      writing = false;
    }
  }

  async function create(slice: EndpointSlice): Promise<void> {
    const created = await client.create(endpointSliceKind, slice);
    quietly(() => slices.observe(created));
  }

  async function update(slice: EndpointSlice): Promise<void> {
    const updated = await client.update(endpointSliceKind, slice);
    quietly(() => slices.observe(updated));
  }

  async function remove(slice: EndpointSlice): Promise<void> {
    const { namespace, name = "", uid } = slice.metadata;
    await client
      .delete(
        endpointSliceKind,
        { ...(namespace !== undefined && { namespace }), name },
        uid === undefined ? {} : { preconditions: { uid } },
      )
      .catch(ignoreNotFound);
    quietly(() => slices.forget(slice));
  }

  return {
    get writing() {
      return writing;
    },
    async write(writes) {
      try {
        // In this order an endpoint that changes its slice is in both for a moment, and never in none.
        await Promise.all(writes.create.map(create));
        await Promise.all(writes.update.map(update));
        await Promise.all(writes.delete.map(remove));
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
      }
    },
  };
}
