//! Secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Text, Value};

use super::key_pair::mismatch;
use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// `stringData` is written into `data`; a type is always there; a key that isn't its certificate's is told.
pub(in crate::registry) struct Secrets;

impl Hooks for Secrets {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        encode_strings(object);
        default_type(object, "Opaque");
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, _: &Object) {
        encode_strings(object);
        default_type(object, "Opaque");
    }

    fn warnings(&self, object: &Object, _: Option<&Object>) -> Vec<String> {
        if object.str_at(&["type"]) != "kubernetes.io/tls" {
            return Vec::new();
        }
        let content = |key| STANDARD.decode(object.str_at(&["data", key])).unwrap_or_default();
        mismatch(&content("tls.crt"), &content("tls.key")).into_iter().collect()
    }
}

/// Writes `stringData` into `data`: no one owns what is never stored.
pub(crate) fn encode_strings(object: &mut Object) {
    let Some(Value::Object(strings)) = object.members_mut().remove("stringData") else { return };
    let data = member(object.members_mut(), "data");
    for (key, value) in strings {
        let text = value.as_str().unwrap_or_default();
        data.insert(key, STANDARD.encode(text));
    }
    if data.is_empty() {
        object.members_mut().remove("data");
    }
}

fn default_type(object: &mut Object, default: &'static str) {
    if object.str_at(&["type"]).is_empty() {
        object.members_mut().insert(Text::const_new("type"), default);
    }
}
