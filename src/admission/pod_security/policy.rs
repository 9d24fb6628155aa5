//! Levels, versions, and what the labels of a namespace say of them.
//!
//! Source: "Pod Security Admission" in the Kubernetes documentation.

use std::fmt;

use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;

/// What the labels begin with, and the annotations of audit events.
pub(super) const PREFIX: &str = "pod-security.kubernetes.io/";

/// The labels of a mode: its level, and the version that the level is of.
const ENFORCE: (&str, &str) =
    ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version");
const AUDIT: (&str, &str) = ("pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version");
const WARN: (&str, &str) = ("pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version");

/// How much a pod may do, the strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    /// The level of this name. What is no level is taken for the strictest.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "privileged" => Ok(Level::Privileged),
            "baseline" => Ok(Level::Baseline),
            "restricted" => Ok(Level::Restricted),
            _ => Err("must be one of privileged, baseline, restricted"),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

/// A version of Kubernetes whose checks count: `v1.x`, or the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Minor(u32),
    Latest,
}

impl Version {
    /// The version that a text names.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be \"latest\" or \"v1.x\"";
        if text == "latest" {
            return Ok(Version::Latest);
        }
        let digits = text.strip_prefix("v1.").ok_or(WRONG)?;
        let padded = digits.len() > 1 && digits.starts_with('0');
        if padded || digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
            return Err(WRONG);
        }
        digits.parse().map(Version::Minor).map_err(|_| WRONG)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Latest => f.write_str("latest"),
            Version::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// A level as it was in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LevelVersion {
    pub(super) level: Level,
    pub(super) version: Version,
}

impl LevelVersion {
    const PRIVILEGED: Self = LevelVersion { level: Level::Privileged, version: Version::Latest };

    /// Whether both come to the same: all versions of `privileged` do.
    fn is_like(&self, other: &Self) -> bool {
        self == other || (self.level == Level::Privileged && other.level == Level::Privileged)
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.as_str(), self.version)
    }
}

/// What counts in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// What pods must keep to.
    pub(super) enforce: LevelVersion,
    /// What is noted in the audit log.
    pub(super) audit: LevelVersion,
    /// What clients are warned of.
    pub(super) warn: LevelVersion,
}

impl Policy {
    /// Everything is allowed.
    pub(super) const PRIVILEGED: Self = Policy {
        enforce: LevelVersion::PRIVILEGED,
        audit: LevelVersion::PRIVILEGED,
        warn: LevelVersion::PRIVILEGED,
    };

    pub(super) fn is_fully_privileged(&self) -> bool {
        [self.enforce, self.audit, self.warn].iter().all(|mode| mode.level == Level::Privileged)
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.enforce.is_like(&other.enforce)
            && self.audit.is_like(&other.audit)
            && self.warn.is_like(&other.warn)
    }

    /// What the labels of a namespace say, and what is wrong with them. A level that can't be read is the
    /// strictest to enforce, and none to audit or warn of; a version is the latest.
    pub(super) fn of(namespace: &Object, default: &Policy) -> (Policy, Vec<FieldError>) {
        let mut policy = *default;
        let mut errors = Vec::new();
        if namespace.labels().is_none_or(|labels| labels.is_empty()) {
            return (policy, errors);
        }
        let mut note = |label: &str, text: &str, why: &str| {
            let path = Path::new("metadata").child("labels").key(label);
            errors.push(FieldError::invalid(&path, text, why));
        };
        let mut enforced = false;
        for ((level, version), mode, fallback) in [
            (ENFORCE, &mut policy.enforce, Level::Restricted),
            (AUDIT, &mut policy.audit, Level::Privileged),
            (WARN, &mut policy.warn, Level::Privileged),
        ] {
            if let Some(text) = namespace.label(level) {
                let parsed = Level::parse(text);
                enforced |= level == ENFORCE.0 && parsed.is_ok();
                mode.level = parsed.unwrap_or_else(|why| {
                    note(level, text, why);
                    fallback
                });
            }
            if let Some(text) = namespace.label(version) {
                mode.version = Version::parse(text).unwrap_or_else(|why| {
                    note(version, text, why);
                    Version::Latest
                });
            }
        }
        // Who enforces wants warnings of it in time, where pods are made by others.
        if enforced && namespace.label(WARN.0).is_none() && policy.enforce.level > policy.warn.level {
            policy.warn.level = policy.enforce.level;
            if namespace.label(WARN.1).is_none() {
                policy.warn.version = policy.enforce.version;
            }
        }
        (policy, errors)
    }
}
