//! Security contexts of pods and containers.
//!
//! Source: "Configure a security context for a pod or container" and "Pod security standards" in the
//! Kubernetes documentation; upstream's `core/validation`.

use std::sync::atomic::{AtomicBool, Ordering};

use keelson_apimachinery::content::{numbers, paths};

use super::{PodOptions, internal, windows};
use crate::validation::shared::names::{one_of, refuse, required_one_of};
use crate::validation::shared::render::render;
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

/// Whether privileged containers may exist: one setting for the process, as the flag is.
static ALLOW_PRIVILEGED: AtomicBool = AtomicBool::new(false);

const MAX_SYSCTL: usize = 253;
const SYSCTL: &str = "must have at most 253 characters and match regex \
                      ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
/// The longest path that Linux takes, without the zero at its end.
const MAX_PROFILE: usize = 4095;

/// Allows or forbids privileged containers; they are forbidden at first. (`--allow-privileged`)
pub fn allow_privileged(allow: bool) {
    ALLOW_PRIVILEGED.store(allow, Ordering::Relaxed);
}

pub(super) fn privileged_allowed() -> bool {
    ALLOW_PRIVILEGED.load(Ordering::Relaxed)
}

fn id(at: &Node<'_>, errors: &mut Errors) {
    errors.extend(at.int().and_then(numbers::user_or_group_id).map(|why| at.invalid(why)));
}

/// Whether the pod shares the users of its node.
pub(super) fn host_users(spec: &Node<'_>) -> bool {
    spec.child("hostUsers").flag() != Some(false)
}

/// `spec.securityContext`, and what stands beside it in `spec`.
pub(super) fn of_pod(spec: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let context = spec.child("securityContext");
    for member in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(&context.child(member), errors);
    }
    context.child("supplementalGroups").items().for_each(|group| id(&group, errors));
    let shared = spec.child("shareProcessNamespace");
    if shared.is_true() && spec.child("hostPID").is_true() {
        let at = context.child("shareProcessNamespace").with(shared.value());
        errors.push(at.invalid("ShareProcessNamespace and HostPID cannot both be enabled"));
    }
    sysctls(spec, &context.child("sysctls"), options, errors);
    let policy = context.child("fsGroupChangePolicy");
    if policy.is_set() {
        one_of(&policy, &["Always", "OnRootMismatch"], errors);
    }
    seccomp(&context.child("seccompProfile"), errors);
    windows::options(&context.child("windowsOptions"), errors);
    app_armor(&context.child("appArmorProfile"), errors);
    let policy = context.child("supplementalGroupsPolicy");
    if policy.is_set() {
        one_of(&policy, &["Merge", "Strict"], errors);
    }
    let policy = context.child("seLinuxChangePolicy");
    if policy.is_set() {
        let known = if options.selinux_policies { &["MountOption", "Recursive"][..] } else { &["Recursive"] };
        one_of(&policy, known, errors);
    }
}

fn sysctls(spec: &Node<'_>, list: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let mut names = Seen::default();
    for (sysctl, value) in list.items().zip(list.array()) {
        let (at, name) = (sysctl.child("name"), value.str_at(&["name"]));
        if name.is_empty() {
            errors.push(at.required(""));
        } else if !is_sysctl(name) {
            refuse(&at, [SYSCTL], errors);
        } else if names.contains(name) {
            errors.push(at.duplicate_text(name));
        }
        if !options.host_sysctls {
            host_sysctl(spec, &at, errors);
        }
        names.insert(name);
    }
}

/// Segments with dots or slashes between them.
fn is_sysctl(name: &str) -> bool {
    let edge = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    name.len() <= MAX_SYSCTL
        && name.split(['.', '/']).all(|segment| {
            let bytes = segment.as_bytes();
            edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
        })
}

