//! The review that is posted, and what its answer says.

use std::collections::BTreeMap;

use keelson_apimachinery::field::quote;
use keelson_apimachinery::selector::{fields, labels};
use keelson_apimachinery::{Map, Value};
use serde::Serialize;

use super::super::{Attributes, Decision, Verdict};
use crate::outbound::review;

/// The version of the reviews that a webhook understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewVersion {
    /// `v1`.
    V1,
    /// `v1beta1`, whose groups are called `group`.
    V1beta1,
}

/// The question: what a `SubjectAccessReview` specifies.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Review<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<Resource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<NonResource<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verb: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    resource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subresource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_selector: Option<Selector<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_selector: Option<Selector<'a>>,
}

#[derive(Serialize)]
struct NonResource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verb: &'a str,
}

#[derive(Serialize)]
struct Selector<'a> {
    requirements: Vec<Requirement<'a>>,
}

#[derive(Serialize)]
struct Requirement<'a> {
    key: &'a str,
    operator: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<&'a str>,
}

/// A whole review of version v1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1<'r, 'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    spec: &'r Review<'a>,
    status: NoStatus,
}

/// A whole review of version v1beta1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta1<'r, 'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    spec: V1beta1Spec<'r, 'a>,
    status: NoStatus,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta1Spec<'r, 'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: &'r Option<Resource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: &'r Option<NonResource<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    group: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct NoStatus {
    allowed: bool,
}

const KIND: &str = "SubjectAccessReview";

impl<'a> Review<'a> {
    /// The question that these attributes ask.
    pub(super) fn of(attributes: &Attributes<'a>) -> Self {
        let user = attributes.user;
        let (resource, other) = match attributes.is_resource_request {
            true => (Some(resource(attributes)), None),
            false => (None, Some(NonResource { path: attributes.path, verb: attributes.verb })),
        };
        Review {
            resource_attributes: resource,
            non_resource_attributes: other,
            user: &user.name,
            groups: &user.groups,
            extra: &user.extra,
            uid: &user.uid,
        }
    }

    /// The JSON that is posted.
    pub(super) fn body(&self, version: ReviewVersion) -> Vec<u8> {
        let (kind, api_version) = (KIND, version.api_version());
        let (metadata, status) = (Empty {}, NoStatus { allowed: false });
        let written = match version {
            ReviewVersion::V1 => serde_json::to_vec(&V1 { kind, api_version, metadata, spec: self, status }),
            ReviewVersion::V1beta1 => {
                let spec = V1beta1Spec {
                    resource_attributes: &self.resource_attributes,
                    non_resource_attributes: &self.non_resource_attributes,
                    user: self.user,
                    group: self.groups,
                    extra: self.extra,
                    uid: self.uid,
                };
                serde_json::to_vec(&V1beta1 { kind, api_version, metadata, spec, status })
            }
        };
        written.expect("strings, lists and maps of strings are always JSON")
    }

    /// The specification as expressions see it: every text is there, be it empty.
    pub(super) fn tree(&self) -> Value {
        let text = |text: &str| Value::String(text.into());
        let list = |texts: &[String]| Value::Array(texts.iter().map(|t| text(t)).collect());
        let mut spec = Map::new();
        let mut extra = Map::new();
        for (key, values) in self.extra {
            extra.insert(key.as_str(), list(values));
        }
        spec.insert("user", text(self.user));
        spec.insert("groups", list(self.groups));
        spec.insert("uid", text(self.uid));
        spec.insert("extra", extra);
        if let Some(resource) = &self.resource_attributes {
            let mut members = Map::new();
            members.insert("namespace", text(resource.namespace));
            members.insert("verb", text(resource.verb));
            members.insert("group", text(resource.group));
            members.insert("version", text(resource.version));
            members.insert("resource", text(resource.resource));
            members.insert("subresource", text(resource.subresource));
            members.insert("name", text(resource.name));
            for (name, selector) in
                [("fieldSelector", &resource.field_selector), ("labelSelector", &resource.label_selector)]
            {
                if let Some(selector) = selector {
                    members.insert(name, selector.tree());
                }
            }
            spec.insert("resourceAttributes", members);
        }
        if let Some(other) = &self.non_resource_attributes {
            let mut members = Map::new();
            members.insert("path", text(other.path));
            members.insert("verb", text(other.verb));
            spec.insert("nonResourceAttributes", members);
        }
        Value::Object(spec)
    }
}

