//! How the server reaches a webhook: by URL or by service.

use keelson_apimachinery::content::names::dns_subdomain;
use keelson_apimachinery::content::ports::port_number;
use keelson_apimachinery::content::url::Url;

use super::super::{Errors, Node};
use super::numbers::int;
use super::render::{Shape, render};

/// Checks a client configuration: a URL or a service.
pub(crate) fn client_config(config: &Node<'_>, errors: &mut Errors) {
    let (url, service) = (config.child("url"), config.child("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => check_url(&url, errors),
        (false, true) => check_service(&service, errors),
        _ => errors.push(config.required("exactly one of url or service is required")),
    }
}

fn check_url(node: &Node<'_>, errors: &mut Errors) {
    const FORM: &str = "; desired format: https://host[/path]";
    let url = match Url::parse(node.text()) {
        Ok(url) => url,
        Err(why) => {
            errors.push(node.required(format!("url must be a valid URL: {why}{FORM}")));
            return;
        }
    };
    if url.scheme != "https" {
        let why = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(node.invalid_text(&url.scheme, why));
    }
    if url.host.is_empty() {
        errors.push(node.invalid_text("", format!("host must be specified{FORM}")));
    }
    if let Some(user) = &url.user {
        errors.push(node.invalid_text(user, "user information is not permitted in the URL"));
    }
    if !url.fragment.is_empty() {
        errors.push(node.invalid_text(&url.fragment, "fragments are not permitted in the URL"));
    }
    if !url.query.is_empty() {
        errors.push(node.invalid_text(&url.query, "query parameters are not permitted in the URL"));
    }
}

fn check_service(service: &Node<'_>, errors: &mut Errors) {
    let (name, namespace) = (service.child("name"), service.child("namespace"));
    // Each is reported at the other, as upstream does.
    if namespace.text().is_empty() {
        errors.push(name.required(""));
    }
    if name.text().is_empty() {
        errors.push(namespace.required(""));
    }
    let port = service.child("port");
    if let Some(why) = port_number(int(&port)) {
        errors.push(render(&port, &Shape::Int).invalid(format!("port is not valid: {why}")));
    }
    check_path(&service.child("path"), errors);
}

fn check_path(path: &Node<'_>, errors: &mut Errors) {
    let text = path.text();
    match text {
        "" | "/" => return,
        "//" => {
            errors.push(path.invalid("segment[0] may not be empty"));
            return;
        }
        _ => {}
    }
    if !text.starts_with('/') {
        errors.push(path.invalid("must start with a '/'"));
    }
    // The first letter is skipped whatever it is.
    let mut letters = text.chars();
    letters.next();
    let rest = letters.as_str();
    for (i, step) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if step.is_empty() {
            errors.push(path.invalid(format!("segment[{i}] may not be empty")));
        } else {
            let wrong = dns_subdomain(step);
            errors.extend(wrong.into_iter().map(|why| path.invalid(format!("segment[{i}]: {why}"))));
        }
    }
}
