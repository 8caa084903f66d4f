/** Warnings about a pod's volumes: plugins that are gone, and files in each other's way (pkg/api/pod/warnings.go). */
import type { Volume } from "./volume-type.ts";

const DEPRECATED: readonly (readonly [keyof Volume, string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

export function volumeWarnings(field: string, volumes: readonly Volume[]): string[] {
  const warnings: string[] = [];
  for (const [i, volume] of volumes.entries())
    for (const [plugin, sentence] of DEPRECATED)
      if (volume[plugin] !== undefined) {
        // Upstream's path has the name of its Go field.
        const name = plugin === "storageos" ? "storageOS" : plugin;
        warnings.push(`${field}[${i}].${name}: ${sentence}`);
      }
  for (const { name, configMap, secret, downwardAPI } of volumes) {
    const what = `volume ${JSON.stringify(name)}`;
    if (configMap?.items !== undefined)
      warnings.push(
        ...overlaps(`${what} (ConfigMap ${JSON.stringify(configMap.name ?? "")})`, configMap.items),
      );
    if (secret?.items !== undefined)
      warnings.push(...overlaps(`${what} (Secret ${JSON.stringify(secret.secretName ?? "")})`, secret.items));
    if (downwardAPI?.items !== undefined)
      warnings.push(...overlaps(`${what} (DownwardAPI)`, downwardAPI.items));
  }
  return warnings;
}

/** Files of one path, or where one's path is another's directory. */
function overlaps(what: string, items: readonly { readonly path: string }[]): string[] {
  const seen: string[] = [];
  return items.flatMap(({ path: written }) => {
    const path = written.replace(/\/+$/, "");
    // The slash is upstream's, at the side where it tells "ab" from "abc" not at all; clients know these warnings.
    const other = seen.find(
      (one) => one === path || `${one}/`.startsWith(path) || `${path}/`.startsWith(one),
    );
    if (!seen.includes(path)) seen.push(path);
    if (other === undefined || other === "" || path === "") return [];
    return [`${what}: overlapping paths: ${JSON.stringify(path)} with ${JSON.stringify(other)}`];
  });
}
