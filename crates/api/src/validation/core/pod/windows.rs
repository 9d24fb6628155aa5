//! What containers on Windows nodes have.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names;
use keelson_apimachinery::field::{ErrorType, FieldError};

use super::{containers, security};
use crate::validation::shared::names::refuse;
use crate::validation::{Errors, Node};

const MAX_CREDENTIAL: usize = 64 * 1024;
const MAX_DOMAIN: usize = 256;
const MAX_USER: usize = 104;

/// `windowsOptions` of a pod or a container.
pub(super) fn options(at: &Node<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let name = at.child("gmsaCredentialSpecName");
    if name.is_set() {
        refuse(&name, names::dns_subdomain(name.text()), errors);
    }
    let credential = at.child("gmsaCredentialSpec");
    if credential.is_set() {
        if credential.text().is_empty() {
            refuse(&credential, ["gmsaCredentialSpec cannot be an empty string"], errors);
        } else if credential.text().len() > MAX_CREDENTIAL {
            refuse(&credential, ["gmsaCredentialSpec size must be under 64 KiB"], errors);
        }
    }
    let user = at.child("runAsUserName");
    if user.is_set() {
        refuse(&user, user_name(user.text()), errors);
    }
}

/// What is wrong with the name of a user, with or without a domain before it.
fn user_name(text: &str) -> Vec<&'static str> {
    if text.is_empty() {
        return vec!["runAsUserName cannot be an empty string"];
    }
    if text.chars().any(|c| c.is_ascii_control()) {
        return vec!["runAsUserName cannot contain control characters"];
    }
    let (domain, user) = match text.split_once('\\') {
        Some((_, user)) if user.contains('\\') => {
            return vec!["runAsUserName cannot contain more than one backslash"];
        }
        Some((domain, user)) => (Some(domain), user),
        None => (None, text),
    };
    let mut wrong = Vec::new();
    if domain.is_some_and(|domain| domain.len() >= MAX_DOMAIN) {
        wrong.push("runAsUserName's Domain length must be under 256 characters");
    }
    if domain.is_some_and(|domain| !is_net_bios_name(domain) && !is_domain(domain)) {
        wrong.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
    if user.is_empty() {
        wrong.push("runAsUserName's User cannot be empty");
    } else if user.len() > MAX_USER {
        wrong.push("runAsUserName's User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.chars().all(|c| matches!(c, '.' | ' ')) {
        wrong.push("runAsUserName's User cannot contain only periods or spaces");
    }
    if user.contains(|c| "\"/\\:;|=,+*?<>@[]".contains(c)) {
        wrong.push(r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#);
    }
    wrong
}

fn is_net_bios_name(text: &str) -> bool {
    !text.starts_with('.')
        && (1..=15).contains(&text.chars().count())
        && !text.contains(|c| "\\/:*?\"<>|".contains(c))
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        label.len() <= 63
            && edge(label.chars().next())
            && edge(label.chars().next_back())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

/// Containers that run as processes of the host: all of a pod or none.
pub(super) fn host_processes(spec: &Node<'_>, errors: &mut Errors) {
    let of = |owner: &Node<'_>| {
        owner.at(&["securityContext", "windowsOptions", "hostProcess"]).and_then(Value::as_bool)
    };
    let of_pod = of(spec);
    let (mut all, mut on_host) = (0, 0);
    containers::visit(spec, &mut |container| {
        all += 1;
        let own = of(container);
        if let (Some(pod), Some(own)) = (of_pod, own)
            && pod != own
        {
            let context = container.child("securityContext");
            let options = context.child("windowsOptions");
            let why = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            errors.push(options.child("hostProcess").invalid(why));
        }
        on_host += usize::from(own.or(of_pod) == Some(true));
    });
    if on_host == 0 {
        return;
    }
    if on_host != all {
        let why =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(spec.invalid_text("", why));
    }
    let network = spec.child("hostNetwork");
    if !network.is_true() {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        let shown = Some("false".to_owned());
        errors.push(FieldError::new(ErrorType::Invalid, &network, shown, why));
    }
    if !security::privileged_allowed() {
        errors.push(spec.forbidden("hostProcess containers are disallowed by cluster policy"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_may_have_a_domain() {
        let check = |name: &str, expected: &[&str]| assert_eq!(user_name(name), expected, "{name:?}");
        check("Container User", &[]);
        check(r"NT AUTHORITY\System", &[]);
        check(r"corp.example.com\me", &[]);
        check(r"a\b\c", &["runAsUserName cannot contain more than one backslash"]);
        check(r".corp\me", &["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]);
        check(r"corp\", &["runAsUserName's User cannot be empty"]);
        check(". .", &["runAsUserName's User cannot contain only periods or spaces"]);
        check("a\tb", &["runAsUserName cannot contain control characters"]);
        assert_eq!(user_name("a*b").len(), 1);
    }
}
