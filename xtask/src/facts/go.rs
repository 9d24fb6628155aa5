//! Reads the declarations of a Go package: structs, named types, and string constants.
//!
//! This is no Go compiler. It knows the layout that gofmt gives to API type files (one declaration or field
//! per line, comments above) and refuses, with file and line, what it does not know.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Error;

/// A package's declarations.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub types: BTreeMap<String, TypeDecl>,
    /// String constants that have a named type, in the order of the source.
    pub constants: Vec<Constant>,
    /// `+name=value` markers of `doc.go`.
    pub markers: Vec<(String, String)>,
    /// Types that `register.go` adds to the package's group and version.
    pub registered: Vec<String>,
}

/// A string constant such as `const RestartPolicyAlways RestartPolicy = "Always"`.
#[derive(Debug)]
pub(super) struct Constant {
    pub name: String,
    pub go_type: String,
    pub value: Text,
}

/// A constant's value.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Literal(String),
    /// Another constant, with its import path where that is another package's.
    Constant(String),
}

/// A type declaration.
#[derive(Debug)]
pub(super) struct TypeDecl {
    pub markers: Vec<(String, String)>,
    pub body: Body,
}

/// What a type is.
#[derive(Debug)]
pub(super) enum Body {
    Struct(Vec<GoField>),
    /// `type A B`.
    Named(GoType),
    /// `type A = B`.
    Alias(GoType),
    /// What has no wire form (interfaces, functions, structs with fields of such types), and why.
    Other(String),
}

/// A struct's field.
#[derive(Debug)]
pub(super) struct GoField {
    pub markers: Vec<(String, String)>,
    /// Empty for an embedded type.
    pub name: String,
    pub go_type: GoType,
    pub tag: BTreeMap<String, String>,
    pub place: String,
}

/// A type expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum GoType {
    /// `string`, `Container`, `metav1.Time`, `interface{}`.
    Name(String),
    Pointer(Box<GoType>),
    List(Box<GoType>),
    Map(Box<GoType>, Box<GoType>),
}

impl GoType {
    /// Parses a type expression.
    pub(super) fn parse(text: &str) -> Option<GoType> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('*') {
            return Some(GoType::Pointer(Box::new(GoType::parse(rest)?)));
        }
        if let Some(rest) = text.strip_prefix("[]") {
            return Some(GoType::List(Box::new(GoType::parse(rest)?)));
        }
        if let Some(rest) = text.strip_prefix("map[") {
            let (key, value) = rest.split_once(']')?;
            return Some(GoType::Map(Box::new(GoType::parse(key)?), Box::new(GoType::parse(value)?)));
        }
        if text == "interface{}" || text == "any" {
            return Some(GoType::Name("any".into()));
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        (!text.is_empty() && text.chars().all(plain)).then(|| GoType::Name(text.into()))
    }
}

impl GoType {
    fn each_name(&mut self, change: &mut impl FnMut(&mut String)) {
        match self {
            GoType::Name(name) => change(name),
            GoType::Pointer(to) | GoType::List(to) => to.each_name(change),
            GoType::Map(key, value) => {
                key.each_name(change);
                value.each_name(change);
            }
        }
    }
}

impl std::fmt::Display for GoType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GoType::Name(name) => f.write_str(name),
            GoType::Pointer(to) => write!(f, "*{to}"),
            GoType::List(of) => write!(f, "[]{of}"),
            GoType::Map(key, value) => write!(f, "map[{key}]{value}"),
        }
    }
}

/// The value of the first marker with this name.
pub(super) fn marker<'a>(markers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    markers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// Reads all source files of a package's directory, but for tests and generated code.
pub(super) fn read_package(dir: &Path) -> Result<Package, Error> {
    let mut package = Package::default();
    let entries = fs::read_dir(dir).map_err(|e| Error::read(dir, e))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(|e| Error::read(dir, e))?.path());
    }
    files.sort();
    for path in files {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let generated = name.starts_with("zz_") || name.starts_with("generated") || name.contains("swagger");
        if !name.ends_with(".go") || name.ends_with("_test.go") || generated {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
        read_source(name, &text, &mut package)?;
    }
    Ok(package)
}

