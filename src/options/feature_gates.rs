//! `--feature-gates`: which of upstream's features are on.
//!
//! Keelson does what kube-apiserver does by default, so a gate may be set to what it does. One that only other
//! components look at may be set to anything, as one list is often given to all of them. What would ask for something
//! else is refused by its name.

mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::table::{GATES, Gate};
use super::{Errors, value};
use crate::server::config::{Feature, Features};

const FLAG: &str = "--feature-gates";

/// How far a feature has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Alpha,
    Beta,
    Stable,
    Deprecated,
}

impl Stage {
    /// As metrics name it.
    fn label(self) -> &'static str {
        match self {
            Stage::Alpha => "ALPHA",
            Stage::Beta => "BETA",
            Stage::Stable => "",
            Stage::Deprecated => "DEPRECATED",
        }
    }
}

/// On by default, and not there in Keelson: they may be turned off.
const ABSENT: &[&str] = &["ComponentFlagz", "ComponentStatusz", "UnknownVersionInteroperabilityProxy"];

/// The gate that can be chosen: with it, watches may say whether they want initial events.
const WATCH_LIST: &str = "WatchList";

#[derive(Debug, clap::Args)]
pub(super) struct FeatureGates {
    /// Features that are on or off, as [kube:]NAME=true or =false parted by commas. Taken are defaults, and gates that
    /// no API server looks at; what Keelson can't turn on or off is refused. Can be given several times.
    #[arg(long)]
    feature_gates: Vec<String>,
}

impl FeatureGates {
    /// Notes what can't be. Says of each feature whether it is on.
    pub(super) fn check(&self, errors: &mut Errors) -> Vec<Feature> {
        let Some(pairs) = errors.take(FLAG, pairs(&self.feature_gates)) else { return Vec::new() };
        let mut wanted = BTreeMap::new();
        for pair in pairs {
            if let Some((name, on)) = errors.take(FLAG, setting(pair)) {
                wanted.insert(name, on);
            }
        }
        for (name, on) in &wanted {
            let remark = errors.take(FLAG, judge(name, *on)).flatten();
            remark.into_iter().for_each(|remark| errors.remark(remark));
        }
        let features = GATES.iter().map(|gate| Feature {
            name: gate.name,
            stage: gate.stage.label(),
            enabled: wanted.get(gate.name).copied().unwrap_or(gate.default && !ABSENT.contains(&gate.name)),
        });
        features.collect()
    }
}

/// What these features come to.
pub(super) fn chosen(features: &[Feature]) -> Features {
    Features { watch_list: features.iter().all(|feature| feature.name != WATCH_LIST || feature.enabled) }
}

/// The settings of component `kube`, without its name.
fn pairs(given: &[String]) -> Result<Vec<&str>, String> {
    let mut pairs = Vec::new();
    let mut prefixes = [false; 2];
    for text in given.iter().flat_map(|given| given.split(',')).filter(|text| !text.is_empty()) {
        match text.split_once(':') {
            None => pairs.push(text.trim()),
            Some((component, pair)) if component.trim() == "kube" => pairs.push(pair.trim()),
            Some((component, _)) => return Err(format!("component not registered: {}", component.trim())),
        }
        prefixes[usize::from(text.contains(':'))] = true;
    }
    if prefixes == [true; 2] {
        let why =
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use";
        return Err(why.to_owned());
    }
    Ok(pairs)
}

fn setting(pair: &str) -> Result<(&str, bool), String> {
    let (name, text) = pair.split_once('=').map_or((pair, None), |(name, text)| (name, Some(text.trim())));
    let name = name.trim();
    let text = text.ok_or_else(|| format!("missing bool value for {name}"))?;
    match value::boolean(text) {
        Ok(on) => Ok((name, on)),
        Err(_) => Err(format!(
            "invalid value of {name}={text}, err: strconv.ParseBool: parsing {text:?}: invalid syntax"
        )),
    }
}

/// Whether a setting can be; a remark, where it says something of a gate that goes.
fn judge(name: &str, on: bool) -> Result<Option<String>, String> {
    let not_yet = || format!("{name}={on} is not supported yet by Keelson");
    let all = match name {
        "AllAlpha" => Some(Stage::Alpha),
        "AllBeta" => Some(Stage::Beta),
        _ => None,
    };
    if let Some(stage) = all {
        let changes = |gate: &Gate| gate.stage == stage && gate.default != on && !gate.elsewhere;
        return if GATES.iter().any(changes) { Err(not_yet()) } else { Ok(None) };
    }
    let Some(gate) = GATES.iter().find(|gate| gate.name == name) else {
        return Err(format!("unrecognized feature gate: {name}"));
    };
    let Gate { stage, default, locked, elsewhere, .. } = *gate;
    if on != default {
        if locked {
            return Err(format!("cannot set feature gate {name} to {on}, feature is locked to {default}"));
        }
        if !elsewhere && name != WATCH_LIST && !ABSENT.contains(&name) {
            return Err(not_yet());
        }
    }
    Ok(match stage {
        Stage::Alpha | Stage::Beta => None,
        Stage::Stable => {
            Some(format!("--feature-gates: {name} is stable: a later release won't know the gate"))
        }
        Stage::Deprecated => {
            Some(format!("--feature-gates: {name} is deprecated: a later release won't know the gate"))
        }
    })
}
