//! The options of the API's verbs, read from a query: `ListOptions`, `CreateOptions`, `UpdateOptions`,
//! `PatchOptions`, `DeleteOptions`, `TableOptions`.
//!
//! Source: "Common parameters" of the Kubernetes API reference; the checks are those of apimachinery's
//! `ValidateListOptions` and its siblings, in their order.

use keelson_apimachinery::Status;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::selector::{fields, labels};

use super::Query;

const GROUP: &str = "meta.k8s.io";

/// `ListOptions`: which objects, and as of when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParameters {
    /// The label selector, known to parse.
    pub label_selector: String,
    /// The field selector, known to parse; whether the kind has these fields is not checked.
    pub field_selector: String,
    /// Whether the query asks for a watch.
    pub watch: bool,
    /// Whether a watch may send bookmarks.
    pub allow_watch_bookmarks: bool,
    /// Empty, `0` or (not checked here) a revision.
    pub resource_version: String,
    /// Empty, `Exact` or `NotOlderThan`.
    pub resource_version_match: String,
    /// Seconds after which the call ends; 0 and less are none.
    pub timeout_seconds: Option<i64>,
    /// At most this many items; 0 and less for all.
    pub limit: i64,
    /// Where the page before ended.
    pub continue_token: String,
    /// Whether a watch sends the current state first.
    pub send_initial_events: Option<bool>,
}

impl ListParameters {
    /// Reads and checks a query. A watch without a resource version is one that sends initial events.
    ///
    /// # Errors
    /// 400 for numbers and selectors that can't be read, 422 for combinations that make no sense.
    pub fn parse(query: &Query<'_>) -> Result<Self, Status> {
        if query.is_empty() {
            return Ok(Self::default());
        }
        let text = |name| query.get(name).unwrap_or_default().to_owned();
        let mut parameters = ListParameters {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            watch: query.flag("watch").unwrap_or(false),
            allow_watch_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            resource_version: text("resourceVersion"),
            resource_version_match: text("resourceVersionMatch"),
            timeout_seconds: query.integer("timeoutSeconds").map_err(Status::bad_request)?,
            limit: query.integer("limit").map_err(Status::bad_request)?.unwrap_or(0),
            continue_token: text("continue"),
            send_initial_events: query.flag("sendInitialEvents"),
        };
        if !parameters.label_selector.is_empty() {
            labels::parse(&parameters.label_selector).map_err(Status::bad_request)?;
        }
        if !parameters.field_selector.is_empty() {
            fields::parse(&parameters.field_selector).map_err(Status::bad_request)?;
        }
        parameters.set_defaults();
        let errors = if parameters.watch { parameters.watch_errors() } else { parameters.list_errors() };
        refuse(errors, "ListOptions")?;
        Ok(parameters)
    }

    /// Refuses watches that say whether they want initial events, where the feature gate `WatchList` is off. Those that
    /// say nothing get them as ever.
    ///
    /// # Errors
    /// 422.
    pub fn refuse_initial_events(query: &Query<'_>) -> Result<(), Status> {
        if !query.flag("watch").unwrap_or(false) || query.flag("sendInitialEvents").is_none() {
            return Ok(());
        }
        let path = Path::new("sendInitialEvents");
        let why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        refuse(vec![FieldError::forbidden(&path, why)], "ListOptions")
    }

    fn set_defaults(&mut self) {
        let says = self.send_initial_events.is_some() || !self.resource_version_match.is_empty();
        if self.watch && !says && matches!(self.resource_version.as_str(), "" | "0") {
            self.send_initial_events = Some(true);
            self.resource_version_match = "NotOlderThan".into();
        }
    }

    fn list_errors(&self) -> Vec<FieldError> {
        let path = Path::new("resourceVersionMatch");
        let mut errors = Vec::new();
        let mut forbid = |why: &str| errors.push(FieldError::forbidden(&path, why));
        let wanted = self.resource_version_match.as_str();
        if !wanted.is_empty() {
            if self.resource_version.is_empty() {
                forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
            }
            if !self.continue_token.is_empty() {
                forbid("resourceVersionMatch is forbidden when continue is provided");
            }
            if !matches!(wanted, "Exact" | "NotOlderThan") {
                errors.push(FieldError::not_supported(&path, wanted, &["Exact", "NotOlderThan", ""]));
            }
            if wanted == "Exact" && self.resource_version == "0" {
                let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
                errors.push(FieldError::forbidden(&path, why));
            }
        }
        if self.send_initial_events.is_some() {
            let path = Path::new("sendInitialEvents");
            errors.push(FieldError::forbidden(&path, "sendInitialEvents is forbidden for list"));
        }
        errors
    }

