//! JSON text to values: straight to the canonical tree of a type, or to an untyped tree.

use std::borrow::Cow;
use std::collections::HashMap;

use super::base64;
use super::encode::leaves_out;
use super::parser::{self, Parser, SyntaxError, Token};
use super::path::Path;
use super::quote::quote;
use crate::codec::{DecodeError, Decoded, StrictError};
use crate::schema::{Field, Kind};
use crate::{Map, Schema, Text, TypeId, Value, scalar};

/// Decodes the JSON of an object of this type to its canonical tree.
///
/// Keys are case-sensitive. Members that the type does not have are dropped and reported as strict errors;
/// so are repeated members, of which the last wins (in a struct, what it does not set stays, as in Go).
/// `null` is the zero value. Quantities, times and durations become canonical.
///
/// # Errors
/// Text that is no JSON, a value of a wrong type, a number out of range, a malformed quantity, time,
/// duration or base64: with Go's message.
pub fn decode(schema: &Schema, ty: TypeId, text: &[u8]) -> Result<Decoded, DecodeError> {
    let (value, strict) = run(schema, text, |decoder| decoder.object(ty))?;
    Ok(Decoded { value, strict })
}

/// Decodes any JSON to a tree. Strict errors are repeated members, of which the last wins.
///
/// # Errors
/// Text that is no JSON, and a number that no float can hold.
pub fn decode_untyped(text: &[u8]) -> Result<Decoded, DecodeError> {
    let (value, strict) = run(&Schema::default(), text, |decoder| decoder.any(&Path::ROOT))?;
    Ok(Decoded { value, strict })
}

/// The canonical tree of a type from an untyped tree, such as a patch or YAML makes.
///
/// # Errors
/// As [`decode`].
pub fn canonicalize(schema: &Schema, ty: TypeId, value: Value) -> Result<Decoded, DecodeError> {
    // The text between is what upstream has between, too; a second walk over trees would have to repeat
    // every rule of the first.
    let mut text = Vec::with_capacity(4096);
    super::encode_untyped(&value, &mut text);
    drop(value);
    decode(schema, ty, &text)
}

/// Reads one value to the end of the text, and hands back with what was made of it what is wrong strictly.
///
/// # Errors
/// What `decode` stops at or has noted as [`Decoder::wrong`]; where the text is no JSON, that.
pub(in crate::codec) fn run<'s, T>(
    schema: &'s Schema,
    bytes: &[u8],
    decode: impl FnOnce(&mut Decoder<'s, '_>) -> Step<T>,
) -> Result<(T, Vec<StrictError>), DecodeError> {
    let text = parser::text(bytes).map_err(|e| *e)?;
    let mut decoder = Decoder {
        parser: Parser::new(&text),
        schema,
        values: Vec::new(),
        members: Vec::new(),
        entries: Vec::new(),
        wrong: None,
        strict: Vec::new(),
        lenient: 0,
        effort: Effort { merged: bytes.len() / 8 + 1024, reread: 16 * bytes.len(), told: 10_000 },
    };
    let step = decode(&mut decoder).and_then(|value| {
        decoder.parser.end()?;
        Ok(value)
    });
    match step {
        Err(Stop::Syntax(error)) => Err(*error),
        // Go checks the syntax of the whole text before all else.
        Err(Stop::Refused(error)) => match Parser::new(&text).document() {
            Err(syntax) => Err(*syntax),
            Ok(()) => Err(*error),
        },
        Ok(value) => match decoder.wrong {
            Some(error) => Err(error),
            None => {
                let mut strict = decoder.strict;
                strict.sort_by_key(|(position, _)| *position);
                Ok((value, strict.into_iter().map(|(_, error)| error).collect()))
            }
        },
    }
}

/// Why decoding stops.
pub(in crate::codec) enum Stop {
    Syntax(SyntaxError),
    /// A value that a scalar's own parser refuses. In Go it wins over values of a wrong type before it,
    /// for those let decoding go on.
    Refused(Box<DecodeError>),
}

