//! The types of volumes but the projected ones.

use keelson_apimachinery::content::{names, numbers, paths};
use keelson_apimachinery::field::FieldError;

use super::{Context, ephemeral_claim_name};
use crate::validation::shared::names::{label, one_of, refuse, required, required_one_of};
use crate::validation::shared::resources::quantity;
use crate::validation::{Errors, Node};

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];

/// The mode bits of a file, where they are set.
pub(super) fn mode(at: &Node<'_>, errors: &mut Errors) {
    if at.int().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        errors.push(at.invalid(MODE));
    }
}

/// A key of a config map or secret and the file that it becomes.
pub(super) fn key_to_path(item: &Node<'_>, errors: &mut Errors) {
    required(&item.child("key"), errors);
    required(&item.child("path"), errors);
    let path = item.child("path");
    refuse(&path, paths::local_non_reserved(path.text()), errors);
    mode(&item.child("mode"), errors);
}

fn in_range(at: &Node<'_>, high: i64, errors: &mut Errors) {
    if let Some(why) = numbers::in_range(at.int().unwrap_or(0), 0, high) {
        errors.push(at.invalid(why));
    }
}

fn secret_name(secret: &Node<'_>, errors: &mut Errors) {
    if secret.is_set() {
        required(&secret.child("name"), errors);
    }
}

fn all_required(source: &Node<'_>, members: &[&str], errors: &mut Errors) {
    members.iter().for_each(|member| required(&source.child(member), errors));
}

pub(super) fn empty_dir(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let limit = source.child("sizeLimit");
    if limit.text().starts_with('-') && quantity(&limit).is_negative() {
        errors.push(limit.forbidden("SizeLimit field must be a valid resource quantity"));
    }
}

pub(super) fn host_path(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let path = source.child("path");
    if path.text().is_empty() {
        errors.push(path.required(""));
        return;
    }
    refuse(&path, paths::no_backsteps(path.text()), errors);
    one_of(&source.child("type"), HOST_PATH_TYPES, errors);
}

pub(super) fn git_repo(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("repository"), errors);
    let directory = source.child("directory");
    refuse(&directory, paths::local_descending(directory.text()), errors);
}

pub(super) fn gce_persistent_disk(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("pdName"), errors);
    partition(source, errors);
}

pub(super) fn aws_elastic_block_store(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("volumeID"), errors);
    partition(source, errors);
}

/// Zero is fine, whatever the text says: it means the whole disk.
fn partition(source: &Node<'_>, errors: &mut Errors) {
    let partition = source.child("partition");
    if partition.int().is_some_and(|number| !(0..=255).contains(&number)) {
        errors.push(partition.invalid(numbers::out_of_range(1, 255)));
    }
}

pub(super) fn secret(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("secretName"), errors);
    mode(&source.child("defaultMode"), errors);
    source.child("items").items().for_each(|item| key_to_path(&item, errors));
}

pub(super) fn config_map(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("name"), errors);
    mode(&source.child("defaultMode"), errors);
    source.child("items").items().for_each(|item| key_to_path(&item, errors));
}

pub(super) fn nfs(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all_required(source, &["server", "path"], errors);
    let path = source.child("path");
    if !path.text().starts_with('/') {
        refuse(&path, ["must be an absolute path"], errors);
    }
}

pub(super) fn iscsi(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("targetPortal"), errors);
    let iqn = source.child("iqn");
    if iqn.text().is_empty() {
        errors.push(iqn.required(""));
    } else {
        iscsi_name(&iqn, &iqn, errors);
    }
    in_range(&source.child("lun"), 255, errors);
    let secret = source.child("secretRef");
    let chap = source.child("chapAuthDiscovery").is_true() || source.child("chapAuthSession").is_true();
    if chap && !secret.is_set() {
        errors.push(secret.required(""));
    }
    let initiator = source.child("initiatorName");
    if initiator.is_set() {
        iscsi_name(&initiator, &source.child("initiatorname").with(initiator.value()), errors);
    }
}