    fn watch_errors(&self) -> Vec<FieldError> {
        let path = Path::new("resourceVersionMatch");
        let mut errors = Vec::new();
        let wanted = self.resource_version_match.as_str();
        if self.send_initial_events.is_some() && wanted != "NotOlderThan" {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !wanted.is_empty() {
            if self.send_initial_events.is_none() {
                let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                errors.push(FieldError::forbidden(&path, why));
            }
            if wanted != "NotOlderThan" {
                errors.push(FieldError::not_supported(&path, wanted, &["NotOlderThan"]));
            }
            if !self.continue_token.is_empty() {
                let why = "resourceVersionMatch is forbidden when continue is provided";
                errors.push(FieldError::forbidden(&path, why));
            }
        }
        errors
    }
}

/// What happens to fields of a body that the kind doesn't have, and to fields that are there twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request fails.
    Strict,
}

/// Whose options a [`WriteParameters`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// `CreateOptions`.
    Create,
    /// `UpdateOptions`.
    Update,
    /// `PatchOptions` of the patches that are no server-side apply.
    Patch,
    /// `PatchOptions` of server-side apply.
    Apply,
}

impl WriteKind {
    fn name(self) -> &'static str {
        match self {
            WriteKind::Create => "CreateOptions",
            WriteKind::Update => "UpdateOptions",
            WriteKind::Patch | WriteKind::Apply => "PatchOptions",
        }
    }
}

/// `CreateOptions`, `UpdateOptions` and `PatchOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteParameters {
    /// Whether everything happens but the write.
    pub dry_run: bool,
    /// The name to note changed fields under; empty where the client names none.
    pub field_manager: String,
    /// What unknown and duplicate fields lead to.
    pub field_validation: FieldValidation,
    /// Server-side apply only: whether conflicts are overridden.
    pub force: bool,
}

impl WriteParameters {
    /// Reads and checks a query.
    ///
    /// # Errors
    /// 422 with every wrong option.
    pub fn parse(query: &Query<'_>, kind: WriteKind) -> Result<Self, Status> {
        let field_manager = query.get("fieldManager").unwrap_or_default();
        let mut errors = Vec::new();
        match (kind, query.flag("force")) {
            (WriteKind::Apply, _) if field_manager.is_empty() => {
                errors.push(FieldError::required(&Path::new("fieldManager"), "is required for apply patch"));
            }
            (WriteKind::Patch, Some(_)) => {
                let why = "may not be specified for non-apply patch";
                errors.push(FieldError::forbidden(&Path::new("force"), why));
            }
            _ => {}
        }
        check_field_manager(field_manager, &mut errors);
        let dry_run = check_dry_run(query.all("dryRun"), &mut errors);
        let field_validation = match query.get("fieldValidation").unwrap_or_default() {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                let path = Path::new("fieldValidation");
                errors.push(FieldError::not_supported(&path, other, &["", "Ignore", "Strict", "Warn"]));
                FieldValidation::Strict
            }
        };
        refuse(errors, kind.name())?;
        let force = query.flag("force").unwrap_or(false);
        Ok(WriteParameters { dry_run, field_manager: field_manager.to_owned(), field_validation, force })
    }
}

/// `DeleteOptions`. A body of the request replaces all that the query says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteParameters {
    /// Values of `dryRun`.
    pub dry_run: Vec<String>,
    /// Seconds until the object is gone.
    pub grace_period_seconds: Option<i64>,
    /// The old form of `propagation_policy`.
    pub orphan_dependents: Option<bool>,
    /// What becomes of dependents.
    pub propagation_policy: Option<String>,
    /// The uid that the object must have; only a body can say.
    pub precondition_uid: Option<String>,
    /// The resource version that the object must have; only a body can say.
    pub precondition_resource_version: Option<String>,
}

impl DeleteParameters {
    /// Reads a query.
    ///
    /// # Errors
    /// 400 for a grace period that is no number.
    pub fn parse(query: &Query<'_>) -> Result<Self, Status> {
        Ok(DeleteParameters {
            dry_run: query.all("dryRun").map(str::to_owned).collect(),
            grace_period_seconds: query.integer("gracePeriodSeconds").map_err(Status::bad_request)?,
            orphan_dependents: query.flag("orphanDependents"),
            propagation_policy: query.get("propagationPolicy").map(str::to_owned),
            ..Self::default()
        })
    }

