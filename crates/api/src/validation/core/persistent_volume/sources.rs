//! Where a volume comes from: exactly one source, each with rules of its own.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::{dns_label, label_value};
use keelson_apimachinery::field::FieldError;

use super::Context;
use crate::validation::shared::names::{label, one_of, refuse, subdomain};
use crate::validation::storage::driver_name;
use crate::validation::{Errors, Node, same};

const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

type Rule = fn(source: &Node<'_>, context: Context<'_>, errors: &mut Errors);

/// A type of sources.
struct Type {
    member: &'static str,
    /// What errors call it where it is one too many, and inside of it.
    names: (&'static str, &'static str),
    rule: Rule,
}

const fn of(member: &'static str, rule: Rule) -> Type {
    Type { member, names: (member, member), rule }
}

/// All types in the order of errors.
const TYPES: [Type; 22] = [
    of("hostPath", host_path),
    Type {
        member: "gcePersistentDisk",
        names: ("gcePersistentDisk", "persistentDisk"),
        rule: |source, _, errors| partitioned(source, "pdName", errors),
    },
    of("awsElasticBlockStore", |source, _, errors| partitioned(source, "volumeID", errors)),
    of("glusterfs", glusterfs),
    of("flocker", flocker),
    of("nfs", nfs),
    of("rbd", rbd),
    of("quobyte", quobyte),
    Type { member: "cephfs", names: ("cephFS", "cephfs"), rule: cephfs },
    of("iscsi", iscsi),
    of("cinder", cinder),
    of("fc", fibre_channel),
    of("flexVolume", flex_volume),
    of("azureFile", azure_file),
    of("vsphereVolume", |source, _, errors| all(source, &["volumePath"], errors)),
    of("photonPersistentDisk", |source, _, errors| all(source, &["pdID"], errors)),
    of("portworxVolume", |source, _, errors| all(source, &["volumeID"], errors)),
    of("azureDisk", azure_disk),
    of("scaleIO", |source, _, errors| all(source, &["gateway", "system", "volumeName"], errors)),
    of("local", local),
    of("storageos", storage_os),
    of("csi", csi),
];

/// Checks the source, and that there is one and no other.
pub(super) fn one(spec: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let mut found = 0;
    for Type { member, names, rule } in &TYPES {
        let Some(value) = spec.at(&[member]) else { continue };
        // Flex volumes are counted, but never one too many.
        if found > 0 && *member != "flexVolume" {
            errors.push(spec.child(names.0).forbidden("may not specify more than 1 volume type"));
            continue;
        }
        found += 1;
        rule(&spec.child(names.1).with(Some(value)), context, errors);
        if *member == "local" && (context.inline || spec.at(&["nodeAffinity"]).is_none()) {
            errors.push(spec.child("nodeAffinity").required("Local volume requires node affinity"));
        }
    }
    if found == 0 {
        errors.push(spec.required("must specify a volume type"));
    }
}

/// Whether some value of node affinity is one that no label can have.
pub(super) fn has_invalid_label_value(terms: &[Value]) -> bool {
    let lists =
        |value: &Value, member: &str| value.get(member).and_then(Value::as_array).map(<[Value]>::to_vec);
    terms.iter().flat_map(|term| lists(term, "matchExpressions").unwrap_or_default()).any(|expression| {
        let values = lists(&expression, "values").unwrap_or_default();
        values.iter().any(|value| !label_value(value.as_str().unwrap_or("")).is_empty())
    })
}

/// Whether node affinity is the same, but for labels that went from beta to their final names.
pub(super) fn same_but_for_ga_labels(now: Option<&Value>, was: Option<&Value>) -> bool {
    fn renamed(value: &Value, now: Option<&Value>) -> Value {
        let renamed_list = |list: &[Value], now: Option<&Value>| {
            let now = now.and_then(Value::as_array).unwrap_or_default();
            list.iter().enumerate().map(|(i, value)| renamed(value, now.get(i))).collect()
        };
        match value {
            Value::Array(list) => Value::Array(renamed_list(list, now)),
            Value::Object(map) => {
                let member = |key: &str| now.and_then(|now| now.get(key));
                let key = |key: &str, value: &Value| match (key, value.as_str()) {
                    ("key", Some(label)) if ga(label) == member("key").and_then(Value::as_str) => {
                        member("key").cloned().unwrap_or_default()
                    }
                    _ => renamed(value, member(key)),
                };
                Value::Object(map.iter().map(|(k, value)| (k.into(), key(k, value))).collect())
            }
            value => value.clone(),
        }
    }
    same(now, was.map(|was| renamed(was, now)).as_ref())
}

