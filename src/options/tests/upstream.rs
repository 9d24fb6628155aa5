//! All flags of upstream's: known, shown in their groups, refused where they have no effect.

use super::*;

fn help() -> String {
    let Ok(Outcome::Print(help)) = parse_line(&["--help"]) else { panic!("no help") };
    help
}

/// The flags that `--help` shows: group, name, type, default.
fn shown() -> Vec<(String, String, String, String)> {
    let text = help();
    let (mut found, mut group) = (Vec::<(String, String, String, String)>::new(), String::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_suffix(" flags:") {
            group = heading.to_owned();
        } else if let Some((_, flag)) =
            line.get(..8).and(line.split_once("--")).filter(|_| !line.starts_with("       "))
        {
            let (name, kind) = flag.split_once(' ').unwrap_or((flag, ""));
            found.push((group.clone(), name.to_owned(), kind.to_owned(), String::new()));
        } else if let Some(last) = found.last_mut() {
            last.3 = format!("{} {}", last.3, line.trim());
        }
    }
    for (_, name, _, about) in &mut found {
        assert!(about.len() > 3, "nothing is said of {name}");
        let default =
            about.rsplit_once("(default ").and_then(|(_, default)| default.trim_end().strip_suffix(')'));
        *about = default.unwrap_or_default().to_owned();
    }
    found
}

#[test]
fn help_has_upstreams_groups_names_types_and_defaults() {
    let shown = shown();
    let wanted = facts::shown().map(|fact| {
        let default = if fact.name == "cert-dir" { "--data-dir" } else { fact.default };
        [fact.group, fact.name, fact.kind.label(), default].map(str::to_owned).into()
    });
    assert_eq!(shown, wanted.collect::<Vec<_>>());
    let long: Vec<String> =
        help().lines().filter(|line| line.chars().count() > 110).map(str::to_owned).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// The reference lists every flag of the release that is followed; it is not part of this repository.
#[test]
fn the_table_of_flags_is_upstreams() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/flags.tsv");
    let Ok(table) = std::fs::read_to_string(&path) else {
        println!("skipped: no list of flags at {}", path.display());
        return;
    };
    let upstream: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert!(upstream.len() > 100, "the list is not empty");
    let ours: Vec<(String, &str, &str, &str)> = facts::FLAGS
        .iter()
        .map(|fact| {
            let label = if fact.kind == facts::Kind::Bool { "bool" } else { fact.kind.label() };
            (format!("{} flags", fact.group), fact.name, label, fact.default)
        })
        .collect();
    let ours: Vec<Vec<&str>> = ours.iter().map(|(a, b, c, d)| vec![a.as_str(), *b, *c, *d]).collect();
    assert_eq!(ours, upstream);
}

#[test]
fn every_flag_that_is_read_is_in_the_table() {
    let known = Flags::command();
    let names: Vec<&str> = facts::all().map(|fact| fact.name).collect();
    for argument in known.get_arguments().filter(|argument| argument.get_id() != "help") {
        let name = argument.get_long().expect("flags have long names");
        assert!(names.contains(&name), "--{name}");
    }
}

/// A value of each flag without effect that is not its default.
fn other(fact: &facts::Fact) -> &'static str {
    use facts::Kind;
    match fact.kind {
        Kind::Bool if fact.default == "true" => "false",
        Kind::Bool => "true",
        Kind::Duration => "77s",
        Kind::Int | Kind::Level | Kind::Float | Kind::Float32 | Kind::Quantity => "77",
        _ => "other=1",
    }
}

#[test]
fn flags_without_effect_hold_their_default_or_are_refused() {
    let known = Flags::command();
    let read = |name: &str| known.get_arguments().any(|argument| argument.get_long() == Some(name));
    for fact in facts::all().filter(|fact| !read(fact.name) && fact.name != "help") {
        let flag = format!("--{}", fact.name);
        let line = format!("{flag}: {}", unsupported::REASON);
        refused(&[&format!("{flag}={}", other(fact))], &[&line]);
        let default = match (fact.kind, fact.default) {
            (facts::Kind::Bool, "") => "false",
            (facts::Kind::Duration | facts::Kind::Int | facts::Kind::Float32, "") => "0",
            (_, default) => default.trim_matches(['"', '[', ']']),
        };
        let notice = format!("flags without effect, accepted for their defaults: {flag}");
        assert_eq!(config(&[&format!("{flag}={default}")]).notices, [notice]);
    }
}

#[test]
fn defaults_are_compared_as_values() {
    for accepted in [
        ["--audit-log-maxage=366"].as_slice(),
        &["--audit-log-maxage", "0x16e"],
        &["--audit-webhook-batch-max-wait=0.5m"],
        &["--audit-webhook-batch-throttle-qps=10.0"],
        &["--aggregator-reject-forwarding-redirect"],
        &["--enable-aggregator-routing=F", "--peer-ca-file="],
        &["--audit-log-maxage=1", "--audit-log-maxage=366"],
    ] {
        config(accepted);
    }
    for (argument, reason) in [
        ("--audit-log-maxage=365", unsupported::REASON),
        ("--audit-log-maxage=x", "invalid value \"x\": not a whole number"),
        ("--audit-webhook-batch-max-wait=1", "invalid value \"1\": time: missing unit in duration \"1\""),
        ("--audit-webhook-batch-throttle-qps=x", "invalid value \"x\": not a number"),
        ("--enable-aggregator-routing", unsupported::REASON),
        ("--enable-aggregator-routing=x", "invalid value \"x\": neither true nor false"),
    ] {
        let flag = argument.split('=').next().expect("a flag");
        refused(&[argument], &[&format!("{flag}: {reason}")]);
    }
    refused(&["--audit-log-path", "-1"], &[&format!("--audit-log-path: {}", unsupported::REASON)]);
}

#[test]
fn version_is_that_of_the_api_and_our_own() {
    for asked in ["--version", "--version=true"] {
        let Ok(Outcome::Print(text)) = parse_line(&[asked]) else { panic!("no version") };
        assert_eq!(text, format!("Kubernetes v1.36.2 (Keelson {})\n", env!("CARGO_PKG_VERSION")));
    }
    let Ok(Outcome::Print(raw)) = parse_line(&["--version=raw"]) else { panic!("no version") };
    assert!(raw.starts_with(r#"version.Info{Major:"1", Minor:"36", "#) && raw.ends_with("\"}\n"), "{raw}");
    config(&["--version=false"]);
    refused(&["--version=x"], &["--version: invalid value \"x\": neither true nor false"]);
    refused(
        &["--version=v1.35.0"],
        &["--version: the version can't be set to v1.35.0: not supported by Keelson"],
    );
}
