//! The layers of the product: which room may use which. A path or a dependency against the table fails here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A room of `src/`, and what it may use. Its own paths are always allowed.
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// What every room may use: what a request is, how to log and count, to read configuration, to send requests.
const COMMON: [&str; 4] = ["request", "telemetry", "config_file", "outbound"];

const ROOMS: &[Room] = &[
    Room {
        name: "options",
        may_use: &[
            "server::config",
            "admission",
            "authn",
            "authz",
            "registry::ServiceNetwork",
            "registry::PortRange",
        ],
    },
    Room { name: "server", may_use: &["*"] },
    Room { name: "bootstrap", may_use: &["registry"] },
    Room { name: "aggregator", may_use: &["endpoints", "registry"] },
    Room { name: "apiextensions", may_use: &["endpoints", "registry"] },
    Room { name: "filters", may_use: &["authn", "authz", "audit", "flowcontrol", "endpoints::respond"] },
    Room { name: "authn", may_use: &[] },
    Room { name: "authz", may_use: &[] },
    Room { name: "audit", may_use: &[] },
    Room { name: "flowcontrol", may_use: &[] },
    Room { name: "endpoints", may_use: &["admission", "registry", "audit", "authn", "authz"] },
    Room { name: "admission", may_use: &["authz"] },
    Room { name: "registry", may_use: &[] },
    Room { name: "request", may_use: &[] },
    Room { name: "telemetry", may_use: &[] },
    Room { name: "config_file", may_use: &[] },
    Room { name: "outbound", may_use: &[] },
];

/// The rooms that may name the storage crate.
const STORAGE_USERS: [&str; 3] = ["server", "registry", "apiextensions"];

/// Who may make evidence: a constructor, and the files that may call it.
const EVIDENCE: [(&str, &[&str]); 2] = [
    ("Authenticated::new(", &["filters/authentication.rs", "filters/impersonation.rs"]),
    ("Authorized::new(", &["filters/authorization.rs"]),
];

/// Member crates, the other members that each may depend on, and what none of its dependencies may be.
const CRATES: [(&str, &[&str], &[&str]); 5] = [
    ("base", &[], &["hyper", "etcd-client"]),
    ("apimachinery", &[], &["tokio", "hyper", "async-trait", "futures", "tower"]),
    ("api", &["apimachinery", "cel"], &["tokio", "hyper", "async-trait", "futures", "tower"]),
    ("cel", &["apimachinery"], &["tokio", "hyper"]),
    ("storage", &["base", "apimachinery"], &["hyper", "tower"]),
];

/// A source file without comments and tests.
struct Source {
    /// Below `src/`.
    path: String,
    code: String,
}

impl Source {
    /// The path of its module: `filters::chain`.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.split('/').filter(|part| *part != "mod").collect()
    }

    fn room(&self) -> &str {
        self.module().first().copied().unwrap_or_default()
    }

    /// The paths in this crate that it names, such as `registry::Store`; those that `super` leads to, too.
    fn uses(&self) -> BTreeSet<String> {
        let mut uses = BTreeSet::new();
        for (at, _) in self.code.match_indices("crate::") {
            if !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                uses.extend(paths(&self.code[at + "crate::".len()..]));
            }
        }
        for (at, _) in self.code.match_indices("super::") {
            if self.code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &self.code[at..];
            let mut module = self.module();
            while let Some(behind) = rest.strip_prefix("super::") {
                (rest, _) = (behind, module.pop());
            }
            let within = module.join("::");
            uses.extend(paths(rest).into_iter().map(|path| match within.as_str() {
                "" => path,
                within => format!("{within}::{path}"),
            }));
        }
        uses
    }
}

/// The paths at the beginning of `text`: one, or several with braces, whole.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    expand(text, "", &mut found);
    found
}

