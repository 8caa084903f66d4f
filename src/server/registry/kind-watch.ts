/**
 * Watches of kinds that can cease to be: they end with the CustomResourceDefinition, and with each change of it, since what
 * they show may be another thing from then on (apiextensions customresource_handler.go, updateCustomResourceDefinition).
 */
import type { KindCatalog } from "../../api/kind-catalog.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { RegistryEvent, RegistryWatch } from "../registry.ts";

/** The same watch; it ends when the catalog no longer has a kind of this name, version and schema. */
export function endingWithKind<T extends KubeObject>(
  catalog: KindCatalog,
  { group, version, plural, schema }: Kind<T>,
  watch: RegistryWatch<T>,
): RegistryWatch<T> {
  const subscription = catalog.subscribe(() => {
    const there = catalog.kinds.some(
      (kind) =>
        kind.group === group && kind.version === version && kind.plural === plural && kind.schema === schema,
    );
    if (!there) close();
  });
  function close(): void {
    subscription[Symbol.dispose]();
    watch.close();
  }
  const over = subscription[Symbol.dispose].bind(subscription);
  return {
    close,
    finish() {
      watch.finish();
    },
    take(reader) {
      watch.take({
        events(events) {
          reader.events(events);
        },
        ended() {
          over();
          reader.ended();
        },
        failed(error) {
          over();
          reader.failed(error);
        },
      });
    },
    async next(): Promise<IteratorResult<readonly RegistryEvent<T>[], undefined>> {
      const result = await watch.next();
      if (result.done === true) close();
      return result;
    },
    async return(): Promise<IteratorResult<readonly RegistryEvent<T>[], undefined>> {
      close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
