//! RBAC's policy rules: what one list of rules allows that another does not.
//!
//! Source: "Using RBAC Authorization" in the Kubernetes documentation.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;

use keelson_apimachinery::field::quote;
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

    /// How many rules [`Rule::broken_down`] makes.
    fn parts(&self) -> usize {
        let lists = [&self.api_groups, &self.resources, &self.verbs];
        let names = self.resource_names.len().max(1);
        let of_resources = lists.iter().fold(names, |product, list| product.saturating_mul(list.len()));
        of_resources.saturating_add(self.non_resource_urls.len().saturating_mul(self.verbs.len()))
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
    uncovered_within(usize::MAX, owned, wanted).unwrap_or_default()
}

/// As [`uncovered`]; `None` where that would take more comparisons of rules than `most`: the parts of a rule are
/// as many as the product of its lists' lengths.
pub fn uncovered_within(most: usize, owned: &[Rule], wanted: &[Rule]) -> Option<Vec<Rule>> {
    let owned: Vec<Held<'_>> = owned.iter().map(Held::new).collect();
    let bounded = |rules: usize| rules.saturating_mul(owned.len().max(1)) <= most;
    if !bounded(wanted.len()) {
        return None;
    }
    let covered = |rule: &Rule| owned.iter().any(|held| held.covers(rule));
    let open: Vec<&Rule> = wanted.iter().filter(|rule| !covered(rule)).collect();
    if !bounded(open.iter().fold(0, |sum: usize, rule| sum.saturating_add(rule.parts()))) {
        return None;
    }
    Some(open.into_iter().flat_map(Rule::broken_down).filter(|part| !covered(part)).collect())
}

/// Rules with one list of verbs for what they have in common, where they are of one group, one resource and at
/// most one name: for people to read.
pub fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut places: HashMap<(Text, Text, Option<Text>), usize> = HashMap::new();
    let mut compacted: Vec<Rule> = Vec::with_capacity(rules.len());
    for rule in rules {
        let place = match (&*rule.api_groups, &*rule.resources, &*rule.resource_names) {
            _ if !rule.non_resource_urls.is_empty() => None,
            ([group], [resource], []) => Some((group.clone(), resource.clone(), None)),
            ([group], [resource], [name]) => Some((group.clone(), resource.clone(), Some(name.clone()))),
            _ => None,
        };
        let Some(place) = place else {
            compacted.push(rule);
            continue;
        };
        match places.entry(place) {
            Entry::Occupied(known) => compacted[*known.get()].verbs.extend(rule.verbs),
            Entry::Vacant(new) => {
                new.insert(compacted.len());
                compacted.push(rule);
            }
        }
    }
    compacted
}

/// As texts of refusals have it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        f.write_str("{")?;
        for (i, (name, list)) in lists.into_iter().filter(|(_, list)| !list.is_empty()).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let quoted: Vec<String> = list.iter().map(|text| quote(text)).collect();
            write!(f, "{comma}{name}:[{}]", quoted.join(" "))?;
        }
        f.write_str("}")
    }
}

/// A rule as what is held already: long lists may be asked for many entries.
struct Held<'a> {
    verbs: HashSet<&'a str>,
    api_groups: HashSet<&'a str>,
    resources: HashSet<&'a str>,
    resource_names: HashSet<&'a str>,
    non_resource_urls: HashSet<&'a str>,
    /// The paths whose ends are open, without the stars.
    open_urls: Vec<&'a str>,
}

impl<'a> Held<'a> {
    fn new(rule: &'a Rule) -> Self {
        let set = |list: &'a [Text]| list.iter().map(Text::as_str).collect::<HashSet<&str>>();
        let non_resource_urls = set(&rule.non_resource_urls);
        let stars = non_resource_urls.iter().filter(|url| url.ends_with(ALL));
        Held {
            verbs: set(&rule.verbs),
            api_groups: set(&rule.api_groups),
            resources: set(&rule.resources),
            resource_names: set(&rule.resource_names),
            open_urls: stars.map(|url| url.trim_end_matches('*')).collect(),
            non_resource_urls,
        }
    }

    /// Whether it allows all that `other` does.
    fn covers(&self, other: &Rule) -> bool {
        let has_all =
            |set: &HashSet<&str>, list: &[Text]| list.iter().all(|text| set.contains(text.as_str()));
        let has_all_or_star = |set: &HashSet<&str>, list: &[Text]| set.contains(ALL) || has_all(set, list);
        let names = self.resource_names.is_empty()
            || (!other.resource_names.is_empty() && has_all(&self.resource_names, &other.resource_names));
        names
            && has_all_or_star(&self.verbs, &other.verbs)
            && has_all_or_star(&self.api_groups, &other.api_groups)
            && (self.resources.contains(ALL)
                || other.resources.iter().all(|wanted| self.has_resource(wanted)))
            && other.non_resource_urls.iter().all(|wanted| self.has_url(wanted))
    }

    fn has_resource(&self, wanted: &str) -> bool {
        let of_any = |subresource: &str| self.resources.contains(format!("*/{subresource}").as_str());
        self.resources.contains(wanted)
            || wanted.split_once('/').is_some_and(|(_, subresource)| of_any(subresource))
    }

    fn has_url(&self, wanted: &str) -> bool {
        self.non_resource_urls.contains(wanted)
            || self.open_urls.iter().any(|prefix| wanted.starts_with(prefix))
    }
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
        check(r#"[{"verbs":["*"],"nonResourceURLs":["/healthz**"]}]"#, paths, 0);
    }

    #[test]
    fn comparisons_are_bounded() {
        let list = |prefix: &str| (0..1000).map(|i| Text::from(format!("{prefix}{i}"))).collect::<Vec<_>>();
        let large = Rule { verbs: list("v"), api_groups: list("g"), resources: list("r"), ..Rule::default() };
        let all = std::slice::from_ref(&large);
        assert_eq!(
            uncovered_within(1_000_000, all, all),
            Some(Vec::new()),
            "what is held whole is not broken down"
        );
        assert_eq!(uncovered_within(1_000_000, &[], all), None);
        assert_eq!(
            uncovered_within(usize::MAX, &[], &[Rule { verbs: Vec::new(), ..large }]),
            Some(Vec::new())
        );
    }

    #[test]
    fn what_is_missing_reads_as_upstreams() {
        let check = |wanted: &str, shown: &[&str]| {
            let missing = compact(uncovered(&[], &rules(wanted)));
            assert_eq!(missing.iter().map(ToString::to_string).collect::<Vec<_>>(), shown);
        };
        check(
            r#"[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods","pods/log"],"resourceNames":["a"]},
                {"verbs":["get"],"nonResourceURLs":["/x"]},{"verbs":["watch"],"apiGroups":[""],"resources":["pods"]}]"#,
            &[
                r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}"#,
                r#"{APIGroups:[""], Resources:["pods/log"], ResourceNames:["a"], Verbs:["get" "list"]}"#,
                r#"{NonResourceURLs:["/x"], Verbs:["get"]}"#,
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}"#,
            ],
        );
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