impl From<SyntaxError> for Stop {
    fn from(error: SyntaxError) -> Self {
        Stop::Syntax(error)
    }
}

pub(in crate::codec) type Step<T> = Result<T, Stop>;

/// What a repeated member had before, where there is one.
pub(in crate::codec) type Prior = Option<Box<Value>>;

/// How many strict errors are kept, as upstream.
const STRICT_ERRORS: usize = 100;

pub(in crate::codec) struct Decoder<'s, 'a> {
    pub(in crate::codec) parser: Parser<'a>,
    schema: &'s Schema,
    /// Elements, members and entries of the lists, structs and maps that are being read: all on one stack
    /// each, so that every finished one is allocated once and at its size.
    values: Vec<Value>,
    members: Vec<(u16, Value)>,
    entries: Vec<(Text, Value)>,
    /// The first value of a wrong type.
    pub(in crate::codec) wrong: Option<DecodeError>,
    /// With their positions in the text.
    pub(in crate::codec) strict: Vec<(usize, StrictError)>,
    /// How many values around this one read themselves in Go, which reports nothing strictly.
    lenient: usize,
    pub(in crate::codec) effort: Effort,
}

/// What repeated members may still cost, so that they can't make decoding take more than linear time.
#[derive(Clone, Copy)]
pub(in crate::codec) struct Effort {
    /// Entries of maps that a repeated map adds to.
    merged: usize,
    /// Bytes that are read a second time.
    pub(in crate::codec) reread: usize,
    /// Strict errors that are worded, of which most turn out to be known.
    told: usize,
}

impl<'s, 'a> Decoder<'s, 'a> {
    /// The whole of an object.
    pub(in crate::codec) fn object(&mut self, ty: TypeId) -> Step<Value> {
        match self.parser.peek()? {
            Token::Object => self.structure(ty, &Path::ROOT, None),
            Token::Null => {
                self.parser.literal(Token::Null)?;
                Ok(self.schema.zero_struct(ty).into())
            }
            token => {
                self.parser.skip()?;
                let go_type = go_type(self.schema, &Kind::Struct(ty));
                Ok(self.wrong(self.mismatch(token.name(), &go_type, &Path::ROOT)))
            }
        }
    }

    /// A struct's field. `None`: output leaves it out.
    pub(in crate::codec) fn field(
        &mut self,
        field: &'s Field,
        path: &Path<'_>,
        prior: Prior,
    ) -> Step<Option<Value>> {
        let value = if self.parser.peek()? != Token::Null {
            self.value(&field.kind, path, prior)?
        } else if field.pointer {
            self.parser.literal(Token::Null)?;
            Value::Null
        } else {
            self.null(&field.kind, prior)?
        };
        Ok(if leaves_out(self.schema, field, &value) { None } else { Some(value) })
    }

    /// An element of a list or map, or the whole.
    pub(in crate::codec) fn element(&mut self, kind: &'s Kind, path: &Path<'_>, prior: Prior) -> Step<Value> {
        match self.parser.peek()? {
            Token::Null => self.null(kind, prior),
            _ => self.value(kind, path, prior),
        }
    }

    /// `null` for something that is no pointer.
    #[cold]
    fn null(&mut self, kind: &'s Kind, prior: Prior) -> Step<Value> {
        self.parser.literal(Token::Null)?;
        match kind {
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::String | Kind::Struct(_) => {
                Ok(prior.map_or_else(|| self.schema.zero_of(kind), |prior| *prior))
            }
            // Its own parser sees `null` as an empty text.
            Kind::Duration => canonical(kind, ""),
            Kind::SchemaOrBool(_) => refuse(DecodeError::new(NO_SCHEMA_OR_BOOL)),
            _ => Ok(self.schema.zero_of(kind)),
        }
    }