/// A qualified name of an iSCSI target or initiator (RFC 3720, section 3.2.6.3).
fn iscsi_name(name: &Node<'_>, at: &Node<'_>, errors: &mut Errors) {
    let text = name.text();
    let fine = match text.get(..3) {
        Some("iqn") => is_iqn(text),
        Some("eui") => is_extended_identifier(text, 16),
        Some("naa") => is_extended_identifier(text, 32),
        _ => {
            refuse(at, ["must be valid format starting with iqn, eui, or naa"], errors);
            return;
        }
    };
    if !fine {
        refuse(at, ["must be valid format"], errors);
    }
}

/// `iqn.2024-01.com.example` and a colon with a name behind it; a longer text may hold it at its end.
fn is_iqn(text: &str) -> bool {
    let wrong = |c: char| ",;*&$|".contains(c) || matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
    text.match_indices("iqn.").any(|(i, prefix)| {
        let rest = &text.as_bytes()[i + prefix.len()..];
        let digits = |range: std::ops::Range<usize>| {
            rest.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
        };
        if !digits(0..4) || rest.get(4) != Some(&b'-') || !digits(5..7) || rest.get(7) != Some(&b'.') {
            return false;
        }
        let authority = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
        let end = 8 + rest[8..].iter().take_while(|c| authority(c)).count();
        let name = text.get(i + prefix.len() + end..).unwrap_or_default();
        end > 8 && name.len() > 1 && name.starts_with(':') && !name[1..].contains(wrong)
    })
}

/// `eui.` or `naa.` (any character may stand for the dot) and that many letters or digits.
fn is_extended_identifier(text: &str, length: usize) -> bool {
    let mut rest = text.chars().skip(3);
    rest.next().is_some_and(|c| c != '\n')
        && rest.clone().count() == length
        && rest.all(|c| c.is_ascii_alphanumeric())
}

/// What the name of the volume and the portal may take together.
pub(super) fn iscsi_name_length(source: &Node<'_>, volume: &Node<'_>, name: &str, errors: &mut Errors) {
    let length = name.len() + 1 + source.child("targetPortal").text().len();
    if source.child("initiatorName").is_set() && length > 64 {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                   iscsi.initiatorName is specified.";
        errors.push(volume.child("name").invalid_text(name, why));
    }
}

pub(super) fn glusterfs(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all_required(source, &["endpoints", "path"], errors);
}

pub(super) fn flocker(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let name = source.child("datasetName");
    match (name.text().is_empty(), source.child("datasetUUID").text().is_empty()) {
        (true, true) => errors.push(source.required("one of datasetName and datasetUUID is required")),
        (false, false) => {
            let why = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(source.invalid_text("resource", why));
        }
        _ => {}
    }
    if name.text().contains('/') {
        errors.push(name.invalid("must not contain '/'"));
    }
}

pub(super) fn persistent_volume_claim(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("claimName"), errors);
}

pub(super) fn rbd(source: &Node<'_>, volume: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    cephfs(source, volume, context, errors);
    required(&source.child("image"), errors);
}

pub(super) fn cinder(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("volumeID"), errors);
    secret_name(&source.child("secretRef"), errors);
}

pub(super) fn cephfs(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let monitors = source.child("monitors");
    if monitors.array().is_empty() {
        errors.push(monitors.required(""));
    }
}

pub(super) fn quobyte(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let (registry, tenant) = (source.child("registry"), source.child("tenant"));
    if registry.text().is_empty() {
        errors.push(registry.required(PAIRS));
    } else if tenant.text().len() >= 65 {
        errors.push(tenant.required("must be a UUID and may not exceed a length of 64 characters"));
    } else {
        let wrong = registry.text().split(',').filter(|pair| !is_host_port(pair));
        errors.extend(wrong.map(|_| registry.invalid(PAIRS)));
    }
    required(&source.child("volume"), errors);
}

/// Whether a text is a host and a port with a colon between them, an IPv6 address in brackets.
fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = match host.strip_prefix('[') {
        Some(inside) => match inside.strip_suffix(']') {
            Some(address) => return !address.contains(['[', ']']) && !port.contains(['[', ']']),
            None => return false,
        },
        None => host,
    };
    !bare.contains([':', '[', ']']) && !port.contains(['[', ']'])
}