/// The final name of a beta label.
fn ga(label: &str) -> Option<&'static str> {
    Some(match label {
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        _ => return None,
    })
}

/// Members that must not be empty.
fn all(source: &Node<'_>, members: &[&str], errors: &mut Errors) {
    for member in members {
        let at = source.child(member);
        if at.is_empty() {
            errors.push(at.required(""));
        }
    }
}

/// A reference to a secret, where there is one.
fn secret(source: &Node<'_>, members: &[&str], errors: &mut Errors) {
    let secret = source.child("secretRef");
    if secret.is_set() {
        all(&secret, members, errors);
    }
}

fn no_backsteps(path: &Node<'_>, errors: &mut Errors) {
    if path.text().split('/').any(|part| part == "..") {
        errors.push(path.invalid("must not contain '..'"));
    }
}

fn byte(source: &Node<'_>, member: &str, range: &str, errors: &mut Errors) {
    let at = source.child(member);
    if at.int().is_some_and(|number| !(0..=255).contains(&number)) {
        errors.push(at.invalid(range));
    }
}

fn host_path(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let (path, kind) = (source.child("path"), source.child("type"));
    if path.text().is_empty() {
        errors.push(path.required(""));
        return;
    }
    no_backsteps(&path, errors);
    if kind.is_set() {
        one_of(&kind, &HOST_PATH_TYPES, errors);
    }
}

fn partitioned(source: &Node<'_>, id: &str, errors: &mut Errors) {
    all(source, &[id], errors);
    byte(source, "partition", "must be between 1 and 255, inclusive", errors);
}

fn glusterfs(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["endpoints", "path"], errors);
    let namespace = source.child("endpointsNamespace");
    match namespace.opt_text() {
        None => {}
        Some("") => {
            let why = "if the endpointnamespace is set, it must be a valid namespace name";
            errors.push(namespace.invalid(why));
        }
        Some(text) => refuse(&namespace, dns_label(text), errors),
    }
}

fn flocker(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let name = source.child("datasetName");
    match (name.text().is_empty(), source.text_at(&["datasetUUID"]).is_empty()) {
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

fn nfs(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["server", "path"], errors);
    let path = source.child("path");
    if !path.text().starts_with('/') {
        errors.push(path.invalid_text(path.text(), "must be an absolute path"));
    }
}

fn rbd(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["monitors", "image"], errors);
}

fn cephfs(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["monitors"], errors);
}

fn quobyte(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let registry = source.child("registry");
    let why = "must be a host:port pair or multiple pairs separated by commas";
    let tenant = source.child("tenant");
    if registry.text().is_empty() {
        errors.push(registry.required(why));
    } else if tenant.text().len() > 64 {
        errors.push(tenant.required("must be a UUID and may not exceed a length of 64 characters"));
    } else {
        let wrong = registry.text().split(',').filter(|pair| !is_host_and_port(pair));
        errors.extend(wrong.map(|_| registry.invalid(why)));
    }
    all(source, &["volume"], errors);
}

/// `host:port` or `[host]:port`, as Go splits them: either may be empty.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = match host.strip_prefix('[') {
        Some(rest) => match rest.strip_suffix(']') {
            Some(inner) => inner,
            None => return false,
        },
        None if host.contains(':') => return false,
        None => host,
    };
    ![host, port].iter().any(|part| part.contains(['[', ']']))
}

fn iscsi(source: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    all(source, &["targetPortal"], errors);
    let (portal, initiator) = (source.text_at(&["targetPortal"]), source.child("initiatorName"));
    if initiator.is_set() && context.name.len() + 1 + portal.len() > 64 {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                   iscsi.initiatorName is specified.";
        errors.push(source.child("targetportal").invalid_text(portal, why));
    }
    let target = source.child("iqn");
    if target.text().is_empty() {
        errors.push(target.required(""));
    } else {
        iscsi_name(&target, errors);
    }
    byte(source, "lun", "must be between 0 and 255, inclusive", errors);
    let secret_ref = source.child("secretRef");
    let authenticates = ["chapAuthDiscovery", "chapAuthSession"].iter().any(|m| source.child(m).is_true());
    if authenticates && !secret_ref.is_set() {
        errors.push(secret_ref.required(""));
    }
    secret(source, &["name"], errors);
    if initiator.is_set() {
        iscsi_name(&source.child("initiatorname").with(initiator.value()), errors);
    }
}