/// Adds what one source file declares.
pub(super) fn read_source(name: &str, text: &str, package: &mut Package) -> Result<(), Error> {
    if excluded_by_build_tag(text) {
        return Ok(());
    }
    match name {
        "doc.go" => package.markers = text.lines().filter_map(parse_marker).collect(),
        "register.go" => package.registered = registered(text),
        _ => {}
    }
    let lines = text.lines().collect();
    let mut reader = Reader { file: name, lines, at: 0, markers: Vec::new(), imports: imports(text) };
    reader.declarations(package)
}

/// A file's imports: local name to path.
fn imports(text: &str) -> BTreeMap<String, String> {
    let mut imports = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        let spec = match line {
            "import (" => {
                inside = true;
                continue;
            }
            ")" => {
                inside = false;
                continue;
            }
            _ if inside => line,
            _ => match line.strip_prefix("import ") {
                Some(spec) => spec,
                None => continue,
            },
        };
        let Some((alias, rest)) = spec.split_once('"') else { continue };
        let path = rest.trim_end_matches('"');
        let alias = match alias.trim() {
            "" => path.rsplit('/').next().unwrap_or(path),
            alias => alias,
        };
        imports.insert(alias.to_owned(), path.to_owned());
    }
    imports
}

/// The types named as `&Type{}`: what `AddKnownTypes` is given.
fn registered(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for part in line.split('&').skip(1) {
            if let Some((name, _)) = part.split_once("{}") {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Files that a build without special tags leaves out.
fn excluded_by_build_tag(text: &str) -> bool {
    let tag = text.lines().find_map(|l| l.strip_prefix("//go:build "));
    tag.is_some_and(|t| !t.starts_with('!'))
}

fn parse_marker(line: &str) -> Option<(String, String)> {
    let text = line.trim().strip_prefix("//")?.trim().strip_prefix('+')?;
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Some((name.trim().into(), value.trim().into()))
}

struct Reader<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    at: usize,
    markers: Vec<(String, String)>,
    imports: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    /// Parses a type, and gives names of other packages their import path.
    fn parse_type(&self, text: &str) -> Option<GoType> {
        let mut parsed = GoType::parse(text)?;
        parsed.each_name(&mut |name| {
            if let Some((alias, local)) = name.split_once('.')
                && let Some(path) = self.imports.get(alias)
            {
                *name = format!("{path}.{local}");
            }
        });
        Some(parsed)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.file, self.at)
    }

    fn refuse(&self, what: &str) -> Error {
        Error::Go { place: self.place(), what: what.into() }
    }

    /// The next line, trimmed.
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.at)?.trim();
        self.at += 1;
        Some(line)
    }

    /// Whether the line is a comment or blank; keeps its marker. A blank line after comments ends nothing:
    /// markers are commonly set apart from the declaration by one.
    fn comment(&mut self, line: &str) -> bool {
        if line.starts_with("/*") {
            let mut line = Some(line);
            while !line.is_none_or(|l| l.contains("*/")) {
                line = self.next();
            }
            return true;
        }
        if line.starts_with("//") {
            self.markers.extend(parse_marker(line));
            return true;
        }
        line.is_empty()
    }

    fn declarations(&mut self, package: &mut Package) -> Result<(), Error> {
        while let Some(line) = self.next() {
            if self.comment(line) {
                continue;
            }
            let markers = std::mem::take(&mut self.markers);
            if line == "type (" {
                while let Some(line) = self.next().filter(|l| *l != ")") {
                    if !self.comment(line) {
                        let markers = std::mem::take(&mut self.markers);
                        self.type_declaration(line, markers, package)?;
                    }
                }
            } else if let Some(rest) = line.strip_prefix("type ") {
                self.type_declaration(rest, markers, package)?;
            } else if line == "const (" {
                while let Some(line) = self.next().filter(|l| *l != ")") {
                    if !self.comment(line) {
                        package.constants.extend(constant(line, &self.imports));
                    }
                }
                self.markers.clear();
            } else if let Some(rest) = line.strip_prefix("const ") {
                package.constants.extend(constant(rest, &self.imports));
            } else if line.ends_with('{') || line.ends_with('(') {
                self.skip_block();
            }
        }
        Ok(())
    }

    /// Skips to the line that closes a top-level block: gofmt puts it at the line's start.
    fn skip_block(&mut self) {
        while let Some(line) = self.lines.get(self.at) {
            self.at += 1;
            if line.starts_with(['}', ')']) {
                return;
            }
        }
    }

    fn type_declaration(
        &mut self,
        text: &str,
        markers: Vec<(String, String)>,
        package: &mut Package,
    ) -> Result<(), Error> {
        let text = text.split(" //").next().unwrap_or(text).trim();
        let (name, rest) = text.split_once(' ').ok_or_else(|| self.refuse("a type without a body"))?;
        let rest = rest.trim();
        let body = if rest == "struct {" {
            match self.fields() {
                Ok(fields) => Body::Struct(fields),
                Err(error) => {
                    self.markers.clear();
                    self.skip_block();
                    Body::Other(error.to_string())
                }
            }
        } else if rest == "struct{}" {
            Body::Struct(Vec::new())
        } else if rest.starts_with("interface") || rest.starts_with("func") || name.contains('[') {
            if rest.ends_with('{') {
                self.skip_block();
            }
            Body::Other(format!("{}: {rest}", self.place()))
        } else {
            let (of, make): (_, fn(GoType) -> Body) = match rest.strip_prefix("= ") {
                Some(of) => (of, Body::Alias),
                None => (rest, Body::Named),
            };
            self.parse_type(of).map_or_else(|| Body::Other(format!("{}: {of}", self.place())), make)
        };
        package.types.insert(name.into(), TypeDecl { markers, body });
        Ok(())
    }

    fn fields(&mut self) -> Result<Vec<GoField>, Error> {
        let mut fields = Vec::new();
        loop {
            let line = self.next().ok_or_else(|| self.refuse("a struct without an end"))?;
            if line == "}" {
                self.markers.clear();
                return Ok(fields);
            }
            if self.comment(line) {
                continue;
            }
            let markers = std::mem::take(&mut self.markers);
            let (declaration, tag) = match line.split_once('`') {
                Some((declaration, rest)) => {
                    let tag = rest.split_once('`').ok_or_else(|| self.refuse("a tag over several lines"))?.0;
                    (declaration, tag)
                }
                None => (line.split("//").next().unwrap_or(line), ""),
            };
            let declaration = declaration.trim();
            let (name, go_type) = match declaration.split_once(char::is_whitespace) {
                Some((name, go_type)) => (name, go_type.trim()),
                None => ("", declaration),
            };
            let go_type =
                self.parse_type(go_type).ok_or_else(|| self.refuse(&format!("field {declaration:?}")))?;
            let tag = parse_tag(tag).ok_or_else(|| self.refuse(&format!("tag {tag:?}")))?;
            fields.push(GoField { markers, name: name.into(), go_type, tag, place: self.place() });
        }
    }
}