    /// A value that is not `null`.
    fn value(&mut self, kind: &'s Kind, path: &Path<'_>, prior: Prior) -> Step<Value> {
        let token = self.parser.peek()?;
        match (kind, token) {
            (Kind::Struct(id), Token::Object) => self.structure(*id, path, prior),
            (Kind::String | Kind::IntOrString, Token::String) => {
                Ok(Value::String(text_of(self.parser.string()?)))
            }
            (Kind::Bool | Kind::SchemaOrBool(_), Token::True | Token::False) => {
                self.parser.literal(token)?;
                Ok(Value::Bool(token == Token::True))
            }
            (Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::IntOrString, Token::Number) => {
                self.number(kind, path)
            }
            (Kind::List(of) | Kind::ListMessage(of), Token::Array) => {
                self.list(prior, |decoder, i, prior| decoder.element(of, &path.index(i), prior))
            }
            (Kind::Map(of), Token::Object) => self.map(Some(of), path, prior),
            (Kind::RawExtension | Kind::FieldsV1 | Kind::Json, _) => {
                Ok(Value::Raw(text_of(compact(self.raw()?))))
            }
            (Kind::Quantity | Kind::Time | Kind::MicroTime | Kind::Duration, _) => {
                self.scalar(kind, token, path)
            }
            (Kind::Bytes, Token::String | Token::Array) => self.bytes(token, path),
            (Kind::Any, _) => self.any(path),
            (Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_), _) => {
                let outer = self.begin_own_parser();
                let value = self.schema_or(kind, token, path)?;
                self.end_own_parser(outer)?;
                // An empty list is nothing.
                Ok(if value.as_array().is_some_and(<[Value]>::is_empty) { Value::Null } else { value })
            }
            // It reads itself in Go, by way of an integer.
            (Kind::IntOrString, _) => refuse(self.mismatch(token.name(), "int32", path)),
            _ => {
                self.parser.skip()?;
                let go_type = self.go_type(kind, path);
                Ok(self.wrong(self.mismatch(token.name(), &go_type, path)))
            }
        }
    }

    /// What comes reads itself in Go.
    pub(in crate::codec) fn begin_own_parser(&mut self) -> Option<DecodeError> {
        self.lenient += 1;
        self.wrong.take()
    }

    /// Ends what [`Decoder::begin_own_parser`] began and gave `outer` for.
    pub(in crate::codec) fn end_own_parser(&mut self, outer: Option<DecodeError>) -> Step<()> {
        self.lenient -= 1;
        // What is wrong in there is the refusal of a parser of its own.
        match std::mem::replace(&mut self.wrong, outer) {
            Some(error) => refuse(error),
            None => Ok(()),
        }
    }

    pub(in crate::codec) fn number(&mut self, kind: &Kind, path: &Path<'_>) -> Step<Value> {
        let number = self.parser.number()?;
        let parsed = match kind {
            Kind::Float64 => float(number).map(Value::Float),
            Kind::Int64 => number.parse::<i64>().ok().map(Value::Int),
            _ => number.parse::<i32>().ok().map(|i| Value::Int(i.into())),
        };
        match (parsed, kind) {
            (Some(value), _) => Ok(value),
            (None, Kind::IntOrString) => refuse(self.mismatch(&format!("number {number}"), "int32", path)),
            (None, _) => {
                let go_type = self.go_type(kind, path);
                Ok(self.wrong(self.mismatch(&format!("number {number}"), &go_type, path)))
            }
        }
    }

    /// Quantities, times and durations.
    fn scalar(&mut self, kind: &Kind, token: Token, path: &Path<'_>) -> Step<Value> {
        let start = self.parser.position();
        match (kind, token) {
            (Kind::Quantity, Token::String) => {
                // Its parser in Go does not know of escapes.
                self.parser.string()?;
                let quoted = self.parser.since(start);
                canonical(kind, quoted[1..quoted.len() - 1].trim())
            }
            (Kind::Quantity, _) => canonical(kind, self.raw()?.trim()),
            (_, Token::String) => canonical(kind, &self.parser.string()?),
            _ => refuse(self.mismatch(token.name(), "string", path)),
        }
    }

    fn bytes(&mut self, token: Token, path: &Path<'_>) -> Step<Value> {
        if token == Token::String {
            let text = self.parser.string()?;
            return Ok(match base64::canonical(&text) {
                Ok(canonical) => Value::String(text_of(canonical)),
                Err(at) => self.wrong_base64(at),
            });
        }
        // Go takes a list of numbers, too.
        let list = self.list(None, |decoder, i, _| {
            let token = decoder.parser.peek()?;
            let number = match token {
                Token::Number => decoder.parser.number()?,
                Token::Null => {
                    decoder.parser.literal(token)?;
                    "0"
                }
                _ => {
                    decoder.parser.skip()?;
                    return Ok(decoder.wrong(decoder.mismatch(token.name(), "uint8", &path.index(i))));
                }
            };
            Ok(match number.parse::<u8>() {
                Ok(byte) => Value::Int(byte.into()),
                Err(_) => {
                    let what = format!("number {number}");
                    decoder.wrong(decoder.mismatch(&what, "uint8", &path.index(i)))
                }
            })
        })?;
        let bytes = list.as_array().unwrap_or_default().iter().filter_map(|v| u8::try_from(v.as_i64()?).ok());
        Ok(Value::from(base64::encode(&bytes.collect::<Vec<u8>>())))
    }

    #[cold]
    pub(in crate::codec) fn wrong_base64(&mut self, at: usize) -> Value {
        self.wrong(DecodeError::new(format!("illegal base64 data at input byte {at}")))
    }

    /// A JSON schema, or what may stand in its place.
    fn schema_or(&mut self, kind: &'s Kind, token: Token, path: &Path<'_>) -> Step<Value> {
        match (kind, token) {
            (
                Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStringArray(id),
                Token::Object,
            ) => self.structure(*id, path, None),
            (Kind::SchemaOrArray(id), Token::Array) => {
                let id = *id;
                self.list(None, |decoder, i, _| match decoder.parser.peek()? {
                    Token::Object => decoder.structure(id, &path.index(i), None),
                    Token::Null => {
                        decoder.parser.literal(Token::Null)?;
                        Ok(decoder.schema.zero_struct(id).into())
                    }
                    token => {
                        let go_type = go_type(decoder.schema, &Kind::Struct(id));
                        refuse(decoder.mismatch(token.name(), &go_type, path))
                    }
                })
            }
            (Kind::SchemaOrStringArray(_), Token::Array) => {
                self.list(None, |decoder, i, _| match decoder.parser.peek()? {
                    Token::String => Ok(Value::String(text_of(decoder.parser.string()?))),
                    Token::Null => {
                        decoder.parser.literal(Token::Null)?;
                        Ok(Value::from(""))
                    }
                    token => refuse(decoder.mismatch(token.name(), "string", &path.index(i))),
                })
            }
            (Kind::SchemaOrBool(_), _) => refuse(DecodeError::new(NO_SCHEMA_OR_BOOL)),
            _ => {
                self.parser.skip()?;
                Ok(Value::Null)
            }
        }
    }

    pub(in crate::codec) fn structure(&mut self, id: TypeId, path: &Path<'_>, prior: Prior) -> Step<Value> {
        let schema = self.schema;
        let of = schema.get(id);
        let base = self.members.len();
        let had_prior = prior.is_some();
        for (key, value) in prior.map(|prior| entries_of(*prior)).unwrap_or_default() {
            self.members.extend(of.member_index(&key).map(|index| (index as u16, value)));
        }
        let mut seen = Seen::default();
        let mut more = self.parser.enter_object()?;
        while more {
            let position = self.parser.position();
            let key = self.parser.key()?;
            if let Some(index) = of.member_index(&key) {
                let member = &of.members()[index];
                let field = schema.field_at(id, &member.path);
                let here = path.member(id, member);
                let repeated = !seen.insert(index);
                if repeated {
                    self.strict_error(position, "duplicate", path, &key);
                }
                if repeated || had_prior {
                    self.repeated_member(base, index, field, &here)?;
                } else if let Some(value) = self.field(field, &here, None)? {
                    self.members.push((index as u16, value));
                }
            } else {
                self.strict_error(position, "unknown", path, &key);
                self.parser.skip()?;
            }
            more = self.parser.next_member()?;
        }
        Ok(Value::Object(self.finish(id, base)))
    }

    /// A member that may have been read before: Go decodes into what is there.
    #[cold]
    fn repeated_member(&mut self, base: usize, index: usize, field: &'s Field, path: &Path<'_>) -> Step<()> {
        let at = self.members[base..].iter().position(|(i, _)| usize::from(*i) == index);
        let prior = at.map(|at| Box::new(self.members.remove(base + at).1));
        let value = self.field(field, path, prior)?;
        self.members.extend(value.map(|value| (index as u16, value)));
        Ok(())
    }

    /// Takes the members above `base` off the stack, and adds the zero values that output has.
    fn finish(&mut self, id: TypeId, base: usize) -> Map {
        let of = self.schema.get(id);
        let members = &mut self.members[base..];
        if !members.is_sorted_by_key(|(index, _)| *index) {
            members.sort_unstable_by_key(|(index, _)| *index);
        }
        let name = |index: u16| of.members()[usize::from(index)].json.clone();
        let mut always = of.always().iter().peekable();
        let mut entries = Vec::with_capacity(self.members.len() - base + of.always().len());
        for (index, value) in self.members.drain(base..) {
            while let Some(zero) = always.next_if(|zero| zero.member < index) {
                entries.push((name(zero.member), zero.zero.clone()));
            }
            always.next_if(|zero| zero.member == index);
            entries.push((name(index), value));
        }
        entries.extend(always.map(|zero| (name(zero.member), zero.zero.clone())));
        Map::from_sorted(entries)
    }

    fn list(
        &mut self,
        prior: Prior,
        mut element: impl FnMut(&mut Self, usize, Prior) -> Step<Value>,
    ) -> Step<Value> {
        let mut priors = match prior.map(|prior| *prior) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        }
        .into_iter();
        let base = self.values.len();
        let mut more = self.parser.enter_array()?;
        while more {
            let index = self.values.len() - base;
            let value = element(self, index, priors.next().map(Box::new))?;
            self.values.push(value);
            more = self.parser.next_element()?;
        }
        Ok(Value::Array(self.values.drain(base..).collect()))
    }

    /// A map whose values are of this type; `None`: any JSON.
    fn map(&mut self, of: Option<&'s Kind>, path: &Path<'_>, prior: Prior) -> Step<Value> {
        let base = self.entries.len();
        if let Some(prior) = prior {
            let prior = entries_of(*prior);
            self.effort.merged = match self.effort.merged.checked_sub(prior.len()) {
                Some(left) => left,
                None => return refuse(DecodeError::new("json: too many repeated fields")),
            };
            self.entries.extend(prior);
        }
        let start = self.parser.clone();
        let mut more = self.parser.enter_object()?;
        while more {
            let key = self.parser.key()?;
            let here = path.key(&key);
            let value = match of {
                Some(of) => self.element(of, &here, None)?,
                None => self.any(&here)?,
            };
            self.entries.push((text_of(key), value));
            more = self.parser.next_member()?;
        }
        let read = self.entries.len() - base;
        let map: Map = self.entries.drain(base..).collect();
        if map.len() < read {
            self.repeated_keys(start, path)?;
        }
        Ok(Value::Object(map))
    }

    /// Reports the repeated keys of the map that begins at `start`. Reads it a second time, which only a
    /// map that has repeated keys needs, and no more often than there are strict errors to be kept.
    #[cold]
    pub(in crate::codec) fn repeated_keys(&mut self, start: Parser<'a>, path: &Path<'_>) -> Step<()> {
        if self.lenient > 0 || self.strict.len() >= STRICT_ERRORS {
            return Ok(());
        }
        match self.effort.reread.checked_sub(self.parser.position() - start.position()) {
            Some(left) => self.effort.reread = left,
            // Strict validation fails for what has been found; more need not be told.
            None if !self.strict.is_empty() => return Ok(()),
            None => {}
        }
        let end = std::mem::replace(&mut self.parser, start);
        let mut seen = HashMap::new();
        let mut more = self.parser.enter_object()?;
        while more {
            let position = self.parser.position();
            let key = self.parser.key()?;
            let times = seen.entry(key.clone()).or_insert(0u32);
            *times += 1;
            if *times == 2 {
                self.strict_error(position, "duplicate", path, &key);
            }
            self.parser.skip()?;
            more = self.parser.next_member()?;
        }
        self.parser = end;
        Ok(())
    }

    /// Any JSON.
    fn any(&mut self, path: &Path<'_>) -> Step<Value> {
        match self.parser.peek()? {
            Token::Null => {
                self.parser.literal(Token::Null)?;
                Ok(Value::Null)
            }
            token @ (Token::True | Token::False) => {
                self.parser.literal(token)?;
                Ok(Value::Bool(token == Token::True))
            }
            Token::String => Ok(Value::String(text_of(self.parser.string()?))),
            Token::Number => {
                let number = self.parser.number()?;
                match number.parse().map(Value::Int) {
                    Ok(value) => Ok(value),
                    Err(_) => Ok(match float(number) {
                        Some(float) => Value::Float(float),
                        None => self.wrong(self.mismatch(&format!("number {number}"), "float64", path)),
                    }),
                }
            }
            Token::Array => self.list(None, |decoder, i, _| decoder.any(&path.index(i))),
            Token::Object => self.map(None, path, None),
        }
    }

    /// The text of a value.
    pub(in crate::codec) fn raw(&mut self) -> Step<&'a str> {
        self.parser.peek()?;
        let start = self.parser.position();
        self.parser.skip()?;
        Ok(self.parser.since(start))
    }

    #[cold]
    pub(in crate::codec) fn strict_error(
        &mut self,
        position: usize,
        what: &str,
        path: &Path<'_>,
        member: &str,
    ) {
        if self.lenient > 0 || self.strict.len() >= STRICT_ERRORS || self.effort.told == 0 {
            return;
        }
        self.effort.told -= 1;
        let error = StrictError(format!("{what} field {}", quote(&path.strict(member))));
        if self.strict.iter().all(|(_, other)| *other != error) {
            self.strict.push((position, error));
        }
    }

    /// Notes a value of a wrong type. Decoding goes on, as what comes may be worse.
    #[cold]
    pub(in crate::codec) fn wrong(&mut self, error: DecodeError) -> Value {
        self.wrong.get_or_insert(error);
        Value::Null
    }

    #[cold]
    fn go_type(&self, kind: &Kind, path: &Path<'_>) -> String {
        path.go_type(self.schema).map_or_else(|| go_type(self.schema, kind), str::to_owned)
    }

    #[cold]
    fn mismatch(&self, value: &str, go_type: &str, path: &Path<'_>) -> DecodeError {
        let place = match path.struct_field(self.schema) {
            Some(field) => format!("struct field {field}"),
            None => "value".to_owned(),
        };
        DecodeError::new(format!("json: cannot unmarshal {value} into Go {place} of type {go_type}"))
    }
}