    /// Checks what was read, and says whether it is a dry run.
    ///
    /// # Errors
    /// 422 with every wrong option.
    pub fn validate(&self) -> Result<bool, Status> {
        let mut errors = Vec::new();
        let path = Path::new("propagationPolicy");
        if let Some(policy) = &self.propagation_policy {
            if self.orphan_dependents.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid(&path, policy, why));
            }
            const POLICIES: [&str; 4] = ["Foreground", "Background", "Orphan", "nil"];
            if !POLICIES[..3].contains(&policy.as_str()) {
                errors.push(FieldError::not_supported(&path, policy, &POLICIES));
            }
        }
        let dry_run = check_dry_run(self.dry_run.iter().map(String::as_str), &mut errors);
        refuse(errors, "DeleteOptions")?;
        Ok(dry_run)
    }
}

/// `includeObject` of `TableOptions`: what of each object a table's row holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as a `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Reads a query.
    ///
    /// # Errors
    /// 400 for any other value.
    pub fn parse(query: &Query<'_>) -> Result<Self, Status> {
        match query.get("includeObject").unwrap_or_default() {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "None" => Ok(IncludeObject::None),
            "Object" => Ok(IncludeObject::Object),
            other => {
                let path = Path::new("includeObject");
                let why = "must be 'Metadata', 'Object', 'None', or empty";
                let error = FieldError::invalid(&path, other, why);
                Err(Status::bad_request(format!("Unable to convert to Table as requested: {error}")))
            }
        }
    }
}

fn refuse(errors: Vec<FieldError>, kind: &str) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(GROUP, kind, "", &errors)) }
}

/// The longest field manager, in bytes.
pub(crate) const MAX_FIELD_MANAGER: usize = 128;

fn check_field_manager(name: &str, errors: &mut Vec<FieldError>) {
    let path = Path::new("fieldManager");
    if name.len() > MAX_FIELD_MANAGER {
        errors.push(FieldError::too_long(&path, MAX_FIELD_MANAGER));
    }
    for (i, c) in name.char_indices().filter(|(_, c)| !is_printable(*c)).take(MAX_FIELD_MANAGER) {
        let why = format!("invalid character U+{:04X} (at position {i})", c as u32);
        errors.push(FieldError::invalid(&path, name, why));
    }
}

/// Whether Go calls a character printable: neither control, format, private use nor a space other than the
/// plain one. Unassigned code points, which Go refuses too, pass.
pub(crate) fn is_printable(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{f0000}'..='\u{10ffff}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || hidden)
}

