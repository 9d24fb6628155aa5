//! Checks of authorization that a host decides.

use std::sync::Arc;

use keelson_apimachinery::Value;

use crate::{Authorizer, Check, Decision, Environment, Input, Resource, Target, Type};

/// Lets everybody get pods, and the service account `ns/sa` whatever it wants.
#[derive(Debug)]
struct Host;

impl Authorizer for Host {
    fn check(&self, check: &Check) -> Decision {
        let account =
            check.service_account.as_ref().is_some_and(|(namespace, name)| namespace == "ns" && name == "sa");
        let pods = matches!(&check.target, Target::Resource(r) if r.resource == "pods" && r.group.is_empty());
        let error =
            matches!(&check.target, Target::Path(path) if path == "/broken").then(|| "broken".to_owned());
        let allowed = account || (pods && check.verb == "get");
        Decision { allowed, reason: if allowed { "because" } else { "" }.to_owned(), error }
    }
}

fn run(expression: &str, budget: u64) -> (Result<Value, String>, u64) {
    let environment = Environment::new()
        .variable("authorizer", Type::authorizer())
        .variable("authorizer.requestResource", Type::resource_check());
    let program = environment.compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let host: Arc<dyn Authorizer> = Arc::new(Host);
    let resource = Resource { resource: "pods".to_owned(), ..Resource::default() };
    let given = |name: &str| {
        Some(match name {
            "authorizer" => Input::Authorizer(host.clone()),
            _ => Input::ResourceCheck(host.clone(), resource.clone()),
        })
    };
    let (result, cost) = program.run_with(given, budget);
    (result.map_err(|e| e.to_string()), cost)
}

#[test]
fn the_host_decides() {
    for (expression, expected, cost) in [
        ("authorizer.group('').resource('pods').check('get').allowed()", true, 350_004),
        ("authorizer.group('apps').resource('pods').check('get').allowed()", false, 350_004),
        ("authorizer.path('/healthz').check('get').allowed()", false, 350_003),
        ("authorizer.serviceAccount('ns', 'sa').path('/x').check('get').allowed()", true, 350_004),
        ("authorizer.requestResource.check('get').reason() == 'because'", true, 350_003),
        ("authorizer.path('/broken').check('get').errored()", true, 350_003),
        ("authorizer.path('/broken').check('get').error() == 'broken'", true, 350_004),
    ] {
        assert_eq!(run(expression, 10_000_000), (Ok(Value::Bool(expected)), cost), "{expression}");
    }
}

#[test]
fn what_is_asked_for_must_be_right() {
    for (expression, expected) in [
        ("authorizer.path(' ').check('get').allowed()", "path must not be empty"),
        ("authorizer.group('').resource('').check('get').allowed()", "resource must not be empty"),
        (
            "authorizer.serviceAccount('ns', 'A').path('/').check('get').allowed()",
            "Invalid service account name",
        ),
        (
            "authorizer.serviceAccount('N', 'a').path('/').check('get').allowed()",
            "Invalid service account namespace",
        ),
    ] {
        assert_eq!(run(expression, 10_000_000).0, Err(expected.to_owned()), "{expression}");
    }
}

#[test]
fn selectors_cost_by_their_length() {
    let selector = "spec.nodeName=example-node-name.fully.qualified.domain.name.example.com";
    for name in ["fieldSelector", "labelSelector"] {
        let expression =
            format!("authorizer.group('').resource('pods').{name}('{selector}').check('get').allowed()");
        assert_eq!(run(&expression, 10_000_000).1, 1_821 + 350_001, "{expression}");
    }
}