pub(super) fn fibre_channel(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let (targets, lun) = (source.child("targetWWNs"), source.child("lun"));
    match (targets.array().is_empty(), source.child("wwids").array().is_empty()) {
        (true, true) => {
            errors.push(targets.required("must specify either targetWWNs or wwids, but not both"));
        }
        (false, false) => {
            errors.push(targets.invalid("targetWWNs and wwids can not be specified simultaneously"));
        }
        _ => {}
    }
    if targets.array().is_empty() {
        return;
    }
    if lun.is_set() {
        in_range(&lun, 255, errors);
    } else {
        errors.push(lun.required("lun is required if targetWWNs is specified"));
    }
}

pub(super) fn flex_volume(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("driver"), errors);
    for (key, option) in source.child("options").entries() {
        let namespace = key.split('/').next().unwrap_or(key).to_ascii_lowercase();
        let reserved = ["kubernetes.io", "k8s.io"].iter().any(|domain| {
            namespace.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        if reserved {
            errors.push(option.invalid_text(key, "kubernetes.io and k8s.io namespaces are reserved"));
        }
    }
}

pub(super) fn azure_file(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all_required(source, &["secretName", "shareName"], errors);
}

pub(super) fn vsphere_volume(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("volumePath"), errors);
}

pub(super) fn photon_persistent_disk(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("pdID"), errors);
}

pub(super) fn portworx_volume(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    required(&source.child("volumeID"), errors);
}

pub(super) fn azure_disk(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    all_required(source, &["diskName", "diskURI"], errors);
    let (caching, kind, uri) = (source.child("cachingMode"), source.child("kind"), source.child("diskURI"));
    if caching.is_set() {
        one_of(&caching, &["None", "ReadOnly", "ReadWrite"], errors);
    }
    if !kind.is_set() {
        return;
    }
    one_of(&kind, &["Dedicated", "Managed", "Shared"], errors);
    let (prefix, form) =
        if kind.text() == "Managed" { ("/subscriptions/", MANAGED) } else { ("https://", BLOB) };
    if !uri.text().starts_with(prefix) {
        errors.push(FieldError::not_supported(&uri, uri.text(), &[form]));
    }
}

pub(super) fn storage_os(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let (name, namespace) = (source.child("volumeName"), source.child("volumeNamespace"));
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        label(&name, errors);
    }
    if !namespace.text().is_empty() {
        label(&namespace, errors);
    }
    secret_name(&source.child("secretRef"), errors);
}

pub(super) fn scale_io(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all_required(source, &["gateway", "system", "volumeName"], errors);
}

pub(super) fn csi(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let driver = source.child("driver");
    if driver.text().is_empty() {
        errors.push(driver.required(""));
    } else {
        if driver.text().len() > 63 {
            errors.push(driver.too_long(63));
        }
        refuse(&driver, names::dns_subdomain(&driver.text().to_lowercase()), errors);
    }
    let secret = source.child("nodePublishSecretRef");
    if !secret.is_set() {
        return;
    }
    let name = secret.child("name");
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        let wrong = names::dns_subdomain(name.text());
        refuse(&source.child("name").with(name.value()), wrong, errors);
    }
}

pub(super) fn ephemeral(source: &Node<'_>, volume: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let template = source.child("volumeClaimTemplate");
    if template.is_set() {
        super::claim_template::claim_template(&template, errors);
    } else {
        errors.push(template.required(""));
    }
    ephemeral_claim_name(volume, context, errors);
}

pub(super) fn image(source: &Node<'_>, _: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    if context.options.is_pod {
        required(&source.child("reference"), errors);
    }
    required_one_of(&source.child("pullPolicy"), PULL_POLICIES, errors);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_iscsi_targets_have_three_forms() {
        assert!(is_iqn("iqn.2024-01.com.example:storage"));
        assert!(!is_iqn("iqn.2024-01.com.example"));
        assert!(!is_iqn("iqn.2024-01.com.example:a b"));
        assert!(!is_iqn("iqn.24-01.com.example:a"));
        assert!(is_extended_identifier("eui.0123456789ABCDEF", 16));
        assert!(!is_extended_identifier("eui.0123456789ABCDE", 16));
        assert!(!is_extended_identifier("naa", 32));
    }

    #[test]
    fn hosts_have_ports() {
        for fine in ["host:80", "[::1]:80", ":80", "a:"] {
            assert!(is_host_port(fine), "{fine}");
        }
        for wrong in ["host", "::1", "[::1]", "[::1:80", "a:b:c"] {
            assert!(!is_host_port(wrong), "{wrong}");
        }
    }
}