const NO_SCHEMA_OR_BOOL: &str = "boolean or JSON schema expected";

#[cold]
pub(in crate::codec) fn refuse<T>(error: DecodeError) -> Step<T> {
    Err(Stop::Refused(Box::new(error)))
}

/// A quantity, time or duration from its text.
fn canonical(kind: &Kind, text: &str) -> Step<Value> {
    match scalar::canonical(kind, text) {
        // The zero time.
        Ok(canonical) if canonical.is_empty() => Ok(Value::Null),
        Ok(canonical) => Ok(Value::String(text_of(canonical))),
        Err(message) => refuse(DecodeError::new(message)),
    }
}

fn entries_of(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn text_of(text: Cow<'_, str>) -> Text {
    match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    }
}

fn float(number: &str) -> Option<f64> {
    number.parse().ok().filter(|float: &f64| float.is_finite())
}

/// JSON that another format carries as bytes, without the space between its tokens.
///
/// # Errors
/// Text that is no JSON.
pub(crate) fn raw(bytes: &[u8]) -> Result<Text, DecodeError> {
    let text = parser::text(bytes).map_err(|e| *e)?;
    Parser::new(&text).document().map_err(|e| *e)?;
    Ok(text_of(compact(&text)))
}

/// JSON text without the space between its tokens.
pub(in crate::codec) fn compact(json: &str) -> Cow<'_, str> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
    if !json.as_bytes().iter().any(is_space) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while !rest.is_empty() {
        let plain = rest.bytes().position(|b| b == b'"' || is_space(&b)).unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        if rest.starts_with('"') {
            let length = string_length(rest.as_bytes());
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            rest = rest.trim_start_matches([' ', '\n', '\t', '\r']);
        }
    }
    Cow::Owned(out)
}

