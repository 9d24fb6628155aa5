//! Flags about which APIs are served.

use std::collections::{BTreeMap, BTreeSet};

use keelson_api::Resource;

use super::{Errors, value};

const FLAG: &str = "--runtime-config";

#[derive(Debug, clap::Args)]
pub(super) struct ApiEnablement {
    /// APIs that are served or not, as KEY=true or =false parted by commas. KEY is GROUP/VERSION (/v1 for the core
    /// group) or GROUP/VERSION/RESOURCE, or for several at once api/all, api/ga, api/beta or api/alpha; the more exact
    /// one counts. Versions in beta and alpha can't be turned on yet.
    #[arg(long)]
    runtime_config: Vec<String>,
}

/// What stands for many versions, in the order in which they count.
const MANY: [(&str, Maturity); 4] = [
    ("api/all", Maturity::Any),
    ("api/ga", Maturity::Stable),
    ("api/beta", Maturity::Beta),
    ("api/alpha", Maturity::Alpha),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Maturity {
    Any,
    Stable,
    Beta,
    Alpha,
}

impl Maturity {
    /// Whether a version such as `v1beta2` is meant.
    fn includes(self, version: &str) -> bool {
        let Some(digits) = version.strip_prefix('v') else { return self == Maturity::Any };
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let before = |word| digits.split_once(word).is_some_and(|(a, b)| number(a) && number(b));
        match self {
            Maturity::Any => true,
            Maturity::Stable => number(digits),
            Maturity::Beta => before("beta"),
            Maturity::Alpha => before("alpha"),
        }
    }
}

/// What a key names besides those of [`MANY`].
struct Named<'a> {
    key: &'a str,
    group: &'a str,
    version: &'a str,
    resource: Option<&'a str>,
    on: bool,
}

impl ApiEnablement {
    /// The resources that are served.
    pub(super) fn read(&self, errors: &mut Errors) -> Vec<&'static Resource> {
        let mut pairs = BTreeMap::new();
        for pair in value::list(&self.runtime_config).iter().filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        served(&pairs).unwrap_or_else(|reasons| {
            reasons.iter().for_each(|reason| errors.note(FLAG, reason));
            Vec::new()
        })
    }
}

/// The resources that are served with these settings; all that is wrong with them, where something is.
fn served(pairs: &BTreeMap<String, String>) -> Result<Vec<&'static Resource>, Vec<String>> {
    if pairs.len() == 1 && pairs.get("api/all").is_some_and(|value| value == "false") {
        return Err(vec!["invalid runtime-config with only api/all=false".to_owned()]);
    }
    let mut errors = Vec::new();
    let mut many = Vec::new();
    for (key, maturity) in MANY {
        match pairs.get(key).map(String::as_str) {
            None => {}
            Some("false") => many.push((maturity, false)),
            // All that is stable is on.
            Some("true") if maturity == Maturity::Stable => many.push((maturity, true)),
            Some("true") => errors.push(not_yet(key)),
            Some(value) => errors.push(format!("invalid value {key}={value}")),
        }
    }
    let (mut named, mut unknown) = (Vec::new(), BTreeSet::new());
    for (key, value) in pairs.iter().filter(|(key, _)| MANY.iter().all(|(many, _)| many != key)) {
        match parse(key, value) {
            Ok(one)
                if keelson_api::facts::registered_versions().iter().any(|(group, _)| *group == one.group) =>
            {
                match check(&one) {
                    Ok(()) => named.push(one),
                    Err(why) => errors.push(why),
                }
            }
            Ok(one) => {
                unknown.insert(format!("{}/{}", one.group, one.version));
            }
            Err(why) => errors.push(why),
        }
    }
    if !unknown.is_empty() {
        errors.push(format!("unknown api groups {}", unknown.into_iter().collect::<Vec<_>>().join(",")));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(keelson_api::resources().iter().filter(|resource| is_on(resource, &many, &named)).collect())
}

fn is_on(resource: &Resource, many: &[(Maturity, bool)], named: &[Named<'_>]) -> bool {
    let of_version = |one: &&Named<'_>| one.group == resource.group && one.version == resource.version;
    let exact = named.iter().filter(of_version).find(|one| one.resource == Some(&resource.plural));
    let version = named.iter().filter(of_version).find(|one| one.resource.is_none());
    let several = many.iter().rfind(|(maturity, _)| maturity.includes(&resource.version));
    match (exact.or(version), several) {
        (Some(one), _) => one.on,
        (None, Some((_, on))) => *on,
        (None, None) => true,
    }
}

fn parse<'a>(key: &'a str, value: &str) -> Result<Named<'a>, String> {
    let (group, version, resource) = match key.split('/').collect::<Vec<_>>()[..] {
        [group, version] => (group, version, None),
        [group, version, resource] => (group, version, Some(resource)),
        _ => return Err(format!("runtime-config invalid key {key}")),
    };
    let invalid = |_| {
        format!("invalid value of {key}: {value}, err: strconv.ParseBool: parsing {value:?}: invalid syntax")
    };
    let on = if value.is_empty() { true } else { value::boolean(value).map_err(invalid)? };
    Ok(Named { key, group, version, resource, on })
}