/// Refuses to set for a pod what its namespaces share with the host.
pub(super) fn host_sysctl(spec: &Node<'_>, at: &Node<'_>, errors: &mut Errors) {
    // A name may have slashes for dots, and dots for slashes; the first separator tells which.
    let name = at.text();
    let slashes = name.find(['.', '/']).is_some_and(|i| name.as_bytes()[i] == b'/');
    let dotted: String = match slashes {
        true => name
            .chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect(),
        false => name.to_owned(),
    };
    let of_ipc = dotted == "kernel.sem"
        || ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|prefix| dotted.starts_with(prefix));
    if dotted.starts_with("net.") && spec.child("hostNetwork").is_true() {
        refuse(at, ["may not be specified when 'hostNetwork' is true"], errors);
    } else if of_ipc && spec.child("hostIPC").is_true() {
        refuse(at, ["may not be specified when 'hostIPC' is true"], errors);
    }
}

/// `securityContext` of a container.
pub(super) fn of_container(context: &Node<'_>, host_users: bool, errors: &mut Errors) {
    if !context.is_set() {
        return;
    }
    let privileged = context.child("privileged");
    if privileged.is_true() && !privileged_allowed() {
        errors.push(privileged.forbidden("disallowed by cluster policy"));
    }
    id(&context.child("runAsUser"), errors);
    id(&context.child("runAsGroup"), errors);
    let mount = context.child("procMount");
    if mount.is_set() {
        one_of(&mount, &["Default", "Unmasked"], errors);
        if host_users && mount.text() == "Unmasked" {
            errors.push(mount.invalid("`hostUsers` must be false to use `Unmasked`"));
        }
    }
    seccomp(&context.child("seccompProfile"), errors);
    if context.child("allowPrivilegeEscalation").flag() == Some(false) {
        let contradiction = |with: &str| {
            let why = format!("cannot set `allowPrivilegeEscalation` to false and {with}");
            render(context, &internal::SECURITY_CONTEXT).invalid(why)
        };
        if privileged.is_true() {
            errors.push(contradiction("`privileged` to true"));
        }
        let added = context.child("capabilities");
        let added = added.child("add");
        let all = added.items().filter(|capability| capability.text() == "CAP_SYS_ADMIN");
        errors.extend(all.map(|_| contradiction("`capabilities.Add` CAP_SYS_ADMIN")));
    }
    windows::options(&context.child("windowsOptions"), errors);
    app_armor(&context.child("appArmorProfile"), errors);
}

fn seccomp(profile: &Node<'_>, errors: &mut Errors) {
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.child("type"), profile.child("localhostProfile"));
    if kind.text().is_empty() {
        errors.push(kind.required("type is required when seccompProfile is set"));
    } else {
        one_of(&kind, PROFILES, errors);
    }
    if kind.text() == "Localhost" {
        if local.is_set() {
            refuse(&local, paths::local_descending(local.text()), errors);
        } else {
            errors.push(local.required("must be set when seccomp type is Localhost"));
        }
    } else if local.is_set() {
        let why = "can only be set when seccomp type is Localhost";
        errors.push(render(&local.with(profile.value()), &internal::SECCOMP_PROFILE).invalid(why));
    }
}

pub(super) fn app_armor(profile: &Node<'_>, errors: &mut Errors) {
    const NEEDED: &str = "must be set when AppArmor type is Localhost";
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.child("type"), profile.child("localhostProfile"));
    match kind.text() {
        "Localhost" => {
            let trimmed = local.text().trim();
            if !local.is_set() {
                errors.push(local.required(NEEDED));
            } else if trimmed != local.text() {
                refuse(&local, ["must not be padded with whitespace"], errors);
            } else if trimmed.is_empty() {
                errors.push(local.required(NEEDED));
            }
            if local.text().len() > MAX_PROFILE {
                errors.push(local.too_long(MAX_PROFILE));
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if local.is_set() {
                errors.push(local.invalid("can only be set when AppArmor type is Localhost"));
            }
        }
        "" => errors.push(kind.required("type is required when appArmorProfile is set")),
        _ => required_one_of(&kind, PROFILES, errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_have_segments() {
        for name in ["kernel.shm_rmid_forced", "net/ipv4/conf/eth0.100/rp_filter", "a"] {
            assert!(is_sysctl(name), "{name}");
        }
        for name in ["", "a..b", "Kernel.x", "_a", "a/", &"a".repeat(254)] {
            assert!(!is_sysctl(name), "{name}");
        }
    }
}
