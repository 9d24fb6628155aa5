//! The text of an expression, places in it, and how errors show them.

use std::fmt;

/// Lines longer than this are not shown with an error.
const LONGEST_SHOWN: usize = 16_384;

/// At most this many errors are told; of the others, how many they are.
const MOST_TOLD: usize = 100;

/// A place in an expression: a count of code points from its beginning.
pub(crate) type Offset = u32;

/// The text of an expression, by lines.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Source { text }
    }

    /// Line (from 1) and column (from 0) of a place, and the line's text.
    fn locate(&self, offset: Offset) -> (usize, usize, &'a str) {
        let mut start = 0;
        for (number, line) in self.text.split('\n').enumerate() {
            let length = line.chars().count();
            if offset as usize <= start + length {
                return (number + 1, offset as usize - start, line);
            }
            start += length + 1;
        }
        (1, 0, "")
    }
}

/// One error in an expression, shown as cel-go shows it: with the line, and a mark below the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The line, from 1; `None` where the error is of the expression as a whole.
    pub line: Option<usize>,
    /// The column in the line, in code points, from 0.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line's text; `None` where it is too long to be shown.
    snippet: Option<String>,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(line) = self.line else {
            return write!(f, "ERROR: <input>:-1:0: {}", self.message);
        };
        write!(f, "ERROR: <input>:{line}:{}: {}", self.column + 1, self.message)?;
        let Some(snippet) = &self.snippet else {
            return Ok(());
        };
        let mut mark = String::with_capacity(self.column + 1);
        let mut chars = snippet.chars();
        for c in chars.by_ref().take(self.column) {
            mark.push(if c.is_ascii() { '.' } else { '\u{ff0e}' });
        }
        mark.push(if chars.next().is_none_or(|c| c.is_ascii()) { '^' } else { '\u{ff3e}' });
        write!(f, "\n | {snippet}\n | {mark}")
    }
}

/// Collects the errors of an expression.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    found: Vec<(Option<Offset>, String)>,
    /// How many there were beyond those.
    more: usize,
}

impl Issues {
    /// An error at a place.
    pub(crate) fn at(&mut self, offset: Offset, message: impl Into<String>) {
        self.push(Some(offset), message.into());
    }

    /// An error of the expression as a whole.
    pub(crate) fn whole(&mut self, message: impl Into<String>) {
        self.push(None, message.into());
    }

    fn push(&mut self, offset: Option<Offset>, message: String) {
        if self.found.len() < MOST_TOLD {
            self.found.push((offset, message));
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The errors in the order of their places.
    pub(crate) fn into_error(mut self, source: &Source<'_>) -> CompileError {
        self.found.sort_by_key(|(offset, _)| *offset);
        let issues = self.found.into_iter().map(|(offset, message)| match offset {
            None => Issue { line: None, column: 0, message, snippet: None },
            Some(offset) => {
                let (line, column, text) = source.locate(offset);
                let snippet = (text.chars().count() <= LONGEST_SHOWN).then(|| text.replace('\t', " "));
                Issue { line: Some(line), column, message, snippet }
            }
        });
        CompileError::Invalid { issues: issues.collect(), more: self.more }
    }
}

/// Why an expression can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// It has errors of syntax or type. Printed as cel-go prints its issues: one after the other, each with its
    /// line and a mark.
    Invalid {
        /// The errors by place.
        issues: Vec<Issue>,
        /// How many more there are, which are not listed.
        more: usize,
    },
    /// It is well-formed, but what could be computed beforehand fails (`int('x')`, `'a'.find('(')`). Upstream
    /// notices this when it makes the program, and prints `program instantiation failed` before it.
    Program(String),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Invalid { issues, more } => {
                for (i, issue) in issues.iter().enumerate() {
                    write!(f, "{}{issue}", if i == 0 { "" } else { "\n" })?;
                }
                if *more > 0 {
                    write!(f, "\n{more} more errors were truncated")?;
                }
                Ok(())
            }
            CompileError::Program(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for CompileError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, offset: Offset) -> String {
        let mut issues = Issues::default();
        issues.at(offset, "wrong");
        issues.into_error(&Source::new(text)).to_string()
    }

    #[test]
    fn an_issue_shows_its_line_and_place() {
        assert_eq!(shown("a + b", 4), "ERROR: <input>:1:5: wrong\n | a + b\n | ....^");
        assert_eq!(shown("a\n\tb + c", 5), "ERROR: <input>:2:4: wrong\n |  b + c\n | ...^");
        assert_eq!(shown("'é' + b", 6), "ERROR: <input>:1:7: wrong\n | 'é' + b\n | .．....^");
        assert_eq!(shown("a", 1), "ERROR: <input>:1:2: wrong\n | a\n | .^");
    }

    #[test]
    fn issues_come_by_place_and_only_the_first_hundred() {
        let mut issues = Issues::default();
        for i in (0..120).rev() {
            issues.at(i % 3, format!("at {}", i % 3));
        }
        issues.whole("all");
        let text = issues.into_error(&Source::new("abc")).to_string();
        assert!(text.starts_with("ERROR: <input>:1:1: at 0\n"), "{text}");
        assert!(text.ends_with("\n21 more errors were truncated"), "{text}");
    }
}
