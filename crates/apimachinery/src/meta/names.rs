//! The names of versions, kinds and resources.

use std::fmt;

use crate::Text;

/// A group and a version: `apps/v1`, or `v1` for the core group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersion {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The version.
    pub version: Text,
}

/// A kind in a version of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The version.
    pub version: Text,
    /// The kind, such as `Pod`.
    pub kind: Text,
}

/// A resource in a version of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The version.
    pub version: Text,
    /// The plural name, such as `pods`.
    pub resource: Text,
}

/// A kind in a group, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKind {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The kind, such as `Pod`.
    pub kind: Text,
}

/// A resource in a group, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The plural name, such as `pods`.
    pub resource: Text,
}

impl GroupVersion {
    /// A group and a version.
    pub fn new(group: impl Into<Text>, version: impl Into<Text>) -> Self {
        GroupVersion { group: group.into(), version: version.into() }
    }

    /// Reads an object's `apiVersion`: `""` and `/` are the empty version of the core group.
    ///
    /// # Errors
    /// Text with more than one `/`, in the words that upstream has for it.
    pub fn parse(api_version: &str) -> Result<Self, String> {
        if api_version.is_empty() || api_version == "/" {
            return Ok(GroupVersion::default());
        }
        match api_version.split_once('/') {
            None => Ok(GroupVersion::new("", api_version)),
            Some((_, version)) if version.contains('/') => {
                Err(format!("unexpected GroupVersion string: {api_version}"))
            }
            Some((group, version)) => Ok(GroupVersion::new(group, version)),
        }
    }

    /// The kind of this name in this version.
    pub fn with_kind(&self, kind: impl Into<Text>) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: kind.into() }
    }

    /// The resource of this name in this version.
    pub fn with_resource(&self, resource: impl Into<Text>) -> GroupVersionResource {
        let (group, version) = (self.group.clone(), self.version.clone());
        GroupVersionResource { group, version, resource: resource.into() }
    }
}

impl GroupVersionKind {
    /// A kind.
    pub fn new(group: impl Into<Text>, version: impl Into<Text>, kind: impl Into<Text>) -> Self {
        GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Its group and version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }

    /// Its group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// What an object of the kind has as `apiVersion`.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
}

impl GroupVersionResource {
    /// A resource.
    pub fn new(group: impl Into<Text>, version: impl Into<Text>, resource: impl Into<Text>) -> Self {
        GroupVersionResource { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// Its group and version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }

    /// Its group and name.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.version)
        } else {
            write!(f, "{}/{}", self.group, self.version)
        }
    }
}

/// As Go prints it: `apps/v1, Kind=Deployment`, and `/v1, Kind=Pod` for the core group.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// As Go prints it: `apps/v1, Resource=deployments`.
impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

/// As Go prints it: `Deployment.apps`, and `Pod` for the core group.
impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::status::qualified(&self.group, &self.kind))
    }
}

/// As Go prints it: `deployments.apps`, and `pods` for the core group.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::status::qualified(&self.group, &self.resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_are_read_and_printed() {
        for (text, group, version) in
            [("v1", "", "v1"), ("apps/v1", "apps", "v1"), ("", "", ""), ("/", "", ""), ("a/", "a", "")]
        {
            let parsed = GroupVersion::parse(text).unwrap();
            assert_eq!((parsed.group.as_str(), parsed.version.as_str()), (group, version), "{text}");
        }
        assert_eq!(GroupVersion::parse("a/b/c").unwrap_err(), "unexpected GroupVersion string: a/b/c");
        assert_eq!(GroupVersionKind::new("apps", "v1", "Deployment").api_version(), "apps/v1");
    }

    #[test]
    fn names_print_as_in_go() {
        assert_eq!(GroupVersionKind::new("", "v1", "Pod").to_string(), "/v1, Kind=Pod");
        assert_eq!(
            GroupVersionResource::new("apps", "v1", "deployments").to_string(),
            "apps/v1, Resource=deployments"
        );
        assert_eq!(
            GroupVersionKind::new("apps", "v1", "Deployment").group_kind().to_string(),
            "Deployment.apps"
        );
        assert_eq!(GroupVersionResource::new("", "v1", "pods").group_resource().to_string(), "pods");
    }
}