impl Selector<'_> {
    fn tree(&self) -> Map {
        let text = |text: &str| Value::String(text.into());
        let requirements = self.requirements.iter().map(|requirement| {
            let mut members = Map::new();
            members.insert("key", text(requirement.key));
            members.insert("operator", text(requirement.operator));
            members.insert("values", Value::Array(requirement.values.iter().map(|v| text(v)).collect()));
            Value::Object(members)
        });
        let mut selector = Map::new();
        selector.insert("requirements", Value::Array(requirements.collect()));
        selector
    }
}

fn resource<'a>(attributes: &Attributes<'a>) -> Resource<'a> {
    let fields = attributes.selectors.fields.requirements.iter().map(|requirement| Requirement {
        key: &requirement.field,
        operator: match requirement.operator {
            fields::Operator::Equals => "In",
            fields::Operator::NotEquals => "NotIn",
        },
        values: vec![&*requirement.value],
    });
    let labels = attributes.selectors.labels.requirements.iter().filter_map(|requirement| {
        use labels::Operator;
        let operator = match requirement.operator() {
            Operator::Equals | Operator::DoubleEquals | Operator::In => "In",
            Operator::NotEquals | Operator::NotIn => "NotIn",
            Operator::Exists => "Exists",
            Operator::DoesNotExist => "DoesNotExist",
            // To leave one out asks for more than the request does, never for less.
            Operator::GreaterThan | Operator::LessThan => return None,
        };
        let values = requirement.values().iter().map(|value| &**value).collect();
        Some(Requirement { key: requirement.key(), operator, values })
    });
    let selector =
        |requirements: Vec<Requirement<'a>>| (!requirements.is_empty()).then_some(Selector { requirements });
    Resource {
        namespace: attributes.namespace,
        verb: attributes.verb,
        group: attributes.group,
        version: attributes.version,
        resource: attributes.resource,
        subresource: attributes.subresource,
        name: attributes.name,
        field_selector: selector(fields.collect()),
        label_selector: selector(labels.collect()),
    }
}

/// What a webhook says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) allowed: bool,
    denied: bool,
    pub(super) reason: String,
}

impl Status {
    pub(super) fn verdict(self) -> Verdict {
        let decision = match (self.denied, self.allowed) {
            (true, _) => Decision::Deny,
            (false, true) => Decision::Allow,
            (false, false) => Decision::NoOpinion,
        };
        let both = "webhook subject access review returned both allow and deny response";
        let error = (self.denied && self.allowed).then(|| both.to_owned());
        Verdict { error, ..Verdict::new(decision, self.reason) }
    }
}

impl ReviewVersion {
    /// That of this name.
    ///
    /// # Errors
    /// Another name, with the names that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "v1" => Ok(ReviewVersion::V1),
            "v1beta1" => Ok(ReviewVersion::V1beta1),
            _ => Err(format!(
                "unsupported webhook authorizer version {}, supported versions are \"v1\", \"v1beta1\"",
                quote(name)
            )),
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            ReviewVersion::V1 => "authorization.k8s.io/v1",
            ReviewVersion::V1beta1 => "authorization.k8s.io/v1beta1",
        }
    }

    /// What an answer says.
    ///
    /// # Errors
    /// An answer that is no review of this version.
    pub(super) fn status(self, body: &[u8]) -> Result<Status, String> {
        let status = review::status_of(body, KIND, self.api_version())?;
        Ok(Status {
            allowed: review::flag(&status, "allowed")?,
            denied: review::flag(&status, "denied")?,
            reason: review::text(&status, "reason")?,
        })
    }
}
