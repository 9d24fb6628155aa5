//! One request to one resource, as the verbs see it.

use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::negotiation::{Accepted, wants_table};
use super::represent::Representation;
use super::respond;
use super::served::Served;
use crate::registry::{ListOptions, Warnings, WriteContext};
use crate::request::{
    IncludeObject, ListParameters, MAX_FIELD_MANAGER, Query, RequestInfo, UserInfo, WriteParameters,
    is_printable,
};

/// What a verb works with, apart from the body.
pub(super) struct Call<'a> {
    /// The resource.
    pub(super) served: &'a Arc<Served>,
    /// What the path says.
    pub(super) info: &'a RequestInfo,
    /// Method, URI and headers.
    pub(super) parts: &'a Parts,
    /// The URI's query.
    pub(super) query: Query<'a>,
    /// Who asks.
    pub(super) user: &'a UserInfo,
    /// How to answer.
    pub(super) accepted: Accepted,
    /// Takes warnings for the client.
    pub(super) warnings: &'a Warnings,
}

impl Call<'_> {
    /// The namespace; `None` for resources without, and for all namespaces.
    pub(super) fn namespace(&self) -> Option<&str> {
        let namespace = self.info.namespace.as_str();
        (self.served.resource.namespaced && !namespace.is_empty()).then_some(namespace)
    }

    /// Whether the client takes gzip.
    pub(super) fn gzip(&self) -> bool {
        respond::accepts_gzip(&self.parts.headers)
    }

    /// How objects are answered with.
    ///
    /// # Errors
    /// 400 where the options of a table make no sense.
    pub(super) fn representation(&self) -> Result<Representation, Status> {
        let include = match wants_table(&self.accepted) {
            true => IncludeObject::parse(&self.query)?,
            false => IncludeObject::default(),
        };
        Ok(Representation { served: self.served.clone(), accepted: self.accepted, include })
    }

    /// Around a write with these options.
    pub(super) fn context<'a>(
        &'a self,
        parameters: &'a WriteParameters,
        manager: &'a str,
    ) -> WriteContext<'a> {
        WriteContext {
            namespace: self.namespace(),
            user: self.user,
            subresource: &self.info.subresource,
            dry_run: parameters.dry_run,
            field_manager: manager,
            create_missing: false,
            warnings: self.warnings,
        }
    }

    /// The name to note changed fields under: the client's, or the first word of its user agent.
    pub(super) fn field_manager(&self, parameters: &WriteParameters) -> String {
        if !parameters.field_manager.is_empty() {
            return parameters.field_manager.clone();
        }
        manager_of_agent(&self.parts.headers)
    }

    /// What the store lists, where `parameters` ask for it.
    pub(super) fn list_options(&self, parameters: &ListParameters) -> Result<ListOptions, Status> {
        let mut field_selector = parameters.field_selector.clone();
        // A watch of one object, by the old path.
        let by_path = self.info.parts.get(1).filter(|name| !name.is_empty());
        if let Some(name) = by_path.filter(|_| self.info.verb == "watch" && self.info.verb_in_path()) {
            let wanted = format!("metadata.name={name}");
            if !field_selector.is_empty() && field_selector != wanted {
                return Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name"));
            }
            field_selector = wanted;
        }
        Ok(ListOptions {
            label_selector: parameters.label_selector.clone(),
            field_selector,
            limit: parameters.limit,
            continue_token: parameters.continue_token.clone(),
            resource_version: parameters.resource_version.clone(),
            resource_version_match: parameters.resource_version_match.clone(),
            send_initial_events: parameters.send_initial_events,
            allow_watch_bookmarks: parameters.allow_watch_bookmarks,
            duration: None,
        })
    }

    /// Gives the object the request's namespace.
    ///
    /// # Errors
    /// 400 where it has another one.
    pub(super) fn settle_namespace(&self, object: &mut Object) -> Result<(), Status> {
        let expected = self.namespace().unwrap_or_default();
        if object.namespace() == expected {
            return Ok(());
        }
        if !object.namespace().is_empty() && !expected.is_empty() {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Status::bad_request(why));
        }
        object.set_namespace(expected);
        Ok(())
    }

    /// Refuses an object whose name is not the path's.
    pub(super) fn check_name(&self, object: &Object) -> Result<(), Status> {
        let wanted = &self.info.name;
        match object.name() {
            "" => Err(Status::bad_request(format!(
                "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
            ))),
            name if name == wanted => Ok(()),
            name => Err(Status::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({wanted})"
            ))),
        }
    }
}

/// What stands before the first slash of the user agent, without what can't be shown, and not too long.
fn manager_of_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).map(|v| String::from_utf8_lossy(v.as_bytes())).unwrap_or_default();
    let mut manager = String::new();
    for c in agent.split('/').next().unwrap_or_default().chars().filter(|c| is_printable(*c)) {
        if manager.len() + c.len_utf8() > MAX_FIELD_MANAGER {
            break;
        }
        manager.push(c);
    }
    manager
}

/// Removes owner references that are there twice, and warns of them.
pub(super) fn dedup_owner_references(object: &mut Object, after_admission: bool, warnings: &Warnings) {
    let references = object.owner_references();
    if references.len() < 2 {
        return;
    }
    let (mut kept, mut duplicates) = (Vec::with_capacity(references.len()), Vec::new());
    for reference in references {
        if kept.contains(reference) {
            duplicates.push(reference.str_at(&["uid"]).to_owned());
        } else {
            kept.push(reference.clone());
        }
    }
    if duplicates.is_empty() {
        return;
    }
    let when = if after_admission { " after mutating admission happens" } else { "" };
    warnings.add(format!(
        ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in \
         1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) \
         observed: {}",
        duplicates.join(", ")
    ));
    object.set_owner_references(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::Value;

    #[test]
    fn managers_come_from_the_user_agent() {
        let check = |agent: &[u8], manager: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, http::HeaderValue::from_bytes(agent).unwrap());
            assert_eq!(manager_of_agent(&headers), manager);
        };
        check(b"kubectl/v1.36 (linux)", "kubectl");
        check("a\u{200b}b\t c/1".as_bytes(), "ab c");
        check("ü".repeat(70).as_bytes(), &"ü".repeat(64));
        assert_eq!(manager_of_agent(&HeaderMap::new()), "");
    }

    #[test]
    fn owners_that_are_there_twice_are_dropped_with_a_warning() {
        let reference = |uid: &str, name: &str| {
            Value::Object(
                [("uid", uid), ("name", name)].map(|(k, v)| (k.into(), v.into())).into_iter().collect(),
            )
        };
        let mut object = Object::default();
        object.set_owner_references(vec![reference("u", "a"), reference("u", "b"), reference("u", "a")]);
        let warnings = Warnings::default();
        dedup_owner_references(&mut object, true, &warnings);
        assert_eq!(object.owner_references().len(), 2);
        let texts = warnings.take();
        assert!(texts[0].starts_with(".metadata.ownerReferences contains duplicate entries after mutating"));
        assert!(texts[0].ends_with("duplicate UID(s) observed: u"));
    }
}
