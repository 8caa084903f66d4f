/** The schemas of v1 Pod: volumes of particular storage systems. */
import { localObjectReferenceSchema } from "./reference-schema.ts";
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  CephFSVolumeSource,
  CinderVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GitRepoVolumeSource,
  GlusterfsVolumeSource,
  ISCSIVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  RBDVolumeSource,
  ScaleIOVolumeSource,
  StorageOSVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from "./volume-plugin-type.ts";
import {
  boolean,
  int32,
  object,
  objectSchema,
  pointer,
  required,
  string,
  stringMap,
  strings,
} from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const gcePersistentDiskVolumeSourceSchema: ObjectSchema<GCEPersistentDiskVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.GCEPersistentDiskVolumeSource",
  "A GCE persistent disk. Deprecated.",
  {
    pdName: required(string(1, "The disk's name.")),
    fsType: string(2, "The type of file system."),
    partition: int32(3, "The partition."),
    readOnly: boolean(4, "Whether it is read-only."),
  },
);

export const awsElasticBlockStoreVolumeSourceSchema: ObjectSchema<AWSElasticBlockStoreVolumeSource> =
  objectSchema("io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource", "An AWS EBS volume. Deprecated.", {
    volumeID: required(string(1, "The volume's id.")),
    fsType: string(2, "The type of file system."),
    partition: int32(3, "The partition."),
    readOnly: boolean(4, "Whether it is read-only."),
  });

export const gitRepoVolumeSourceSchema: ObjectSchema<GitRepoVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.GitRepoVolumeSource",
  "A git repository. Deprecated.",
  {
    repository: required(string(1, "The repository's URL.")),
    revision: string(2, "The commit."),
    directory: string(3, "The directory to put it in."),
  },
);

export const iscsiVolumeSourceSchema: ObjectSchema<ISCSIVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.ISCSIVolumeSource",
  "An iSCSI disk.",
  {
    targetPortal: required(string(1, "The portal's address and port.")),
    iqn: required(string(2, "The target's name.")),
    lun: required(int32(3, "The unit number.")),
    iscsiInterface: string(4, "The interface."),
    fsType: string(5, "The type of file system."),
    readOnly: boolean(6, "Whether it is read-only."),
    portals: strings(7, "Further portals.", { list: { type: "atomic" } }),
    chapAuthDiscovery: boolean(8, "Whether discovery uses CHAP."),
    chapAuthSession: boolean(11, "Whether the session uses CHAP."),
    secretRef: pointer(object(10, localObjectReferenceSchema, "A Secret with credentials.")),
    initiatorName: pointer(string(12, "The initiator's name.")),
  },
);

export const glusterfsVolumeSourceSchema: ObjectSchema<GlusterfsVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.GlusterfsVolumeSource",
  "A GlusterFS volume. Deprecated.",
  {
    endpoints: required(string(1, "The Endpoints object.")),
    path: required(string(2, "The path.")),
    readOnly: boolean(3, "Whether it is read-only."),
  },
);

export const rbdVolumeSourceSchema: ObjectSchema<RBDVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.RBDVolumeSource",
  "A Ceph block device. Deprecated.",
  {
    monitors: required(strings(1, "The monitors.", { list: { type: "atomic" } })),
    image: required(string(2, "The image.")),
    fsType: string(3, "The type of file system."),
    pool: string(4, "The pool."),
    user: string(5, "The user."),
    keyring: string(6, "The key ring's file."),
    secretRef: pointer(object(7, localObjectReferenceSchema, "A Secret with credentials.")),
    readOnly: boolean(8, "Whether it is read-only."),
  },
);

export const flexVolumeSourceSchema: ObjectSchema<FlexVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.FlexVolumeSource",
  "A volume of an exec plugin. Deprecated.",
  {
    driver: required(string(1, "The driver's name.")),
    fsType: string(2, "The type of file system."),
    secretRef: pointer(object(3, localObjectReferenceSchema, "A Secret with credentials.")),
    readOnly: boolean(4, "Whether it is read-only."),
    options: stringMap(5, "Options for the driver."),
  },
);

export const cinderVolumeSourceSchema: ObjectSchema<CinderVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.CinderVolumeSource",
  "An OpenStack Cinder volume. Deprecated.",
  {
    volumeID: required(string(1, "The volume's id.")),
    fsType: string(2, "The type of file system."),
    readOnly: boolean(3, "Whether it is read-only."),
    secretRef: pointer(object(4, localObjectReferenceSchema, "A Secret with credentials.")),
  },
);

