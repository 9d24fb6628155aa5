//! Fields and elements, each written as soon as it is read.

use super::{Cow, DELIMITED, Field, Kind, Omit, Path, Range, Step, Token, Transcoder, Value, json};

impl<'s, 'a> Transcoder<'s, 'a, '_> {
    /// A struct's field. Says whether it is there; where nothing of it is written although it is, it is nil.
    pub(super) fn field(&mut self, number: u32, field: &'s Field, path: &Path<'_>) -> Step<bool> {
        let token = self.decoder.parser.peek()?;
        let start = self.written();
        // What output leaves out where it is empty.
        let omits = field.omit != Omit::Never;
        match (&field.kind, token) {
            (Kind::Struct(id), Token::Object) if field.omit == Omit::Zero && !field.pointer => {
                let mark = self.mark();
                self.message(Some(number), *id, path)?;
                if self.not_quite_zero != mark.not_quite_zero {
                    self.go_back(mark)?;
                    return self.field_through_tree(number, field, path);
                }
            }
            (Kind::ListMessage(_), Token::Array) if omits && !field.pointer => {
                self.value(number, &field.kind, token, path)?;
                // Its tag and a length of zero.
                if self.is_empty_message(start) {
                    self.encoder.writer.out.truncate(start);
                    return Ok(false);
                }
            }
            (Kind::List(of), Token::Array) => self.list(number, of, path)?,
            (Kind::Map(of), Token::Object) => self.map(number, of, path)?,
            (Kind::Bytes, Token::String) => {
                self.value(number, &field.kind, token, path)?;
                if omits && self.is_empty_message(start) {
                    self.encoder.writer.out.truncate(start);
                }
            }
            (Kind::Float64, Token::Number) => {
                let mut value = self.decoder.number(&field.kind, path)?;
                if let Value::Float(float) = &mut value
                    && *float == 0.0
                {
                    self.not_quite_zero += usize::from(float.is_sign_negative());
                    if omits && !field.pointer {
                        *float = 0.0;
                    }
                }
                self.encode(|encoder| encoder.value(number, &field.kind, &value, ""));
            }
            (kind, token) => {
                if token == Token::Null || !self.value(number, kind, token, path)? {
                    return self.field_through_tree(number, field, path);
                }
            }
        }
        Ok(true)
    }

    /// Whether what was written since is a tag and the length of nothing.
    fn is_empty_message(&self, start: usize) -> bool {
        let field = &self.encoder.writer.out[start..];
        let tag = field.iter().position(|byte| *byte < 0x80).map_or(0, |last| last + 1);
        field[tag..] == [0]
    }

    /// A struct's field that is decoded to a tree first. Says whether it is there.
    pub(super) fn field_through_tree(
        &mut self,
        number: u32,
        field: &'s Field,
        path: &Path<'_>,
    ) -> Step<bool> {
        let value = self.decoder.field(field, path, None)?;
        if let Some(value) = &value {
            self.not_quite_zero += usize::from(matches!(value, Value::Object(_)));
            self.encode(|encoder| encoder.field(number, field, value));
        }
        Ok(value.is_some())
    }

    /// An element of a list or the value of a map's key.
    fn element(&mut self, number: u32, kind: &'s Kind, path: &Path<'_>, in_map: bool) -> Step<()> {
        let token = self.decoder.parser.peek()?;
        if token != Token::Null && self.value(number, kind, token, path)? {
            return Ok(());
        }
        let value = self.decoder.element(kind, path, None)?;
        if in_map && *kind == Kind::Bytes && value.is_null() {
            return Ok(());
        }
        self.encode(|encoder| encoder.value(number, kind, &value, ""));
        Ok(())
    }

    /// A value that is not `null`, even where it is zero. `false`: nothing was read, it needs a tree.
    fn value(&mut self, number: u32, kind: &'s Kind, token: Token, path: &Path<'_>) -> Step<bool> {
        match (kind, token) {
            (Kind::String, Token::String) => {
                let text = self.decoder.parser.string()?;
                self.encoder.writer.bytes_field(number, text.as_bytes());
            }
            (Kind::Struct(id), Token::Object) => self.message(Some(number), *id, path)?,
            (Kind::Bool, Token::True | Token::False) => {
                self.decoder.parser.literal(token)?;
                self.encoder.writer.varint_field(number, (token == Token::True).into());
            }
            (Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::IntOrString, Token::Number) => {
                let value = self.decoder.number(kind, path)?;
                self.encode(|encoder| encoder.value(number, kind, &value, ""));
            }
            (Kind::IntOrString, Token::String) => {
                let text = self.decoder.parser.string()?;
                self.encoder.int_or_string(number, 1, 0, &text);
            }
            (Kind::Quantity | Kind::Time | Kind::MicroTime | Kind::Duration, Token::String) => {
                return Ok(false);
            }
            (Kind::ListMessage(of), Token::Array) => {
                let at = self.begin(number);
                self.list(1, of, path)?;
                self.encoder.writer.fix_length(at);
            }
            (Kind::Bytes, Token::String) => {
                let text = self.decoder.parser.string()?;
                let at = self.begin(number);
                if let Err(wrong) = json::decode_base64(&text, &mut self.encoder.writer.out) {
                    self.decoder.wrong_base64(wrong);
                }
                self.encoder.writer.fix_length(at);
            }
            (Kind::RawExtension | Kind::FieldsV1 | Kind::Json, _) => {
                let json = json::compact(self.decoder.raw()?);
                let at = self.begin(number);
                self.encoder.writer.bytes_field(1, json.as_bytes());
                self.encoder.writer.fix_length(at);
            }
            (
                Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStringArray(id),
                Token::Object,
            ) => {
                let at = self.begin(number);
                let schema = match kind {
                    Kind::SchemaOrBool(_) => {
                        self.encoder.writer.varint_field(1, 1);
                        2
                    }
                    _ => 1,
                };
                let outer = self.decoder.begin_own_parser();
                self.message(Some(schema), *id, path)?;
                self.decoder.end_own_parser(outer)?;
                self.encoder.writer.fix_length(at);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes a message's tag, and keeps a byte for its length free: where that is.
    fn begin(&mut self, number: u32) -> usize {
        self.encoder.writer.tag(number, DELIMITED);
        self.encoder.writer.out.push(0);
        self.written() - 1
    }

    fn list(&mut self, number: u32, of: &'s Kind, path: &Path<'_>) -> Step<()> {
        let mut more = self.decoder.parser.enter_array()?;
        let mut index = 0;
        while more {
            self.element(number, of, &path.index(index), false)?;
            index += 1;
            more = self.decoder.parser.next_element()?;
        }
        Ok(())
    }

    fn map(&mut self, number: u32, of: &'s Kind, path: &Path<'_>) -> Step<()> {
        let begin = self.decoder.parser.clone();
        let (base, written) = (self.entries.len(), self.written());
        let mut more = self.decoder.parser.enter_object()?;
        while more {
            let key = self.decoder.parser.key()?;
            let start = self.written();
            let at = self.begin(number);
            self.encoder.writer.bytes_field(1, key.as_bytes());
            self.element(2, of, &path.key(&key), true)?;
            self.encoder.writer.fix_length(at);
            self.entries.push((key, start..self.written()));
            more = self.decoder.parser.next_member()?;
        }
        if !self.entries[base..].is_sorted_by(|a, b| a.0 < b.0) {
            let repeated = self.sort_entries(base, written);
            if repeated {
                self.decoder.repeated_keys(begin, path)?;
            }
        }
        self.entries.truncate(base);
        Ok(())
    }

    /// Puts the entries above `base`, all that was written from `from` on, into the order of their keys. Says
    /// whether a key came more than once; the last one stays.
    fn sort_entries(&mut self, base: usize, from: usize) -> bool {
        let entries = &mut self.entries[base..];
        // Of equal keys the last comes first.
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.start.cmp(&a.1.start)));
        self.ordered.out.clear();
        let mut prior: Option<&(Cow<'a, str>, Range<usize>)> = None;
        let mut repeated = false;
        for entry in &*entries {
            if prior.is_some_and(|prior| prior.0 == entry.0) {
                repeated = true;
                continue;
            }
            self.ordered.out.extend_from_slice(&self.encoder.writer.out[entry.1.clone()]);
            prior = Some(entry);
        }
        self.encoder.writer.out.truncate(from);
        self.encoder.writer.out.extend_from_slice(&self.ordered.out);
        repeated
    }
}
