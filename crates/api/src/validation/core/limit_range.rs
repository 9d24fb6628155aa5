//! LimitRange.
//!
//! Source: "Limit ranges" in the Kubernetes documentation.

use std::collections::BTreeSet;

use keelson_apimachinery::content::names::{NameRule, qualified_name};
use keelson_apimachinery::scalar::{Format, Quantity};

use crate::validation::metadata::validate_again;
use crate::validation::shared::resources::{
    container_resource_name, may_overcommit, quantity, resource_name,
};
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("", "limitranges", create, update).lenient_metadata(&[""]);

/// Above this, thousandths don't fit 64 bits.
const MAX_MILLI: i64 = i64::MAX / 1000;

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let limits = spec.child("limits");
    let mut types: Vec<&str> = Vec::new();
    for item in limits.items() {
        let (kind, name) = (item.child("type"), item.text_at(&["type"]));
        type_name(&kind, errors);
        if types.contains(&name) {
            errors.push(kind.duplicate_text(name));
        }
        types.push(name);
        limit(&item, name, errors);
    }
}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    validate_again(object, true, NameRule::Subdomain, errors);
    create(object, errors);
}

fn type_name(kind: &Node<'_>, errors: &mut Errors) {
    let name = kind.text();
    let wrong = qualified_name(name);
    let standard = matches!(name, "Pod" | "Container" | "PersistentVolumeClaim");
    if wrong.is_empty() && !name.contains('/') && !standard {
        errors.push(kind.invalid_text(name, "must be a standard limit type or fully qualified"));
    }
    errors.extend(wrong.into_iter().map(|text| kind.invalid_text(name, text)));
}

fn names<'a>(map: &'a Node<'a>, kind: &str, all: &mut BTreeSet<&'a str>, errors: &mut Errors) {
    for (name, at) in map.entries() {
        if matches!(kind, "Pod" | "Container") {
            container_resource_name(name, &at, errors);
        } else {
            resource_name(name, &at, errors);
        }
        all.insert(name);
    }
}

fn limit(item: &Node<'_>, kind: &str, errors: &mut Errors) {
    let (max, min) = (item.child("max"), item.child("min"));
    let (default, request) = (item.child("default"), item.child("defaultRequest"));
    let ratio = item.child("maxLimitRequestRatio");
    let mut all = BTreeSet::new();
    names(&max, kind, &mut all, errors);
    names(&min, kind, &mut all, errors);
    let of_pod = kind == "Pod";
    for map in [&default, &request] {
        if !of_pod {
            names(map, kind, &mut all, errors);
        } else if !map.is_empty() {
            errors.push(map.forbidden("may not be specified when `type` is 'Pod'"));
        }
    }
    if kind == "PersistentVolumeClaim" && !min.key("storage").is_set() && !max.key("storage").is_set() {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(item.child("limits").required(why));
    }
    names(&ratio, kind, &mut all, errors);
    for name in all {
        let unless_pod = |map: &Node<'_>| (!of_pod).then(|| amount(map, name)).flatten();
        let amounts = Amounts {
            name,
            min: amount(&min, name),
            max: amount(&max, name),
            default: unless_pod(&default),
            request: unless_pod(&request),
            ratio: amount(&ratio, name),
        };
        amounts.compare(item, errors);
    }
}

fn amount(map: &Node<'_>, name: &str) -> Option<Quantity> {
    let at = map.key(name);
    at.is_set().then(|| quantity(&at))
}

/// What an item says of one resource.
struct Amounts<'a> {
    name: &'a str,
    min: Option<Quantity>,
    max: Option<Quantity>,
    default: Option<Quantity>,
    request: Option<Quantity>,
    ratio: Option<Quantity>,
}

impl Amounts<'_> {
    fn compare(&self, item: &Node<'_>, errors: &mut Errors) {
        let refuse = |member: &str, shown: &Quantity, why: String, errors: &mut Errors| {
            errors.push(item.child(member).key(self.name).invalid_text(&shown.to_string(), why));
        };
        let (min, max) = (self.min.as_ref(), self.max.as_ref());
        let (default, request) = (self.default.as_ref(), self.request.as_ref());
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            refuse("min", min, format!("min value {min} is greater than max value {max}"), errors);
        }
        if let Some(request) = request {
            if let Some(min) = min.filter(|min| *min > request) {
                let why = format!("min value {min} is greater than default request value {request}");
                refuse("defaultRequest", request, why, errors);
            }
            if let Some(max) = max.filter(|max| request > *max) {
                let why = format!("default request value {request} is greater than max value {max}");
                refuse("defaultRequest", request, why, errors);
            }
            if let Some(default) = default.filter(|default| request > *default) {
                let why =
                    format!("default request value {request} is greater than default limit value {default}");
                refuse("defaultRequest", request, why, errors);
            }
        }
        if let Some(default) = default {
            // What is shown is the bound, not the default.
            if let Some(min) = min.filter(|min| *min > default) {
                refuse(
                    "default",
                    min,
                    format!("min value {min} is greater than default value {default}"),
                    errors,
                );
            }
            if let Some(max) = max.filter(|max| default > *max) {
                refuse(
                    "default",
                    max,
                    format!("default value {default} is greater than max value {max}"),
                    errors,
                );
            }
        }
        self.ratio(&refuse, errors);
        if let (Some(default), Some(request)) = (default, request)
            && !may_overcommit(self.name)
            && default != request
        {
            let name = self.name;
            let why =
                format!("default value {default} must equal to defaultRequest value {request} in {name}");
            refuse("defaultRequest", request, why, errors);
        }
    }

    fn ratio(&self, refuse: &dyn Fn(&str, &Quantity, String, &mut Errors), errors: &mut Errors) {
        let Some(ratio) = &self.ratio else { return };
        let member = "maxLimitRequestRatio";
        if *ratio < Quantity::new(1, Format::DecimalSi) {
            refuse(member, ratio, format!("ratio {ratio} is less than 1"), errors);
        }
        let (Some(min), Some(max)) = (&self.min, &self.max) else { return };
        let small = [ratio, min, max].iter().all(|amount| amount.value() < MAX_MILLI);
        let (value, bound) = if small {
            (ratio.milli_value() as f64 / 1000.0, max.milli_value() as f64 / min.milli_value() as f64)
        } else {
            (ratio.value() as f64, max.value() as f64 / min.value() as f64)
        };
        if value > bound {
            let bound = if bound.is_infinite() { "-Inf".to_owned() } else { format!("{bound:.6}") };
            refuse(member, ratio, format!("ratio {ratio} is greater than max/min = {bound}"), errors);
        }
    }
}
