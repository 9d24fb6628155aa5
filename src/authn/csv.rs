//! Comma-separated values as Go's `encoding/csv` reads them by default.
//!
//! Source: RFC 4180, with blank lines left out and records of any length.

/// Why text is no CSV.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error on line {line}: {problem}")]
pub struct CsvError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// The records of `text`: each a list of one or more fields.
///
/// # Errors
/// A quote inside of a field without quotes, or one that is never closed.
pub fn records(text: &str) -> Result<Vec<Vec<String>>, CsvError> {
    let mut records = Vec::new();
    let mut reader = Reader { rest: text, line: 1 };
    while !reader.rest.is_empty() {
        if reader.skip_line_end() {
            continue;
        }
        records.push(reader.record()?);
    }
    Ok(records)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn skip_line_end(&mut self) -> bool {
        let rest = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
        if let Some(rest) = rest {
            self.rest = rest;
            self.line += 1;
        }
        rest.is_some()
    }

    fn record(&mut self) -> Result<Vec<String>, CsvError> {
        let mut fields = Vec::new();
        loop {
            let field = match self.rest.strip_prefix('"') {
                Some(quoted) => {
                    self.rest = quoted;
                    self.quoted()?
                }
                None => self.bare()?,
            };
            fields.push(field);
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => {
                    self.skip_line_end();
                    return Ok(fields);
                }
            }
        }
    }

    fn bare(&mut self) -> Result<String, CsvError> {
        let line_end = self.rest.find('\n').unwrap_or(self.rest.len());
        let end = self.rest[..line_end].find(',').unwrap_or(line_end);
        let field = &self.rest[..end];
        let field = if end == line_end { field.strip_suffix('\r').unwrap_or(field) } else { field };
        if field.contains('"') {
            return Err(self.error(r#"bare " in non-quoted-field"#));
        }
        self.rest = &self.rest[field.len()..];
        // A carriage return at the very end of the text ends the line as well.
        if self.rest == "\r" {
            self.rest = "";
        }
        Ok(field.to_owned())
    }

    fn quoted(&mut self) -> Result<String, CsvError> {
        let mut field = String::new();
        loop {
            let Some(quote) = self.rest.find('"') else {
                return Err(self.error(r#"extraneous or missing " in quoted-field"#));
            };
            let part = &self.rest[..quote];
            self.line += part.matches('\n').count();
            field.push_str(&part.replace("\r\n", "\n"));
            self.rest = &self.rest[quote + 1..];
            if let Some(rest) = self.rest.strip_prefix('"') {
                field.push('"');
                self.rest = rest;
            } else if self.rest.is_empty()
                || self.rest.starts_with([',', '\n'])
                || self.rest.starts_with("\r\n")
            {
                return Ok(field);
            } else if self.rest == "\r" {
                self.rest = "";
                return Ok(field);
            } else {
                return Err(self.error(r#"extraneous or missing " in quoted-field"#));
            }
        }
    }

    fn error(&self, problem: &'static str) -> CsvError {
        CsvError { line: self.line, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_go_reads_them() {
        let check =
            |text: &str, wanted: &[&[&str]]| assert_eq!(records(text).expect(text), wanted, "{text:?}");
        check("", &[]);
        check("\n\r\n", &[]);
        check("a,b,c", &[&["a", "b", "c"]]);
        check("a,b\n\nc,d\r\n", &[&["a", "b"], &["c", "d"]]);
        check("a,\"b,c\"\n", &[&["a", "b,c"]]);
        check("\"a \"\"q\"\"\",,\n", &[&["a \"q\"", "", ""]]);
        check("\"a\r\nb\",c\n", &[&["a\nb", "c"]]);
        check(" a , b", &[&[" a ", " b"]]);
        check("a,b\r", &[&["a", "b"]]);
    }

    #[test]
    fn broken_quotes_are_errors_with_their_line() {
        let check =
            |text: &str, line: usize| assert_eq!(records(text).expect_err(text).line, line, "{text:?}");
        check("a,b\"c", 1);
        check("ok\n\"a\"b,c", 2);
        check("ok\n\n\"a", 3);
    }
}
