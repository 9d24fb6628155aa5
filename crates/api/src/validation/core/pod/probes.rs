//! Probes and lifecycle hooks, and the handlers that they have in common.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::http::header_name;
use keelson_apimachinery::content::ports::{port_name, port_number};
use keelson_apimachinery::field::FieldError;

use crate::validation::shared::names::{one_of, refuse, required};
use crate::validation::shared::numbers::non_negative;
use crate::validation::{Errors, Node};

/// Signals that a Linux container may be stopped with, sorted as errors list them.
const LINUX_SIGNALS: &[&str] = &[
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMAX-1",
    "SIGRTMAX-10",
    "SIGRTMAX-11",
    "SIGRTMAX-12",
    "SIGRTMAX-13",
    "SIGRTMAX-14",
    "SIGRTMAX-2",
    "SIGRTMAX-3",
    "SIGRTMAX-4",
    "SIGRTMAX-5",
    "SIGRTMAX-6",
    "SIGRTMAX-7",
    "SIGRTMAX-8",
    "SIGRTMAX-9",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// What handlers and hooks take from the pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handlers<'a> {
    /// `terminationGracePeriodSeconds`.
    pub(super) grace_period: Option<i64>,
    /// `os.name`; `None` where no operating system is given.
    pub(super) os: Option<&'a str>,
}

/// The three probes of a container.
pub(super) fn all(container: &Node<'_>, pod: Handlers<'_>, errors: &mut Errors) {
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.child(kind);
        if !at.is_set() {
            continue;
        }
        probe(&at, pod, errors);
        if kind == "readinessProbe" {
            let grace = at.child("terminationGracePeriodSeconds");
            if grace.is_set() {
                errors.push(grace.invalid("must not be set for readinessProbes"));
            }
            continue;
        }
        let threshold = at.child("successThreshold");
        let number = threshold.int().unwrap_or(0);
        if number != 1 {
            errors.push(FieldError::invalid_int(&threshold, number, "must be 1"));
        }
    }
}

fn probe(at: &Node<'_>, pod: Handlers<'_>, errors: &mut Errors) {
    handler(at, &["exec", "httpGet", "tcpSocket", "grpc"], pod, errors);
    for member in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        non_negative(&at.child(member), errors);
    }
    let grace = at.child("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds <= 0) {
        errors.push(grace.invalid("must be greater than 0"));
    }
}

/// Hooks after a container's start and before its end, and the signal that ends it.
pub(super) fn lifecycle(at: &Node<'_>, pod: Handlers<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    for hook in ["postStart", "preStop"] {
        let hook = at.child(hook);
        if hook.is_set() {
            handler(&hook, &["exec", "httpGet", "tcpSocket", "sleep"], pod, errors);
        }
    }
    let signal = at.child("stopSignal");
    if signal.is_set() {
        match pod.os {
            None => {
                errors.push(signal.forbidden("may not be set for containers with empty `spec.os.name`"));
            }
            Some("windows") => one_of(&signal, &["SIGKILL", "SIGTERM"], errors),
            Some("linux") => one_of(&signal, LINUX_SIGNALS, errors),
            Some(_) => {}
        }
    }
}

/// One of several kinds of handlers.
fn handler(at: &Node<'_>, kinds: &[&str], pod: Handlers<'_>, errors: &mut Errors) {
    let mut found = false;
    for kind in kinds {
        let action = at.child(kind);
        if !action.is_set() {
            continue;
        }
        if found {
            errors.push(action.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        found = true;
        match *kind {
            "exec" => {
                let command = action.child("command");
                if command.array().is_empty() {
                    errors.push(command.required(""));
                }
            }
            "httpGet" => http_get(&action, errors),
            "tcpSocket" | "grpc" => port(&action.child("port"), errors),
            _ => sleep(&action, pod.grace_period, errors),
        }
    }
    if !found {
        errors.push(at.required("must specify a handler type"));
    }
}

fn http_get(action: &Node<'_>, errors: &mut Errors) {
    required(&action.child("path"), errors);
    port(&action.child("port"), errors);
    one_of(&action.child("scheme"), &["HTTP", "HTTPS"], errors);
    let headers = action.child("httpHeaders");
    for header in headers.items() {
        let name = header.child("name");
        errors.extend(header_name(name.text()).map(|why| headers.invalid_text(name.text(), why)));
    }
}

/// A port's number or name; an absent one is the number 0.
pub(in crate::validation) fn port(at: &Node<'_>, errors: &mut Errors) {
    match at.value() {
        Some(Value::String(name)) => refuse(at, port_name(name), errors),
        value => {
            let number = value.and_then(Value::as_i64).unwrap_or(0);
            errors.extend(port_number(number).map(|why| FieldError::invalid_int(at, number, why)));
        }
    }
}

fn sleep(action: &Node<'_>, grace_period: Option<i64>, errors: &mut Errors) {
    let seconds = action.child("seconds").int().unwrap_or(0);
    let Some(grace) = grace_period else { return };
    if seconds < 0 || seconds > grace {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.push(FieldError::invalid_int(action, seconds, why));
    }
}