/// The name of an iSCSI target or initiator: RFC 3720, section 3.2.6.3.
fn iscsi_name(at: &Node<'_>, errors: &mut Errors) {
    let text = at.text();
    let fine = match text.get(..3) {
        Some("iqn") => is_iqn(text),
        Some("eui") => is_identifier(text, 16),
        Some("naa") => is_identifier(text, 32),
        _ => false,
    };
    if !fine {
        errors.push(at.invalid_text(text, "must be valid format"));
    }
}

/// `iqn.2024-01.com.example:name`; a longer text may end so.
fn is_iqn(text: &str) -> bool {
    let name = |rest: &str| -> Option<bool> {
        let (date, rest) = (rest.get(..7)?, rest.get(7..)?.strip_prefix('.')?);
        let (year, month) = (date.get(..4)?, date.get(4..)?.strip_prefix('-')?);
        if !year.bytes().chain(month.bytes()).all(|c| c.is_ascii_digit()) {
            return None;
        }
        let (authority, name) = rest.split_once(':')?;
        let of_authority = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let forbidden = |c: char| ",;*&$|".contains(c) || matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        Some(
            !authority.is_empty()
                && authority.chars().all(of_authority)
                && !name.is_empty()
                && !name.contains(forbidden),
        )
    };
    text.match_indices("iqn.").any(|(i, prefix)| name(&text[i + prefix.len()..]) == Some(true))
}

/// Three letters, any character, and this many letters or digits.
fn is_identifier(text: &str, length: usize) -> bool {
    let mut rest = text.chars().skip(3);
    rest.next().is_some_and(|c| c != '\n')
        && rest.clone().count() == length
        && rest.all(|c| c.is_ascii_alphanumeric())
}

fn cinder(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["volumeID"], errors);
    secret(source, &["name", "namespace"], errors);
}

fn fibre_channel(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let (targets, lun) = (source.child("targetWWNs"), source.child("lun"));
    match (targets.array().is_empty(), source.array_at(&["wwids"]).is_empty()) {
        (true, true) => {
            errors.push(targets.required("must specify either targetWWNs or wwids, but not both"));
        }
        (false, false) => {
            errors.push(targets.invalid("targetWWNs and wwids can not be specified simultaneously"));
        }
        _ => {}
    }
    if targets.array().is_empty() {
    } else if lun.is_set() {
        byte(source, "lun", "must be between 0 and 255, inclusive", errors);
    } else {
        errors.push(lun.required("lun is required if targetWWNs is specified"));
    }
}

fn flex_volume(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["driver"], errors);
    for (key, option) in source.child("options").entries() {
        let domain = format!(".{}", key.split('/').next().unwrap_or(key).to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let why = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(option.invalid_text(key, why));
        }
    }
}

fn azure_file(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["secretName", "shareName"], errors);
    let namespace = source.child("secretNamespace");
    if namespace.is_set() && namespace.text().is_empty() {
        errors.push(namespace.required(""));
    }
}

fn azure_disk(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["diskName", "diskURI"], errors);
    let (caching, kind, uri) = (source.child("cachingMode"), source.child("kind"), source.child("diskURI"));
    if caching.is_set() {
        one_of(&caching, &["None", "ReadOnly", "ReadWrite"], errors);
    }
    if !kind.is_set() {
        return;
    }
    one_of(&kind, &["Dedicated", "Managed", "Shared"], errors);
    let (prefix, form) = if kind.text() == "Managed" {
        (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        )
    } else {
        ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd")
    };
    if !uri.text().starts_with(prefix) {
        errors.push(FieldError::not_supported(&uri, uri.text(), &[form]));
    }
}

fn local(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    all(source, &["path"], errors);
    no_backsteps(&source.child("path"), errors);
}

fn storage_os(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    let (name, namespace) = (source.child("volumeName"), source.child("volumeNamespace"));
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        label(&name, errors);
    }
    if !namespace.text().is_empty() {
        label(&namespace, errors);
    }
    secret(source, &["name", "namespace"], errors);
}

fn csi(source: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    driver_name(&source.child("driver"), errors);
    all(source, &["volumeHandle"], errors);
    let secrets = [
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ];
    for member in secrets {
        let secret = source.child(member);
        if !secret.is_set() {
            continue;
        }
        let (name, namespace) = (secret.child("name"), secret.child("namespace"));
        all(&secret, &["name"], errors);
        if !name.text().is_empty() {
            subdomain(&name, errors);
        }
        all(&secret, &["namespace"], errors);
        if !namespace.text().is_empty() {
            label(&namespace, errors);
        }
    }
}
