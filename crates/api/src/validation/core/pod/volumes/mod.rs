//! Volumes: each of one type, under a name of its own.

mod claim_template;
mod projected;
mod sources;

use std::collections::BTreeMap;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names;

use super::PodOptions;
use crate::validation::shared::names::{label, refuse};
use crate::validation::{Errors, Node};

/// The volumes of a pod that are fine, by name: what containers may mount.
#[derive(Debug, Default)]
pub(super) struct Volumes<'a> {
    by_name: BTreeMap<&'a str, &'a Value>,
}

impl Volumes<'_> {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Whether a volume may be a block device; `None` where there is no such volume.
    pub(super) fn may_be_device(&self, name: &str) -> Option<bool> {
        let volume = self.by_name.get(name)?;
        let has = |key| volume.get(key).is_some_and(|source| !source.is_null());
        Some(has("persistentVolumeClaim") || has("ephemeral"))
    }
}

/// What the rule of a volume type is given.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// The volume's name.
    name: &'a str,
    /// The pod's name; empty in templates.
    pod_name: &'a str,
    options: &'a PodOptions,
}

type Rule = fn(source: &Node<'_>, volume: &Node<'_>, context: Context<'_>, errors: &mut Errors);

/// A type of volumes.
struct Type {
    /// The member that holds it.
    member: &'static str,
    /// What errors inside of it call it, where that is not the member's name.
    path: &'static str,
    /// What it is called where there is another type before it.
    second: &'static str,
    rule: Rule,
}

const fn plain(member: &'static str, rule: Rule) -> Type {
    Type { member, path: member, second: member, rule }
}

/// All types, in the order in which they are looked at.
const TYPES: &[Type] = &[
    plain("emptyDir", sources::empty_dir),
    plain("hostPath", sources::host_path),
    plain("gitRepo", sources::git_repo),
    Type { path: "persistentDisk", ..plain("gcePersistentDisk", sources::gce_persistent_disk) },
    plain("awsElasticBlockStore", sources::aws_elastic_block_store),
    plain("secret", sources::secret),
    plain("nfs", sources::nfs),
    plain("iscsi", sources::iscsi),
    plain("glusterfs", sources::glusterfs),
    plain("flocker", sources::flocker),
    plain("persistentVolumeClaim", sources::persistent_volume_claim),
    plain("rbd", sources::rbd),
    plain("cinder", sources::cinder),
    Type { second: "cephFS", ..plain("cephfs", sources::cephfs) },
    plain("quobyte", sources::quobyte),
    Type { second: "downwarAPI", ..plain("downwardAPI", projected::downward_api) },
    plain("fc", sources::fibre_channel),
    plain("flexVolume", sources::flex_volume),
    plain("configMap", sources::config_map),
    plain("azureFile", sources::azure_file),
    plain("vsphereVolume", sources::vsphere_volume),
    plain("photonPersistentDisk", sources::photon_persistent_disk),
    plain("portworxVolume", sources::portworx_volume),
    plain("azureDisk", sources::azure_disk),
    plain("storageos", sources::storage_os),
    plain("projected", projected::projected),
    plain("scaleIO", sources::scale_io),
    plain("csi", sources::csi),
    plain("ephemeral", sources::ephemeral),
    plain("image", sources::image),
];

/// Checks the volumes and returns those that are fine. `pod_name` is empty in templates.
pub(super) fn volumes<'a>(
    list: &'a Node<'a>,
    pod_name: &str,
    options: &PodOptions,
    errors: &mut Errors,
) -> Volumes<'a> {
    let mut fine = Volumes::default();
    for (volume, value) in list.items().zip(list.array()) {
        let before = errors.len();
        let name_at = volume.child("name");
        let name: &'a str = value.get("name").and_then(Value::as_str).unwrap_or_default();
        one_type(&volume, Context { name, pod_name, options }, errors);
        if name.is_empty() {
            errors.push(name_at.required(""));
        } else {
            label(&name_at, errors);
        }
        if fine.contains(name) {
            errors.push(name_at.duplicate_text(name));
        }
        if errors.len() == before {
            fine.by_name.insert(name, value);
        }
        claim_of_other_volume(&volume, list, pod_name, errors);
    }
    fine
}

fn one_type(volume: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let mut found = false;
    let mut look = |of: &Type| {
        let source = volume.child(of.member);
        if !source.is_set() {
            return;
        }
        if found {
            errors.push(volume.child(of.second).forbidden("may not specify more than 1 volume type"));
        } else {
            found = true;
            (of.rule)(&volume.child(of.path).with(source.value()), volume, context, errors);
        }
        if of.member == "iscsi" {
            sources::iscsi_name_length(&source, volume, context.name, errors);
        }
    };
    // A name and a type: no need to look for the others.
    match volume.object() {
        Some(members) if members.len() <= 2 => {
            members.keys().filter_map(|key| TYPES.iter().find(|of| of.member == key)).for_each(&mut look);
        }
        _ => TYPES.iter().for_each(&mut look),
    }
    if !found {
        errors.push(volume.required("must specify a volume type"));
    }
}

/// A claim that will be made for an ephemeral volume of this pod is not for other volumes of it.
fn claim_of_other_volume(volume: &Node<'_>, list: &Node<'_>, pod_name: &str, errors: &mut Errors) {
    let source = volume.child("persistentVolumeClaim");
    if pod_name.is_empty() || !source.is_set() {
        return;
    }
    let claim = source.child("claimName");
    let of_pod = claim.text().strip_prefix(pod_name).and_then(|rest| rest.strip_prefix('-'));
    let made = of_pod.is_some_and(|name| {
        list.items().any(|v| v.child("ephemeral").is_set() && v.child("name").text() == name)
    });
    if made {
        errors.push(claim.invalid("must not reference a PVC that gets created for an ephemeral volume"));
    }
}

/// The name of the claim that is made for an ephemeral volume.
fn ephemeral_claim_name(volume: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    if context.pod_name.is_empty() || context.name.is_empty() {
        return;
    }
    let claim = format!("{}-{}", context.pod_name, context.name);
    let wrong = names::dns_subdomain(&claim).into_iter().map(|text| format!("PVC name {claim:?}: {text}"));
    refuse(&volume.child("name"), wrong, errors);
}