/// The length of the string that begins here, with its quotes.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(n) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += n;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

/// The members of a struct that have been read.
#[derive(Default)]
struct Seen {
    first: u128,
    /// Those from the 129th on, which few types have.
    rest: Vec<u128>,
}

impl Seen {
    /// Whether it was not there yet.
    fn insert(&mut self, index: usize) -> bool {
        let word = match (index / 128).checked_sub(1) {
            None => &mut self.first,
            Some(i) => {
                if self.rest.len() <= i {
                    self.rest.resize(i + 1, 0);
                }
                &mut self.rest[i]
            }
        };
        let bit = 1 << (index % 128);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

/// The Go type that goes with a kind, as errors print it.
fn go_type(schema: &Schema, kind: &Kind) -> String {
    match kind {
        Kind::Bool => "bool".into(),
        Kind::Int32 => "int32".into(),
        Kind::Int64 => "int64".into(),
        Kind::Float64 => "float64".into(),
        Kind::String => "string".into(),
        Kind::Bytes => "[]uint8".into(),
        Kind::Struct(id) => schema.get(*id).go_name.to_string(),
        Kind::List(of) | Kind::ListMessage(of) => format!("[]{}", go_type(schema, of)),
        Kind::Map(of) => format!("map[string]{}", go_type(schema, of)),
        Kind::Time => "v1.Time".into(),
        Kind::MicroTime => "v1.MicroTime".into(),
        Kind::Duration => "v1.Duration".into(),
        Kind::Quantity => "resource.Quantity".into(),
        Kind::IntOrString => "intstr.IntOrString".into(),
        Kind::RawExtension => "runtime.RawExtension".into(),
        Kind::FieldsV1 => "v1.FieldsV1".into(),
        Kind::Json => "v1.JSON".into(),
        Kind::SchemaOrArray(_) => "v1.JSONSchemaPropsOrArray".into(),
        Kind::SchemaOrBool(_) => "v1.JSONSchemaPropsOrBool".into(),
        Kind::SchemaOrStringArray(_) => "v1.JSONSchemaPropsOrStringArray".into(),
        Kind::Any => "interface {}".into(),
    }
}