/// Whether there is what is named: always where it is turned off.
fn check(named: &Named<'_>) -> Result<(), String> {
    let Named { key, group, version, resource, on } = *named;
    if !keelson_api::facts::registered_versions().contains(&(group, version)) {
        return Err(format!("group version {group}/{version} that has not been registered"));
    }
    if let Some(resource) = resource.filter(|resource| resource.chars().any(char::is_uppercase)) {
        return Err(format!(
            "invalid key {key}: group/version/resource and resource is always lowercase plural, not {resource:?}"
        ));
    }
    let known = keelson_api::resources().iter().any(|known| {
        known.group == group && known.version == version && resource.is_none_or(|r| known.plural == r)
    });
    if on && !known { Err(not_yet(key)) } else { Ok(()) }
}

fn not_yet(key: &str) -> String {
    format!("{key}=true is not supported yet by Keelson")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Result<Vec<&'static Resource>, Vec<String>> {
        let flags = ApiEnablement { runtime_config: given.iter().map(ToString::to_string).collect() };
        let mut errors = Errors::default();
        let served = flags.read(&mut errors);
        let list: Vec<String> = errors.list.into_iter().map(|error| error.to_string()).collect();
        if list.is_empty() { Ok(served) } else { Err(list) }
    }

    #[test]
    fn the_more_exact_key_counts() {
        let check = |given: &[&str], on: &[&str], off: &[&str]| {
            let served = read(given).expect("taken");
            let has = |path: &str| {
                let [group, version, plural] = path.split('/').collect::<Vec<_>>()[..] else {
                    panic!("{path}")
                };
                served.iter().any(|r| r.group == group && r.version == version && r.plural == plural)
            };
            on.iter().for_each(|path| assert!(has(path), "{given:?}: {path}"));
            off.iter().for_each(|path| assert!(!has(path), "{given:?}: {path}"));
        };
        check(&[], &["/v1/pods", "apps/v1/deployments"], &[]);
        check(&["api/beta=false,api/alpha=false", "api/ga=true"], &["/v1/pods", "apps/v1/deployments"], &[]);
        check(
            &["autoscaling/v1=false"],
            &["autoscaling/v2/horizontalpodautoscalers"],
            &["autoscaling/v1/horizontalpodautoscalers"],
        );
        check(&["api/all=false,/v1=true"], &["/v1/pods"], &["apps/v1/deployments"]);
        check(&["api/all=false,api/ga=true,apps/v1=0"], &["batch/v1/jobs"], &["apps/v1/deployments"]);
        check(&["apps/v1/daemonsets=false"], &["apps/v1/deployments"], &["apps/v1/daemonsets"]);
        check(&["apps/v1=false,apps/v1/daemonsets"], &["apps/v1/daemonsets"], &["apps/v1/deployments"]);
        check(
            &["resource.k8s.io/v1beta1=false,apps/v1/nosuch=false"],
            &["resource.k8s.io/v1/deviceclasses"],
            &[],
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let check = |given: &str, reasons: &[&str]| {
            let wanted: Vec<String> = reasons.iter().map(|reason| format!("{FLAG}: {reason}")).collect();
            assert_eq!(read(&[given]).err(), Some(wanted), "{given}");
        };
        check("api/all=false", &["invalid runtime-config with only api/all=false"]);
        check("api/all=true", &["api/all=true is not supported yet by Keelson"]);
        check("api/beta=true", &["api/beta=true is not supported yet by Keelson"]);
        check("api/ga=1", &["invalid value api/ga=1"]);
        check("v1=true", &["runtime-config invalid key v1"]);
        check("a/b/c/d=true", &["runtime-config invalid key a/b/c/d"]);
        check("b.example/v1=true,a.example/v1", &["unknown api groups a.example/v1,b.example/v1"]);
        check("apps/v7=false", &["group version apps/v7 that has not been registered"]);
        check(
            "resource.k8s.io/v1beta1=true",
            &["resource.k8s.io/v1beta1=true is not supported yet by Keelson"],
        );
        check("apps/v1/nosuch=true", &["apps/v1/nosuch=true is not supported yet by Keelson"]);
        check(
            "apps/v1=x",
            &["invalid value of apps/v1: x, err: strconv.ParseBool: parsing \"x\": invalid syntax"],
        );
        let case = "group/version/resource and resource is always lowercase plural, not \"Deployments\"";
        check("apps/v1/Deployments=false", &[&format!("invalid key apps/v1/Deployments: {case}")]);
    }
}
