/** Containers for tests, as an engine describes them. */
import type { ContainerInspect, ContainerState, EngineEvent } from "./engine-types.ts";

export const ID = "2c30b978c87bad64ced1f8158b72d17abf7748889464023d4e23a4bd24ae2d28";

export interface ContainerParts {
  readonly id?: string;
  readonly name?: string;
  readonly state?: Partial<ContainerState>;
  readonly config?: Partial<ContainerInspect["Config"]>;
  readonly host?: ContainerInspect["HostConfig"];
  readonly networks?: NonNullable<ContainerInspect["NetworkSettings"]["Networks"]>;
}

/** A running container on the default bridge, and what the test says. */
export function container(parts: ContainerParts = {}): ContainerInspect {
  const { id = ID, name = "web-1", state, config, host, networks } = parts;
  return {
    Id: id,
    Name: `/${name}`,
    Created: "2026-01-02T03:04:05.678901234Z",
    Image: "sha256:0123",
    RestartCount: 0,
    State: {
      Status: "running",
      Running: true,
      Paused: false,
      Restarting: false,
      ExitCode: 0,
      StartedAt: "2026-01-02T03:04:06.5Z",
      FinishedAt: "0001-01-01T00:00:00Z",
      ...state,
    },
    Config: { Image: "alpine", Labels: {}, ...config },
    HostConfig: { NetworkMode: "default", RestartPolicy: { Name: "no" }, ...host },
    NetworkSettings: { Networks: networks ?? { bridge: { NetworkID: "b0", IPAddress: "172.17.0.2" } } },
  };
}

/** An event of that container, by default a second after its start. */
export function event(
  Action: string,
  attributes: Readonly<Record<string, string>> = {},
  rest: Partial<EngineEvent> = {},
): EngineEvent {
  const milliseconds = Date.parse("2026-01-02T03:04:07.5Z");
  return {
    Type: "container",
    Action,
    Actor: { ID, Attributes: attributes },
    time: Math.floor(milliseconds / 1000),
    timeNano: milliseconds * 1e6,
    ...rest,
  };
}