export const cephFSVolumeSourceSchema: ObjectSchema<CephFSVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.CephFSVolumeSource",
  "A CephFS mount. Deprecated.",
  {
    monitors: required(strings(1, "The monitors.", { list: { type: "atomic" } })),
    path: string(2, "The path."),
    user: string(3, "The user."),
    secretFile: string(4, "The key ring's file."),
    secretRef: pointer(object(5, localObjectReferenceSchema, "A Secret with credentials.")),
    readOnly: boolean(6, "Whether it is read-only."),
  },
);

export const flockerVolumeSourceSchema: ObjectSchema<FlockerVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.FlockerVolumeSource",
  "A Flocker volume. Deprecated.",
  {
    datasetName: string(1, "The data set's name."),
    datasetUUID: string(2, "The data set's id."),
  },
);

export const fcVolumeSourceSchema: ObjectSchema<FCVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.FCVolumeSource",
  "A Fibre Channel disk.",
  {
    targetWWNs: strings(1, "The targets' names.", { list: { type: "atomic" } }),
    lun: pointer(int32(2, "The unit number.")),
    fsType: string(3, "The type of file system."),
    readOnly: boolean(4, "Whether it is read-only."),
    wwids: strings(5, "The volumes' identifiers.", { list: { type: "atomic" } }),
  },
);

export const azureFileVolumeSourceSchema: ObjectSchema<AzureFileVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.AzureFileVolumeSource",
  "An Azure file share. Deprecated.",
  {
    secretName: required(string(1, "The Secret's name.")),
    shareName: required(string(2, "The share's name.")),
    readOnly: boolean(3, "Whether it is read-only."),
  },
);

export const vsphereVirtualDiskVolumeSourceSchema: ObjectSchema<VsphereVirtualDiskVolumeSource> =
  objectSchema("io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource", "A vSphere volume. Deprecated.", {
    volumePath: required(string(1, "The volume's path.")),
    fsType: string(2, "The type of file system."),
    storagePolicyName: string(3, "The storage policy's name."),
    storagePolicyID: string(4, "The storage policy's id."),
  });

export const quobyteVolumeSourceSchema: ObjectSchema<QuobyteVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.QuobyteVolumeSource",
  "A Quobyte mount. Deprecated.",
  {
    registry: required(string(1, "The registry.")),
    volume: required(string(2, "The volume.")),
    readOnly: boolean(3, "Whether it is read-only."),
    user: string(4, "The user."),
    group: string(5, "The group."),
    tenant: string(6, "The tenant."),
  },
);

export const azureDiskVolumeSourceSchema: ObjectSchema<AzureDiskVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.AzureDiskVolumeSource",
  "An Azure data disk. Deprecated.",
  {
    diskName: required(string(1, "The disk's name.")),
    diskURI: required(string(2, "The disk's URI.")),
    cachingMode: pointer(string(3, "How the host caches.")),
    fsType: pointer(string(4, "The type of file system.")),
    readOnly: pointer(boolean(5, "Whether it is read-only.")),
    kind: pointer(string(6, "The kind.")),
  },
);

export const photonPersistentDiskVolumeSourceSchema: ObjectSchema<PhotonPersistentDiskVolumeSource> =
  objectSchema("io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource", "A Photon disk. Deprecated.", {
    pdID: required(string(1, "The disk's id.")),
    fsType: string(2, "The type of file system."),
  });

export const portworxVolumeSourceSchema: ObjectSchema<PortworxVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.PortworxVolumeSource",
  "A Portworx volume. Deprecated.",
  {
    volumeID: required(string(1, "The volume's id.")),
    fsType: string(2, "The type of file system."),
    readOnly: boolean(3, "Whether it is read-only."),
  },
);

export const scaleIOVolumeSourceSchema: ObjectSchema<ScaleIOVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.ScaleIOVolumeSource",
  "A ScaleIO volume. Deprecated.",
  {
    gateway: required(string(1, "The gateway's address.")),
    system: required(string(2, "The system's name.")),
    secretRef: required(pointer(object(3, localObjectReferenceSchema, "A Secret with credentials."))),
    sslEnabled: boolean(4, "Whether TLS is used."),
    protectionDomain: string(5, "The protection domain."),
    storagePool: string(6, "The storage pool."),
    storageMode: string(7, "The storage mode."),
    volumeName: string(8, "The volume's name."),
    fsType: string(9, "The type of file system."),
    readOnly: boolean(10, "Whether it is read-only."),
  },
);

export const storageOSVolumeSourceSchema: ObjectSchema<StorageOSVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.StorageOSVolumeSource",
  "A StorageOS volume. Deprecated.",
  {
    volumeName: string(1, "The volume's name."),
    volumeNamespace: string(2, "The volume's namespace."),
    fsType: string(3, "The type of file system."),
    readOnly: boolean(4, "Whether it is read-only."),
    secretRef: pointer(object(5, localObjectReferenceSchema, "A Secret with credentials.")),
  },
);
