//! RBAC's policy rules: what one list of rules allows that another does not.
//!
//! Source: "Using RBAC Authorization" in the Kubernetes documentation.

use keelson_apimachinery::{Map, Text, Value};

const ALL: &str = "*";

/// A policy rule: of resources or of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What may be done; `*` is everything.
    pub verbs: Vec<Text>,
    /// In which groups; `*` is all.
    pub api_groups: Vec<Text>,
    /// With which resources: `pods`, `pods/status`, `*/scale`, `*`.
    pub resources: Vec<Text>,
    /// With which objects; empty for all.
    pub resource_names: Vec<Text>,
    /// On which paths; a `*` at the end stands for any rest.
    pub non_resource_urls: Vec<Text>,
}

impl Rule {
    /// Reads a rule as JSON has it.
    pub fn read(value: &Value) -> Self {
        let texts = |key| {
            let list = value.get(key).and_then(Value::as_array).unwrap_or_default();
            list.iter().filter_map(Value::as_str).map(Text::from).collect()
        };
        Rule {
            verbs: texts("verbs"),
            api_groups: texts("apiGroups"),
            resources: texts("resources"),
            resource_names: texts("resourceNames"),
            non_resource_urls: texts("nonResourceURLs"),
        }
    }

    /// The rule as JSON has it.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let lists = [
            ("verbs", &self.verbs),
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.non_resource_urls),
        ];
        for (key, list) in lists.into_iter().filter(|(key, list)| !list.is_empty() || *key == "verbs") {
            map.insert(key, Value::Array(list.iter().cloned().map(Value::String).collect()));
        }
        Value::Object(map)
    }

    /// The rules of an object, from its member `rules`.
    pub fn read_all(object: &Value) -> Vec<Self> {
        let list = object.get("rules").and_then(Value::as_array).unwrap_or_default();
        list.iter().map(Rule::read).collect()
    }

    /// Whether it allows all that `other` does.
    pub fn covers(&self, other: &Rule) -> bool {
        let names = match other.resource_names.is_empty() {
            true => self.resource_names.is_empty(),
            false => self.resource_names.is_empty() || has_all(&self.resource_names, &other.resource_names),
        };
        has_all_or_star(&self.verbs, &other.verbs)
            && has_all_or_star(&self.api_groups, &other.api_groups)
            && other.resources.iter().all(|resource| has_resource(&self.resources, resource))
            && names
            && other.non_resource_urls.iter().all(|url| has_url(&self.non_resource_urls, url))
    }

    /// Rules of one verb, group, resource and name, or of one verb and path, that allow the same together.
    pub fn broken_down(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        let names: Vec<Vec<Text>> = match self.resource_names.as_slice() {
            [] => vec![Vec::new()],
            names => names.iter().map(|name| vec![name.clone()]).collect(),
        };
        for group in &self.api_groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    for name in &names {
                        rules.push(Rule {
                            verbs: vec![verb.clone()],
                            api_groups: vec![group.clone()],
                            resources: vec![resource.clone()],
                            resource_names: name.clone(),
                            non_resource_urls: Vec::new(),
                        });
                    }
                }
            }
        }
        for url in &self.non_resource_urls {
            for verb in &self.verbs {
                rules.push(Rule {
                    verbs: vec![verb.clone()],
                    non_resource_urls: vec![url.clone()],
                    ..Rule::default()
                });
            }
        }
        rules
    }
}

/// What `wanted` allows and `owned` does not, broken down; empty where `owned` covers it all.
pub fn uncovered(owned: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let parts = wanted.iter().flat_map(Rule::broken_down);
    parts.filter(|part| !owned.iter().any(|rule| rule.covers(part))).collect()
}

fn has_all(list: &[Text], wanted: &[Text]) -> bool {
    wanted.iter().all(|text| list.contains(text))
}

fn has_all_or_star(list: &[Text], wanted: &[Text]) -> bool {
    list.iter().any(|text| text == ALL) || has_all(list, wanted)
}

fn has_resource(list: &[Text], wanted: &Text) -> bool {
    let of_any = |text: &Text| match (text.strip_prefix("*/"), wanted.split_once('/')) {
        (Some(own), Some((_, subresource))) => own == subresource,
        _ => false,
    };
    list.iter().any(|text| text == ALL || text == wanted || of_any(text))
}

fn has_url(list: &[Text], wanted: &Text) -> bool {
    list.iter().any(|own| match own.strip_suffix('*') {
        Some(prefix) => wanted.starts_with(prefix),
        None => own == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::codec::json;

    fn rules(text: &str) -> Vec<Rule> {
        let value = json::decode_untyped(format!(r#"{{"rules":{text}}}"#).as_bytes()).expect("JSON").value;
        Rule::read_all(&value)
    }

    #[test]
    fn rules_cover_what_they_allow() {
        let check = |owned: &str, wanted: &str, missing: usize| {
            let missed = uncovered(&rules(owned), &rules(wanted));
            assert_eq!(missed.len(), missing, "{owned} {wanted}: {missed:?}");
        };
        let pods = r#"[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods","pods/status"]}]"#;
        check(pods, pods, 0);
        check("[]", pods, 4);
        check(r#"[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]"#, pods, 0);
        check(r#"[{"verbs":["get"],"apiGroups":[""],"resources":["*"]}]"#, pods, 2);
        check(r#"[{"verbs":["*"],"apiGroups":[""],"resources":["*/status"]}]"#, pods, 2);
        check(r#"[{"verbs":["*"],"apiGroups":[""],"resources":["*"],"resourceNames":["a"]}]"#, pods, 4);
        let named = r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a","b"]}]"#;
        check(pods, named, 0);
        check(r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}]"#, named, 1);
        let paths = r#"[{"verbs":["get"],"nonResourceURLs":["/healthz","/healthz/*"]}]"#;
        check(r#"[{"verbs":["get"],"nonResourceURLs":["/healthz*"]}]"#, paths, 0);
        check(r#"[{"verbs":["get"],"nonResourceURLs":["/healthz"]}]"#, paths, 1);
        check(r#"[{"verbs":["*"],"nonResourceURLs":["*"]}]"#, paths, 0);
    }

    #[test]
    fn rules_read_as_they_are_written() {
        let all = rules(
            r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]},{"verbs":["get"],"nonResourceURLs":["/x"]}]"#,
        );
        for rule in &all {
            assert_eq!(&Rule::read(&rule.to_value()), rule);
        }
    }
}
