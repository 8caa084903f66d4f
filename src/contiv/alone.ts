/** What netmaster answers where it is alone: its own /version, /info and /services (netmaster/daemon). */
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { nodeKind } from "../api/node/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { inspectService } from "./inspection.ts";
import type { Alone } from "./paths.ts";
import type { Picture } from "./picture.ts";
import { ContivError } from "./refusal.ts";
import { listOf, readNames, type Sides } from "./sides.ts";

/** Throws ContivError 404. */
export async function aloneAnswer(sides: Sides, target: Alone, version: string): Promise<unknown> {
  switch (target.what) {
    case "version":
      return { GitCommit: "", Version: version, BuildTime: "" };
    case "info":
      return info(sides);
    case "services":
      return Object.values(await states(sides));
    default: {
      const all = await states(sides);
      const state = Object.hasOwn(all, target.id) ? all[target.id] : undefined;
      if (state === undefined)
        throw new ContivError(404, `service not found: ${target.id} is no service.tenant`);
      return state;
    }
  }
}

/** There is one netmaster, and it leads. */
async function info({ own }: Sides): Promise<object> {
  const nodes = (await listOf(own, nodeKind)).map(
    ({ metadata, status }) =>
      status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? metadata.name ?? "",
  );
  const [local = "127.0.0.1"] = nodes;
  return {
    "local-ip": local,
    "leader-ip": local,
    "current-state": "leader",
    "netplugin-nodes": nodes,
    "netmaster-nodes": [local],
  };
}

/** By "service.tenant", as netmaster keeps them (mastercfg.CfgServiceLBState). */
async function states(sides: Sides): Promise<Readonly<Record<string, object>>> {
  const { user } = sides;
  const [named, services, slices, pods] = await Promise.all([
    readNames(sides),
    listOf(user, serviceKind),
    listOf(user, endpointSliceKind),
    listOf(user, podKind),
  ]);
  const picture = named.with({ services, slices, pods });
  return Object.fromEntries(picture.services.map((service) => stateOf(service, picture)));
}

function stateOf(service: Service, picture: Picture): [string, object] {
  const { Config, Oper } = inspectService(service, picture);
  const id = `${Config.serviceName}.${Config.tenantName}`;
  const providers = Oper.providers.map((provider) => {
    const address = provider.ipAddress.find((text) => text !== "") ?? "";
    const state = {
      IPAddress: address,
      ContainerID: provider.containerID,
      Labels: service.spec?.selector ?? {},
      Tenant: Config.tenantName,
      Network: provider.network,
      Services: [id],
      Container: provider.endpointID,
      EpIDKey: provider.endpointID,
    };
    return [address, state];
  });
  return [
    id,
    {
      id,
      servicename: Config.serviceName,
      tenantname: Config.tenantName,
      subnet: Config.networkName,
      ports: Config.ports,
      selectors: service.spec?.selector ?? {},
      ipaddress: Oper.serviceVip,
      providers: Object.fromEntries(providers),
    },
  ];
}
