//! What many rules come to, as a table: a decision costs a few look-ups, however many bindings there are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keelson_api::rbac::Rule;
use keelson_apimachinery::Text;

use super::allows;
use super::index::{Binding, RoleRef};
use crate::authz::Attributes;

const ALL: &str = "*";

/// The most entries that one rule may make, and all of them together: rules beyond are looked at one by one. Who
/// writes a rule with long lists can't have the server write them out.
const OF_ONE: usize = 4096;
const OF_ALL: usize = 1 << 20;

/// The first binding that allows a verb, by its place.
type Verbs = HashMap<Text, usize>;

/// What is allowed with a resource.
#[derive(Debug, Default)]
struct OfResource {
    /// With all of its objects.
    any: Verbs,
    /// With single ones.
    named: HashMap<Text, Verbs>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    bindings: Vec<Arc<Binding>>,
    /// By group and resource.
    groups: HashMap<Text, HashMap<Text, OfResource>>,
    /// Rules of paths, and those that are not in the table, with the places of their bindings.
    others: Vec<(usize, Rule)>,
    /// The places of bindings whose roles don't exist.
    lost: Vec<usize>,
}

impl Table {
    /// A table of bindings of one scope and their roles' rules; `None` for a role that does not exist.
    pub(super) fn new<'a>(all: impl Iterator<Item = (&'a Arc<Binding>, Option<&'a [Rule]>)>) -> Self {
        let mut table =
            Table { bindings: Vec::new(), groups: HashMap::new(), others: Vec::new(), lost: Vec::new() };
        let (mut left, mut seen) = (OF_ALL, HashSet::new());
        for (binding, rules) in all {
            // What is bound twice is allowed once.
            if !seen.insert((binding.role.cluster, binding.role.name.as_str())) {
                continue;
            }
            let place = table.bindings.len();
            table.bindings.push(Arc::clone(binding));
            match rules {
                None => table.lost.push(place),
                Some(rules) => rules.iter().for_each(|rule| table.add(place, rule, &mut left)),
            }
        }
        table
    }

    fn add(&mut self, place: usize, rule: &Rule, left: &mut usize) {
        if !rule.non_resource_urls.is_empty() {
            self.others.push((place, rule.clone()));
            return;
        }
        let lists = [&rule.api_groups, &rule.resources, &rule.verbs];
        let names = rule.resource_names.len().max(1);
        let entries = lists.iter().fold(names, |product, list| product.saturating_mul(list.len()));
        if entries > OF_ONE.min(*left) {
            self.others.push((place, rule.clone()));
            return;
        }
        *left -= entries;
        for group in &rule.api_groups {
            let of_group = self.groups.entry(group.clone()).or_default();
            for resource in &rule.resources {
                let of_resource = of_group.entry(resource.clone()).or_default();
                let note = |verbs: &mut Verbs| {
                    for verb in &rule.verbs {
                        verbs.entry(verb.clone()).or_insert(place);
                    }
                };
                match rule.resource_names.as_slice() {
                    [] => note(&mut of_resource.any),
                    names => names.iter().for_each(|n| note(of_resource.named.entry(n.clone()).or_default())),
                }
            }
        }
    }

    /// The first binding that allows what is asked for.
    pub(super) fn allows(&self, attributes: &Attributes<'_>) -> Option<&Arc<Binding>> {
        let others = self.others.iter().find(|(_, rule)| allows(rule, attributes)).map(|(place, _)| *place);
        let tabled = attributes.is_resource_request.then(|| self.allows_resource(attributes)).flatten();
        self.bindings.get(others.into_iter().chain(tabled).min()?)
    }

    fn allows_resource(&self, attributes: &Attributes<'_>) -> Option<usize> {
        let (whole, of_any);
        let resources = match attributes.subresource {
            "" => [Some(attributes.resource), Some(ALL), None],
            subresource => {
                whole = format!("{}/{subresource}", attributes.resource);
                of_any = format!("*/{subresource}");
                [Some(whole.as_str()), Some(ALL), Some(of_any.as_str())]
            }
        };
        let of_verbs =
            |verbs: &Verbs| [attributes.verb, ALL].iter().filter_map(|verb| verbs.get(*verb).copied()).min();
        let groups = [attributes.group, ALL].into_iter().filter_map(|group| self.groups.get(group));
        groups
            .flat_map(|of_group| resources.iter().flatten().filter_map(|resource| of_group.get(*resource)))
            .filter_map(|of_resource| {
                let named = of_resource.named.get(attributes.name).and_then(of_verbs);
                of_verbs(&of_resource.any).into_iter().chain(named).min()
            })
            .min()
    }

    /// The roles that are bound and don't exist.
    pub(super) fn lost(&self) -> impl Iterator<Item = &RoleRef> {
        self.lost.iter().filter_map(|place| self.bindings.get(*place)).map(|binding| &binding.role)
    }
}