/// Puts the paths at the beginning of `text` behind `within`; returns what follows them.
fn expand<'a>(text: &'a str, within: &str, found: &mut Vec<String>) -> &'a str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (path, mut rest) = text.split_at(end);
    let path = format!("{within}{path}");
    let Some(mut group) = rest.strip_prefix('{') else {
        found.push(path);
        return rest;
    };
    loop {
        // Behind a path may stand another name for it.
        let next = group.find(|c: char| c == '}' || c.is_alphanumeric()).unwrap_or(group.len());
        rest = &group[next..];
        if rest.is_empty() || rest.starts_with('}') {
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        group = expand(rest, &path, found);
        let end = group.find([',', '}']).unwrap_or(group.len());
        group = &group[end..];
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All files of `src/` but the crate's roots and the files of tests.
fn sources() -> Vec<Source> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let below = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if below.ends_with(".rs") && !["lib.rs", "main.rs"].contains(&below.as_str()) {
                let is_test = path.ends_with("tests.rs");
                let code = code_of(&std::fs::read_to_string(&path).expect("a readable file"));
                found.extend((!is_test).then_some(Source { path: below, code }));
            }
        }
    }
    assert!(found.len() > 20, "the sources are where they are looked for");
    found
}

fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_below(path: &str, allowed: &str) -> bool {
    allowed == "*" || path.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn rooms_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(room) = ROOMS.iter().find(|room| room.name == source.room()) else {
            wrong.push(format!("{}: the room {:?} is not in the table", source.path, source.room()));
            continue;
        };
        for path in source.uses() {
            // Macros and constants of the crate's root are no room.
            let names_room = ROOMS.iter().any(|room| is_below(&path, room.name));
            let mut allowed = room.may_use.iter().chain(&COMMON).chain([&room.name]);
            if names_room && !allowed.any(|allowed| is_below(&path, allowed)) {
                wrong.push(format!("{}: uses {path}", source.path));
            }
        }
        if source.code.contains("keelson_storage::") && !STORAGE_USERS.contains(&room.name) {
            wrong.push(format!("{}: names the storage crate", source.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn evidence_is_made_by_its_filter_alone() {
    for (constructor, makers) in EVIDENCE {
        let callers: Vec<String> =
            sources().into_iter().filter(|s| s.code.contains(constructor)).map(|s| s.path).collect();
        assert!(callers.iter().all(|c| makers.contains(&c.as_str())), "{constructor}: called by {callers:?}");
        assert!(!callers.is_empty(), "{constructor}: nobody calls it, is it called otherwise now?");
    }
}

#[test]
fn crates_depend_on_those_below_them() {
    for (name, members, refused) in CRATES {
        let Ok(manifest) = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml"))
        else {
            assert_eq!(name, "cel", "only this one is not there yet");
            continue;
        };
        let dependencies = manifest
            .split("\n[")
            .filter(|section| section.starts_with("dependencies]"))
            .flat_map(|section| section.lines().skip(1))
            .filter_map(|line| line.split(['.', '=', ' ']).next());
        for dependency in dependencies.filter(|d| !d.is_empty()) {
            assert!(!refused.contains(&dependency), "{name} depends on {dependency}");
            if let Some(member) = dependency.strip_prefix("keelson-") {
                assert!(members.contains(&member), "{name} depends on {member}");
            }
        }
    }
}

#[test]
fn paths_are_found_however_they_are_written() {
    let check = |path: &str, code: &str, wanted: &[&str]| {
        let source = Source { path: path.to_owned(), code: code_of(code) };
        assert_eq!(source.uses(), wanted.iter().map(ToString::to_string).collect(), "{code}");
    };
    check("a/b.rs", "use crate::x::Y;", &["x::Y"]);
    check(
        "a/b.rs",
        "use crate::{x::{A, b::{self, C}}, y::Z as W, w}; v",
        &["w", "x::A", "x::b::C", "x::b::self", "y::Z"],
    );
    check("a/b.rs", "use super::super::x::Y;", &["x::Y"]);
    check("a/mod.rs", "use super::x;", &["x"]);
    check("a/b/c.rs", "let y = super::super::x::y();", &["a::x::y"]);
    check("a/b.rs", "// crate::x::Y\nlet z = mycrate::z; crate::q()", &["q"]);
    check("a/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::x; }", &[]);
}