fn check_dry_run<'a>(values: impl Iterator<Item = &'a str>, errors: &mut Vec<FieldError>) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|v| *v != "All") {
        let list: Vec<String> = values.iter().map(|v| quote(v)).collect();
        let shown = format!("[{}]", list.join(","));
        let supported = "supported values: \"All\"";
        errors.push(FieldError::new(ErrorType::NotSupported, &Path::new("dryRun"), Some(shown), supported));
    }
    !values.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<ListParameters, Status> {
        ListParameters::parse(&Query::parse(Some(query)))
    }

    #[test]
    fn list_options_are_refused_with_upstreams_texts() {
        let check = |query: &str, code: u16, message: &str| {
            let status = list(query).unwrap_err();
            assert_eq!((status.code(), status.message()), (code, message), "{query}");
        };
        let invalid = |text: &str| format!("ListOptions.meta.k8s.io \"\" is invalid: {text}");
        check("limit=1.5", 400, "strconv.ParseInt: parsing \"1.5\": invalid syntax");
        check(
            "labelSelector=a%3D%3D%3Db",
            400,
            "unable to parse requirement: found '=', expected: identifier",
        );
        check("fieldSelector=a", 400, "invalid selector: 'a'; can't understand 'a'");
        check(
            "resourceVersionMatch=Exact",
            422,
            &invalid(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
        );
        check(
            "resourceVersion=5&resourceVersionMatch=Sometimes",
            422,
            &invalid(
                "resourceVersionMatch: Unsupported value: \"Sometimes\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
            ),
        );
        check(
            "resourceVersion=0&resourceVersionMatch=Exact",
            422,
            &invalid(
                "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ),
        );
        check(
            "sendInitialEvents=true",
            422,
            &invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        );
        check(
            "watch=1&resourceVersionMatch=NotOlderThan",
            422,
            &invalid(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ),
        );
        check(
            "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact",
            422,
            &invalid(
                "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, \
             resourceVersionMatch: Unsupported value: \"Exact\": supported values: \"NotOlderThan\"]",
            ),
        );
    }

    #[test]
    fn watches_without_a_version_send_initial_events() {
        let check = |query: &str, initial: Option<bool>| {
            assert_eq!(list(query).unwrap().send_initial_events, initial, "{query}");
        };
        check("watch=1", Some(true));
        check("watch=1&resourceVersion=0", Some(true));
        check("watch=1&resourceVersion=7", None);
        check(
            "watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0",
            Some(false),
        );
        check("watch=0", None);
    }

    #[test]
    fn without_the_gate_watches_say_nothing_of_initial_events() {
        let check = |query: &str, code: Option<u16>| {
            let refused = ListParameters::refuse_initial_events(&Query::parse(Some(query))).err();
            assert_eq!(refused.as_ref().map(Status::code), code, "{query}");
            if let Some(status) = refused {
                let why = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is \
                           forbidden for watch unless the WatchList feature gate is enabled";
                assert_eq!(status.message(), why);
            }
        };
        check("watch=1", None);
        check("watch=1&resourceVersion=0", None);
        check("sendInitialEvents=true", None);
        check("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", Some(422));
        check("watch=1&sendInitialEvents=false", Some(422));
    }

    #[test]
    fn write_options_are_refused_with_upstreams_texts() {
        let check = |query: &str, kind: WriteKind, message: &str| {
            let status = WriteParameters::parse(&Query::parse(Some(query)), kind).unwrap_err();
            assert_eq!((status.code(), status.message()), (422, message), "{query}");
        };
        check(
            "dryRun=Perhaps",
            WriteKind::Patch,
            "PatchOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Perhaps\"]: supported values: \"All\"",
        );
        check(
            "force=true",
            WriteKind::Patch,
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        );
        check(
            "",
            WriteKind::Apply,
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        );
        check(
            &format!("fieldManager={}", "m".repeat(129)),
            WriteKind::Create,
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes",
        );
        check(
            "fieldManager=a%00",
            WriteKind::Update,
            "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"a\\x00\": invalid character U+0000 (at position 1)",
        );
        check(
            "fieldValidation=x",
            WriteKind::Create,
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"x\": \
             supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
        );
        let read =
            WriteParameters::parse(&Query::parse(Some("dryRun=All&fieldManager=m")), WriteKind::Create)
                .unwrap();
        assert!(read.dry_run && read.field_manager == "m" && read.field_validation == FieldValidation::Warn);
    }

    #[test]
    fn delete_options_are_refused_with_upstreams_texts() {
        let check = |query: &str, message: &str| {
            let parameters = DeleteParameters::parse(&Query::parse(Some(query))).unwrap();
            let status = parameters.validate().unwrap_err();
            let expected = format!("DeleteOptions.meta.k8s.io \"\" is invalid: {message}");
            assert_eq!((status.code(), status.message()), (422, expected.as_str()), "{query}");
        };
        check(
            "orphanDependents=true&propagationPolicy=Orphan",
            "propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set",
        );
        check(
            "propagationPolicy=X",
            "propagationPolicy: Unsupported value: \"X\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
        );
        let query = Query::parse(Some("dryRun=All&gracePeriodSeconds=5"));
        let parameters = DeleteParameters::parse(&query).unwrap();
        assert_eq!((parameters.validate(), parameters.grace_period_seconds), (Ok(true), Some(5)));
    }

    #[test]
    fn tables_include_what_is_asked_for() {
        let parse = |text| IncludeObject::parse(&Query::parse(Some(text)));
        assert_eq!(parse("includeObject=Object").unwrap(), IncludeObject::Object);
        assert_eq!(parse("").unwrap(), IncludeObject::Metadata);
        assert_eq!(
            parse("includeObject=Bogus").unwrap_err().message(),
            "Unable to convert to Table as requested: includeObject: Invalid value: \"Bogus\": \
             must be 'Metadata', 'Object', 'None', or empty"
        );
    }
}
