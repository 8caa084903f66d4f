/** What a pod's volume has when its client said nothing. */
import type { DownwardAPIVolumeFile, Volume } from "./volume-type.ts";

/** rw-r--r-- */
const DEFAULT_MODE = 0o644;
const TOKEN_SECONDS = 3600;

export function setVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).length === 1) volume.emptyDir = {};
  const { secret, configMap, downwardAPI, projected, hostPath } = volume;
  for (const source of [secret, configMap, downwardAPI, projected])
    if (source !== undefined) source.defaultMode ??= DEFAULT_MODE;
  if (hostPath !== undefined) hostPath.type ??= "";
  setFileDefaults(downwardAPI?.items);
  for (const { serviceAccountToken, downwardAPI: files } of projected?.sources ?? []) {
    if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS;
    setFileDefaults(files?.items);
  }
}

function setFileDefaults(items: readonly DownwardAPIVolumeFile[] = []): void {
  for (const { fieldRef } of items) if (fieldRef !== undefined) fieldRef.apiVersion ??= "v1";
}
