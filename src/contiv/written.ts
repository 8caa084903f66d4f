/** What a request has written. */

export interface Written<T> {
  /** As it is now. */
  readonly object: T;
  /** What it came to. "none": it was so already. */
  readonly verb: "create" | "update" | "none";
}

/** In managedFields. */
export const BY_US: { readonly fieldManager: string } = { fieldManager: "netmaster" };
