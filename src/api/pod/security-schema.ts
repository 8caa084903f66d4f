/** The schemas of v1 Pod: security settings. */
import type {
  AppArmorProfile,
  Capabilities,
  PodSecurityContext,
  SELinuxOptions,
  SeccompProfile,
  SecurityContext,
  Sysctl,
  WindowsSecurityContextOptions,
} from "./security-type.ts";
import {
  boolean,
  int64,
  int64s,
  list,
  object,
  objectSchema,
  pointer,
  required,
  string,
  strings,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const capabilitiesSchema: ObjectSchema<Capabilities> = objectSchema(
  "io.k8s.api.core.v1.Capabilities",
  "Capabilities to add and drop.",
  {
    add: strings(1, "To add.", { list: { type: "atomic" } }),
    drop: strings(2, "To drop.", { list: { type: "atomic" } }),
  },
);

export const seLinuxOptionsSchema: ObjectSchema<SELinuxOptions> = objectSchema(
  "io.k8s.api.core.v1.SELinuxOptions",
  "SELinux labels.",
  {
    user: string(1, "The user."),
    role: string(2, "The role."),
    type: string(3, "The type."),
    level: string(4, "The level."),
  },
);

export const windowsSecurityContextOptionsSchema: ObjectSchema<WindowsSecurityContextOptions> = objectSchema(
  "io.k8s.api.core.v1.WindowsSecurityContextOptions",
  "Settings on Windows.",
  {
    gmsaCredentialSpecName: pointer(string(1, "The name of the GMSA credential spec.")),
    gmsaCredentialSpec: pointer(string(2, "The GMSA credential spec.")),
    runAsUserName: pointer(string(3, "The user's name.")),
    hostProcess: pointer(boolean(4, "Whether it is a host process container.")),
  },
);

export const seccompProfileSchema: ObjectSchema<SeccompProfile> = objectSchema(
  "io.k8s.api.core.v1.SeccompProfile",
  "A seccomp profile.",
  {
    type: required(string(1, "The type.")),
    localhostProfile: pointer(string(2, "The profile on the node, with type Localhost.")),
  },
);

export const appArmorProfileSchema: ObjectSchema<AppArmorProfile> = objectSchema(
  "io.k8s.api.core.v1.AppArmorProfile",
  "An AppArmor profile.",
  {
    type: required(string(1, "The type.")),
    localhostProfile: pointer(string(2, "The profile on the node, with type Localhost.")),
  },
);

export const securityContextSchema: ObjectSchema<SecurityContext> = objectSchema(
  "io.k8s.api.core.v1.SecurityContext",
  "Security settings of a container.",
  {
    capabilities: pointer(object(1, capabilitiesSchema, "Capabilities to add and drop.")),
    privileged: pointer(boolean(2, "Whether it is as good as root on the node.")),
    seLinuxOptions: pointer(object(3, seLinuxOptionsSchema, "SELinux labels.")),
    windowsOptions: pointer(object(10, windowsSecurityContextOptionsSchema, "Settings on Windows.")),
    runAsUser: pointer(int64(4, "The user id.")),
    runAsGroup: pointer(int64(8, "The group id.")),
    runAsNonRoot: pointer(boolean(5, "Whether root is refused.")),
    readOnlyRootFilesystem: pointer(boolean(6, "Whether the root file system is read-only.")),
    allowPrivilegeEscalation: pointer(boolean(7, "Whether a process may gain privileges over its parent.")),
    procMount: pointer(string(9, "The kind of /proc: Default or Unmasked.")),
    seccompProfile: pointer(object(11, seccompProfileSchema, "The seccomp profile.")),
    appArmorProfile: pointer(object(12, appArmorProfileSchema, "The AppArmor profile.")),
  },
);

export const sysctlSchema: ObjectSchema<Sysctl> = objectSchema(
  "io.k8s.api.core.v1.Sysctl",
  "A kernel setting.",
  {
    name: required(string(1, "The name.")),
    value: required(string(2, "The value.")),
  },
);

export const podSecurityContextSchema: ObjectSchema<PodSecurityContext> = objectSchema(
  "io.k8s.api.core.v1.PodSecurityContext",
  "Security settings of a pod and defaults for its containers.",
  {
    seLinuxOptions: pointer(object(1, seLinuxOptionsSchema, "SELinux labels.")),
    windowsOptions: pointer(object(8, windowsSecurityContextOptionsSchema, "Settings on Windows.")),
    runAsUser: pointer(int64(2, "The user id.")),
    runAsGroup: pointer(int64(6, "The group id.")),
    runAsNonRoot: pointer(boolean(3, "Whether root is refused.")),
    supplementalGroups: int64s(4, "Further group ids.", { list: { type: "atomic" } }),
    supplementalGroupsPolicy: pointer(string(12, "Whether the image's groups count: Merge or Strict.")),
    fsGroup: pointer(int64(5, "The group that owns volumes.")),
    sysctls: list(7, sysctlSchema, "Kernel settings of the pod's namespaces.", { list: { type: "atomic" } }),
    fsGroupChangePolicy: pointer(string(9, "When volumes change owner: OnRootMismatch or Always.")),
    seccompProfile: pointer(object(10, seccompProfileSchema, "The seccomp profile.")),
    appArmorProfile: pointer(object(11, appArmorProfileSchema, "The AppArmor profile.")),
    seLinuxChangePolicy: pointer(string(13, "How volumes are labelled: MountOption or Recursive.")),
  },
);
