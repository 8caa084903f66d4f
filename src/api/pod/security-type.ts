/** v1 Pod: security settings. */

/** Security settings of a container. */
export interface SecurityContext {
  /** Capabilities to add and drop. */
  capabilities?: Capabilities;
  /** Whether it is as good as root on the node. */
  privileged?: boolean;
  /** SELinux labels. */
  seLinuxOptions?: SELinuxOptions;
  /** Settings on Windows. */
  windowsOptions?: WindowsSecurityContextOptions;
  /** The user id. */
  runAsUser?: number;
  /** The group id. */
  runAsGroup?: number;
  /** Whether root is refused. */
  runAsNonRoot?: boolean;
  /** Whether the root file system is read-only. */
  readOnlyRootFilesystem?: boolean;
  /** Whether a process may gain privileges over its parent. */
  allowPrivilegeEscalation?: boolean;
  /** The kind of /proc: Default or Unmasked. */
  procMount?: string;
  /** The seccomp profile. */
  seccompProfile?: SeccompProfile;
  /** The AppArmor profile. */
  appArmorProfile?: AppArmorProfile;
}

/** Security settings of a pod and defaults for its containers. */
export interface PodSecurityContext {
  /** SELinux labels. */
  seLinuxOptions?: SELinuxOptions;
  /** Settings on Windows. */
  windowsOptions?: WindowsSecurityContextOptions;
  /** The user id. */
  runAsUser?: number;
  /** The group id. */
  runAsGroup?: number;
  /** Whether root is refused. */
  runAsNonRoot?: boolean;
  /** Further group ids. */
  supplementalGroups?: number[];
  /** Whether the image's groups count: Merge or Strict. */
  supplementalGroupsPolicy?: string;
  /** The group that owns volumes. */
  fsGroup?: number;
  /** Kernel settings of the pod's namespaces. */
  sysctls?: Sysctl[];
  /** When volumes change owner: OnRootMismatch or Always. */
  fsGroupChangePolicy?: string;
  /** The seccomp profile. */
  seccompProfile?: SeccompProfile;
  /** The AppArmor profile. */
  appArmorProfile?: AppArmorProfile;
  /** How volumes are labelled: MountOption or Recursive. */
  seLinuxChangePolicy?: string;
}

/** Capabilities to add and drop. */
export interface Capabilities {
  /** To add. */
  add?: string[];
  /** To drop. */
  drop?: string[];
}

/** SELinux labels. */
export interface SELinuxOptions {
  /** The user. */
  user?: string;
  /** The role. */
  role?: string;
  /** The type. */
  type?: string;
  /** The level. */
  level?: string;
}

/** Settings on Windows. */
export interface WindowsSecurityContextOptions {
  /** The name of the GMSA credential spec. */
  gmsaCredentialSpecName?: string;
  /** The GMSA credential spec. */
  gmsaCredentialSpec?: string;
  /** The user's name. */
  runAsUserName?: string;
  /** Whether it is a host process container. */
  hostProcess?: boolean;
}

/** A kernel setting. */
export interface Sysctl {
  /** The name. */
  name: string;
  /** The value. */
  value: string;
}

/** A seccomp profile. */
export interface SeccompProfile {
  /** The type. */
  type: string;
  /** The profile on the node, with type Localhost. */
  localhostProfile?: string;
}

/** An AppArmor profile. */
export interface AppArmorProfile {
  /** The type. */
  type: string;
  /** The profile on the node, with type Localhost. */
  localhostProfile?: string;
}
