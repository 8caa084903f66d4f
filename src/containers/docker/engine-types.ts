/**
 * What a Docker engine answers: the fields we read of the Engine API (docs.docker.com/reference/api/engine), which
 * Podman serves as well. Fields that one of Docker 20.10 to 29 or Podman 4 leaves out are optional.
 */

/** A container's leg in one network (EndpointSettings). Addresses are "" while the container does not run. */
export interface EndpointSettings {
  readonly NetworkID?: string;
  readonly EndpointID?: string;
  readonly IPAddress?: string;
  readonly GlobalIPv6Address?: string;
}

/** GET /containers/{id}/json. */
export interface ContainerInspect {
  readonly Id: string;
  /** With a leading slash: "/web-1". */
  readonly Name: string;
  /** RFC 3339 with nanoseconds. */
  readonly Created: string;
  /** "sha256:...". */
  readonly Image: string;
  readonly RestartCount?: number;
  readonly State: ContainerState;
  readonly Config: {
    readonly Image?: string;
    readonly Hostname?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    /** "80/tcp": {}. */
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    /** "SIGQUIT", "3", "RTMIN+3"; absent: SIGTERM. */
    readonly StopSignal?: string | number | null;
    /** Seconds between the stop signal and SIGKILL; absent: 10; negative: for ever. */
    readonly StopTimeout?: number | null;
  };
  readonly HostConfig: {
    /** "default", "bridge", "host", "none", "container:ID", or the network of `docker run --network`. */
    readonly NetworkMode?: string;
    readonly RestartPolicy?: { readonly Name?: string };
    /** `docker run --rm`. */
    readonly AutoRemove?: boolean;
  };
  readonly NetworkSettings: { readonly Networks?: Readonly<Record<string, EndpointSettings>> | null };
}

export interface ContainerState {
  /** "created", "running", "paused", "restarting", "removing", "exited", "dead"; Podman also "initialized", "stopping". */
  readonly Status: string;
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled?: boolean;
  readonly Dead?: boolean;
  readonly ExitCode: number;
  readonly Error?: string;
  /** RFC 3339; the year 1 if it never happened. */
  readonly StartedAt: string;
  readonly FinishedAt: string;
  /** Absent without a health check; Podman then says "". */
  readonly Health?: { readonly Status?: string; readonly FailingStreak?: number } | null;
}

/** An entry of GET /containers/json: enough to see whether something was missed. */
export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  /** "Up 3 minutes (healthy)". */
  readonly Status: string;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, EndpointSettings>> | null } | null;
}

/** An entry of GET /networks. */
export interface NetworkSummary {
  readonly Id: string;
  readonly Name: string;
  /** RFC 3339 with nanoseconds. */
  readonly Created?: string;
  /** "bridge", "host", "null", "overlay", "macvlan", ... */
  readonly Driver: string;
  readonly EnableIPv6?: boolean;
  readonly Internal?: boolean;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly IPAM?: { readonly Config?: readonly IpamConfig[] | null } | null;
}

/** A subnet of a network, and how addresses are given out in it. */
export interface IpamConfig {
  readonly Subnet?: string;
  /** Where containers get their addresses, a CIDR within the subnet. */
  readonly IPRange?: string;
  readonly Gateway?: string;
  /** Addresses that no container gets, by a name. */
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
}

/** GET /networks/{id}. */
export interface NetworkInspect extends NetworkSummary {
  /** Those that run, by id. */
  readonly Containers?: Readonly<Record<string, { readonly Name?: string }>> | null;
}

/** The body of POST /networks/create. */
export interface NetworkCreate {
  readonly Name: string;
  /** Refused where there is one of this name: always so since API 1.44, a best effort before. */
  readonly CheckDuplicate: boolean;
  readonly Driver: string;
  readonly EnableIPv6: boolean;
  /** Left out for engines that cannot do without IPv4. @default {true} */
  readonly EnableIPv4?: boolean;
  readonly IPAM: { readonly Driver: "default"; readonly Config: readonly IpamConfig[] };
  readonly Labels: Readonly<Record<string, string>>;
}

/** A line of GET /events. */
export interface EngineEvent {
  /** "container", "network", ... */
  readonly Type: string;
  /** "start", "die", "health_status: healthy", ... */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> | null };
  /** Seconds since the epoch. */
  readonly time: number;
  /** Nanoseconds since the epoch: beyond what a number holds exactly, good to a microsecond. */
  readonly timeNano: number;
}

/** GET /version. */
export interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  readonly Platform?: { readonly Name?: string };
  readonly Components?: readonly { readonly Name: string; readonly Version: string }[] | null;
}

/** GET /info, the parts that we use. */
export interface EngineInfo {
  /** RFC 3339 with nanoseconds: the engine's clock. */
  readonly SystemTime?: string;
  /** Since API 1.49 (Docker 28.2): "iptables", "iptables+firewalld", "nftables", ... */
  readonly FirewallBackend?: { readonly Driver?: string } | null;
}
