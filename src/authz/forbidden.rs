//! The answer to what is not allowed.

use std::borrow::Cow;

use keelson_apimachinery::Status;
use keelson_apimachinery::field::quote;

use super::Attributes;

/// 403 for these attributes; `reason` follows the text where it is not empty.
pub fn forbidden(attributes: &Attributes<'_>, reason: &str) -> Status {
    let text = escape_html(message(attributes));
    let why = if reason.is_empty() { text } else { format!("{text}: {reason}").into() };
    Status::forbidden(attributes.group, attributes.resource, attributes.name, why)
}

fn message(attributes: &Attributes<'_>) -> String {
    let (user, verb) = (quote(&attributes.user.name), attributes.verb);
    if !attributes.is_resource_request {
        return format!("User {user} cannot {verb} path {}", quote(attributes.path));
    }
    let resource = match attributes.subresource {
        "" => quote(attributes.resource),
        subresource => quote(&format!("{}/{subresource}", attributes.resource)),
    };
    let scope = match attributes.namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {}", quote(namespace)),
    };
    format!("User {user} cannot {verb} resource {resource} in API group {} {scope}", quote(attributes.group))
}

/// Paths and names come from the request, and a browser may show the answer.
fn escape_html(text: String) -> Cow<'static, str> {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
}
