//! `Status`: the answer to a request that failed, with the codes, reasons and texts of Kubernetes.
//!
//! Source: `metav1.Status` in the API documentation.

use std::fmt;

use crate::field::FieldError;

/// The reason, message and details of a failure. Cannot be built with a success code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Box<Details>>,
    continue_token: Option<Box<str>>,
}

/// `details` of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Details {
    /// The resource's (or, for invalid objects, the kind's owner's) name.
    pub name: String,
    /// The group.
    pub group: String,
    /// The resource, or the kind where upstream says the kind.
    pub kind: String,
    /// The uid that a precondition asked for.
    pub uid: String,
    /// One entry a wrong field.
    pub causes: Vec<Cause>,
    /// Seconds after which a retry may succeed; 0 is unset. Sent as the header `Retry-After` too.
    pub retry_after_seconds: u32,
}

/// A cause in [`Details`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cause {
    /// The machine-readable reason.
    pub reason: String,
    /// The text.
    pub message: String,
    /// The field's path; may be empty.
    pub field: String,
}

impl Status {
    /// A failure with this code (400 to 599), reason (`""` is unset) and message.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        debug_assert!((400..600).contains(&code), "a Status is a failure");
        Status {
            code: code.clamp(400, 599),
            reason,
            message: message.into(),
            details: None,
            continue_token: None,
        }
    }

    /// The same with details.
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The same with `metadata.continue`: a token that an expired list can go on with.
    pub fn with_continue(mut self, token: impl Into<Box<str>>) -> Self {
        self.continue_token = Some(token.into());
        self
    }

    /// `metadata.continue`; empty where there is none.
    pub fn continue_token(&self) -> &str {
        self.continue_token.as_deref().unwrap_or("")
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The machine-readable reason; may be empty.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, where there are any.
    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    fn about(group: &str, resource: &str, name: &str) -> Details {
        Details { name: name.into(), group: group.into(), kind: resource.into(), ..Details::default() }
    }

    /// 404: no object of this name. The `resource` may be empty.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        Status::new(404, "NotFound", format!("{} {name:?} not found", qualified(group, resource)))
            .with_details(Self::about(group, resource, name))
    }

    /// 404: the server serves nothing at this path.
    pub fn unknown_resource() -> Self {
        Status::new(404, "NotFound", "the server could not find the requested resource")
            .with_details(Details::default())
    }

    /// 409: an object of this name exists.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        Status::new(409, "AlreadyExists", format!("{} {name:?} already exists", qualified(group, resource)))
            .with_details(Self::about(group, resource, name))
    }

    /// 409: the write was based on something that is no longer so; `why` says what.
    pub fn conflict(group: &str, resource: &str, name: &str, why: impl fmt::Display) -> Self {
        let what = qualified(group, resource);
        Status::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} {name:?}: {why}"))
            .with_details(Self::about(group, resource, name))
    }

    /// 403: refused; `why` says what for. An empty name or resource is left out of the text.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: impl fmt::Display) -> Self {
        let message = match (resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{} is forbidden: {why}", qualified(group, resource)),
            (false, false) => format!("{} {name:?} is forbidden: {why}", qualified(group, resource)),
        };
        Status::new(403, "Forbidden", message).with_details(Self::about(group, resource, name))
    }

    /// 401: no credentials that the server accepts.
    pub fn unauthorized() -> Self {
        Status::new(401, "Unauthorized", "Unauthorized")
    }

    /// 400: the request can't be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Status::new(400, "BadRequest", message)
    }

    /// 422: an object with wrong fields. `kind` is the object's kind, and may be empty.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let list = match errors {
            [] => "<nil>".to_owned(),
            [one] => one.to_string(),
            many => {
                let mut seen = Vec::<String>::new();
                for text in many.iter().map(ToString::to_string) {
                    if !seen.contains(&text) {
                        seen.push(text);
                    }
                }
                if let [one] = seen.as_slice() { one.clone() } else { format!("[{}]", seen.join(", ")) }
            }
        };
        let causes = errors
            .iter()
            .map(|e| Cause { reason: e.kind.reason().into(), message: e.body(), field: e.field.clone() })
            .collect();
        Status::new(422, "Invalid", format!("{} {name:?} is invalid: {list}", qualified(group, kind)))
            .with_details(Details { causes, ..Self::about(group, kind, name) })
    }

    /// 405: the resource doesn't have this verb.
    pub fn method_not_supported(group: &str, resource: &str, verb: &str) -> Self {
        let what = qualified(group, resource);
        Status::new(405, "MethodNotAllowed", format!("{verb} is not supported on resources of kind {what:?}"))
            .with_details(Self::about(group, resource, ""))
    }

    /// 405: the generic message that clients get for a method that no verb maps to.
    pub fn method_not_allowed() -> Self {
        Status::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(Details::default())
    }

    /// 406: none of the accepted media types can be made; `accepted` lists those that can.
    pub fn not_acceptable(accepted: &str) -> Self {
        let why = format!("only the following media types are accepted: {accepted}");
        Status::new(406, "NotAcceptable", why)
    }

    /// 415: the body's media type can't be read; `accepted` lists those that can.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let why = "the body of the request was in an unknown format - accepted media types include: ";
        Status::new(415, "UnsupportedMediaType", format!("{why}{accepted}"))
    }

    /// 413: the body is larger than the server reads.
    pub fn request_entity_too_large(message: impl fmt::Display) -> Self {
        Status::new(413, "RequestEntityTooLarge", format!("Request entity too large: {message}"))
    }

    /// 410: the resource version or continue token is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Status::new(410, "Expired", message)
    }

    /// 500: the server failed; the message reaches the client, so it must hold nothing secret.
    pub fn internal(error: impl fmt::Display) -> Self {
        let text = error.to_string();
        let causes = vec![Cause { message: text.clone(), ..Cause::default() }];
        Status::new(500, "InternalError", format!("Internal error occurred: {text}"))
            .with_details(Details { causes, ..Details::default() })
    }

    /// 500 without a reason: what upstream answers for an error that is no `Status` of its own.
    pub fn opaque(message: impl Into<String>) -> Self {
        Status::new(500, "", message)
    }

    /// 503: something that the server needs is away for now.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Status::new(503, "ServiceUnavailable", message)
    }

    /// 504: the operation took too long, and may be tried again.
    pub fn timeout(message: impl fmt::Display, retry_after_seconds: u32) -> Self {
        Status::new(504, "Timeout", format!("Timeout: {message}"))
            .with_details(Details { retry_after_seconds, ..Details::default() })
    }

    /// 429: too much at once; try again later.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Status::new(429, "TooManyRequests", message)
            .with_details(Details { retry_after_seconds, ..Details::default() })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

/// `deployments.apps`, or `pods` for the core group.
pub fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Path;

    #[test]
    fn messages_read_as_upstream() {
        let check = |status: Status, code, message: &str| {
            assert_eq!((status.code(), status.message()), (code, message));
        };
        check(Status::not_found("", "pods", "a"), 404, r#"pods "a" not found"#);
        check(
            Status::already_exists("apps", "deployments", "a"),
            409,
            r#"deployments.apps "a" already exists"#,
        );
        check(Status::forbidden("", "pods", "", "no"), 403, "pods is forbidden: no");
        let wrong = FieldError::required(&Path::new("a"), "");
        check(
            Status::invalid("", "Pod", "x", std::slice::from_ref(&wrong)),
            422,
            r#"Pod "x" is invalid: a: Required value"#,
        );
    }
}
