//! The configuration `ResourceQuotaConfiguration`: what may only be taken where a quota covers it.

use keelson_apimachinery::Value;

use super::scopes::Selector;
use crate::admission::config::{check_kind, only, texts};
use crate::admission::pod::list;

/// What is limited by default.
#[derive(Clone, Debug)]
pub(super) struct Limited {
    pub(super) group: String,
    pub(super) resource: String,
    /// Parts of the names of what is limited.
    pub(super) contains: Vec<String>,
    /// Scopes that a quota must cover.
    pub(super) scopes: Vec<Selector>,
}

pub(super) fn read(own: Option<&Value>) -> Result<Vec<Limited>, String> {
    let Some(own) = own else { return Ok(Vec::new()) };
    if own.str_at(&["kind"]) == "Configuration" {
        let old = ["resourcequota.admission.k8s.io/v1alpha1", "resourcequota.admission.k8s.io/v1beta1"];
        check_kind(own, &old, "Configuration", &["limitedResources"])?;
    } else {
        let version = ["apiserver.config.k8s.io/v1"];
        check_kind(own, &version, "ResourceQuotaConfiguration", &["limitedResources"])?;
    }
    list(Some(own), "limitedResources").iter().map(limited).collect()
}

fn limited(value: &Value) -> Result<Limited, String> {
    let wrong = |why: String| format!("limitedResources: {why}");
    only(value, &["apiGroup", "resource", "matchContains", "matchScopes"]).map_err(wrong)?;
    let map = value.as_object().ok_or("limitedResources: must be objects")?;
    Ok(Limited {
        group: value.str_at(&["apiGroup"]).to_owned(),
        resource: value.str_at(&["resource"]).to_owned(),
        contains: texts(map, "matchContains").map_err(wrong)?,
        scopes: list(Some(value), "matchScopes").iter().map(Selector::of).collect(),
    })
}
