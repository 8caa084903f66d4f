/** v1 Pod: volumes of particular storage systems. */
import type { LocalObjectReference } from "./reference-type.ts";

/** A GCE persistent disk. Deprecated. */
export interface GCEPersistentDiskVolumeSource {
  /** The disk's name. */
  pdName: string;
  /** The type of file system. */
  fsType?: string;
  /** The partition. */
  partition?: number;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** An AWS EBS volume. Deprecated. */
export interface AWSElasticBlockStoreVolumeSource {
  /** The volume's id. */
  volumeID: string;
  /** The type of file system. */
  fsType?: string;
  /** The partition. */
  partition?: number;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A git repository. Deprecated. */
export interface GitRepoVolumeSource {
  /** The repository's URL. */
  repository: string;
  /** The commit. */
  revision?: string;
  /** The directory to put it in. */
  directory?: string;
}

/** An iSCSI disk. */
export interface ISCSIVolumeSource {
  /** The portal's address and port. */
  targetPortal: string;
  /** The target's name. */
  iqn: string;
  /** The unit number. */
  lun: number;
  /** The interface. */
  iscsiInterface?: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** Further portals. */
  portals?: string[];
  /** Whether discovery uses CHAP. */
  chapAuthDiscovery?: boolean;
  /** Whether the session uses CHAP. */
  chapAuthSession?: boolean;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
  /** The initiator's name. */
  initiatorName?: string;
}

/** A GlusterFS volume. Deprecated. */
export interface GlusterfsVolumeSource {
  /** The Endpoints object. */
  endpoints: string;
  /** The path. */
  path: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A Ceph block device. Deprecated. */
export interface RBDVolumeSource {
  /** The monitors. */
  monitors: string[];
  /** The image. */
  image: string;
  /** The type of file system. */
  fsType?: string;
  /** The pool. */
  pool?: string;
  /** The user. */
  user?: string;
  /** The key ring's file. */
  keyring?: string;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A volume of an exec plugin. Deprecated. */
export interface FlexVolumeSource {
  /** The driver's name. */
  driver: string;
  /** The type of file system. */
  fsType?: string;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** Options for the driver. */
  options?: Record<string, string>;
}

/** An OpenStack Cinder volume. Deprecated. */
export interface CinderVolumeSource {
  /** The volume's id. */
  volumeID: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
}

/** A CephFS mount. Deprecated. */
export interface CephFSVolumeSource {
  /** The monitors. */
  monitors: string[];
  /** The path. */
  path?: string;
  /** The user. */
  user?: string;
  /** The key ring's file. */
  secretFile?: string;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A Flocker volume. Deprecated. */
export interface FlockerVolumeSource {
  /** The data set's name. */
  datasetName?: string;
  /** The data set's id. */
  datasetUUID?: string;
}

/** A Fibre Channel disk. */
export interface FCVolumeSource {
  /** The targets' names. */
  targetWWNs?: string[];
  /** The unit number. */
  lun?: number;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** The volumes' identifiers. */
  wwids?: string[];
}

/** An Azure file share. Deprecated. */
export interface AzureFileVolumeSource {
  /** The Secret's name. */
  secretName: string;
  /** The share's name. */
  shareName: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A vSphere volume. Deprecated. */
export interface VsphereVirtualDiskVolumeSource {
  /** The volume's path. */
  volumePath: string;
  /** The type of file system. */
  fsType?: string;
  /** The storage policy's name. */
  storagePolicyName?: string;
  /** The storage policy's id. */
  storagePolicyID?: string;
}

/** A Quobyte mount. Deprecated. */
export interface QuobyteVolumeSource {
  /** The registry. */
  registry: string;
  /** The volume. */
  volume: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** The user. */
  user?: string;
  /** The group. */
  group?: string;
  /** The tenant. */
  tenant?: string;
}

/** An Azure data disk. Deprecated. */
export interface AzureDiskVolumeSource {
  /** The disk's name. */
  diskName: string;
  /** The disk's URI. */
  diskURI: string;
  /** How the host caches. */
  cachingMode?: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** The kind. */
  kind?: string;
}

/** A Photon disk. Deprecated. */
export interface PhotonPersistentDiskVolumeSource {
  /** The disk's id. */
  pdID: string;
  /** The type of file system. */
  fsType?: string;
}

/** A Portworx volume. Deprecated. */
export interface PortworxVolumeSource {
  /** The volume's id. */
  volumeID: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A ScaleIO volume. Deprecated. */
export interface ScaleIOVolumeSource {
  /** The gateway's address. */
  gateway: string;
  /** The system's name. */
  system: string;
  /** A Secret with credentials. */
  secretRef: LocalObjectReference;
  /** Whether TLS is used. */
  sslEnabled?: boolean;
  /** The protection domain. */
  protectionDomain?: string;
  /** The storage pool. */
  storagePool?: string;
  /** The storage mode. */
  storageMode?: string;
  /** The volume's name. */
  volumeName?: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A StorageOS volume. Deprecated. */
export interface StorageOSVolumeSource {
  /** The volume's name. */
  volumeName?: string;
  /** The volume's namespace. */
  volumeNamespace?: string;
  /** The type of file system. */
  fsType?: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** A Secret with credentials. */
  secretRef?: LocalObjectReference;
}