/// Keeps `Name Type = "value"` and `Name = Type("value")`, where another constant may stand for the text;
/// other constants are of no use here.
fn constant(line: &str, imports: &BTreeMap<String, String>) -> Option<Constant> {
    let (left, right) = line.split_once('=')?;
    let words: Vec<&str> = left.split_whitespace().collect();
    let right = right.trim();
    let (name, go_type, value) = match words.as_slice() {
        [name, go_type] => (*name, *go_type, right),
        [name] => {
            let (go_type, rest) = right.split_once('(')?;
            (*name, go_type, rest.split_once(')')?.0)
        }
        _ => return None,
    };
    let value = match value.strip_prefix('"') {
        Some(rest) => Text::Literal(rest.split_once('"')?.0.to_owned()),
        None => {
            let of =
                value.split_whitespace().next().filter(|v| v.starts_with(|c: char| c.is_alphabetic()))?;
            match of.split_once('.') {
                Some((alias, local)) => Text::Constant(format!("{}.{local}", imports.get(alias)?)),
                None => Text::Constant(of.to_owned()),
            }
        }
    };
    Some(Constant { name: name.into(), go_type: go_type.into(), value })
}

/// Splits a struct tag: `json:"name,omitempty" protobuf:"bytes,1,opt,name=name"`.
fn parse_tag(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut tag = BTreeMap::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Some(tag);
        }
        let (key, rest) = text.split_once(":\"")?;
        let (value, rest) = rest.split_once('"')?;
        tag.insert(key.into(), value.into());
        text = rest;
    }
}
