/** The discovery part that many of upstream's "API operations" tests begin with. */
import assert from "node:assert/strict";
import type { ApiClient } from "./resource.ts";

interface Group {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
}

/** The group and version are in /apis and /apis/<group>; `resources` are in /apis/<group>/<version>. */
export async function expectApiGroup(
  api: ApiClient,
  group: string,
  version: string,
  ...resources: readonly string[]
): Promise<void> {
  const { groups } = await api.json<{ groups: Group[] }>("/apis");
  const hasVersion = ({ versions }: Group): boolean => versions.some((one) => one.version === version);
  assert.ok(
    groups.some((one) => one.name === group && hasVersion(one)),
    `/apis has no ${group}/${version}`,
  );
  assert.ok(hasVersion(await api.json<Group>(`/apis/${group}`)), `/apis/${group} has no ${version}`);
  for (const resource of resources)
    assert.ok(
      await api.serves(`${group}/${version}`, resource),
      `/apis/${group}/${version} has no ${resource}`,
    );
}
