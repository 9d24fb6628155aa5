//! Flags about the versions whose behaviour is shown.

use super::{Errors, unsupported, value};

#[derive(Debug, clap::Args)]
pub(super) struct Compatibility {
    /// The version of Kubernetes whose behaviour is shown, as [kube=]MAJOR.MINOR: 1.36, and no other yet.
    #[arg(long)]
    emulated_version: Vec<String>,
    /// The oldest version of other servers of this cluster, as [kube=]MAJOR.MINOR: 1.35, and no other yet.
    #[arg(long)]
    min_compatibility_version: Vec<String>,
}

impl Compatibility {
    /// Notes what can't be.
    pub(super) fn check(&self, errors: &mut Errors) {
        for (flag, given, own) in [
            ("--emulated-version", &self.emulated_version, (1, 36)),
            ("--min-compatibility-version", &self.min_compatibility_version, (1, 35)),
        ] {
            let versions = errors.take(flag, versions(&value::list(given))).unwrap_or_default();
            if let Some((major, minor)) = versions.filter(|version| *version != own) {
                errors.note(flag, format!("{major}.{minor}: {}", unsupported::REASON));
            }
        }
    }
}

/// The version of component `kube`.
fn versions(given: &[String]) -> Result<Option<(u32, u32)>, String> {
    let mut found = None;
    for text in given {
        let (component, version) = text.split_once('=').unwrap_or(("kube", text));
        let (component, version) = (component.trim(), version.trim());
        let numbers: Option<Vec<u32>> =
            version.trim_start_matches('v').split('.').map(|number| number.parse().ok()).collect();
        let (major, minor) = match numbers.as_deref() {
            Some([major, minor] | [major, minor, 0]) => (*major, *minor),
            Some([_, _, _]) => return Err(format!("patch version not allowed, got: {component}={version}")),
            _ => return Err(format!("illegal version string {version:?}")),
        };
        if component != "kube" {
            return Err(format!("component not registered: {component}"));
        }
        if let Some((old_major, old_minor)) = found {
            return Err(format!(
                "duplicate version flag, kube={old_major}.{old_minor} and kube={major}.{minor}"
            ));
        }
        found = Some((major, minor));
    }
    Ok(found)
}
