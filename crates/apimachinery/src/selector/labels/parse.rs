//! The grammar of label selectors.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = "!" KEY | KEY [ ( "=" | "==" | "!=" | ">" | "<" ) [ VALUE ] | ( "in" | "notin" ) "(" values ")" ]
//! values      = [ VALUE ] { "," [ VALUE ] }
//! ```
//!
//! `in` and `notin` are words only where an operator can stand: elsewhere they are keys and values.

use super::super::syntax::label_key_errors;
use super::super::within_bounds;
use super::{Operator, Requirement, Selector};
use crate::Text;
use crate::field::quote;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    End,
    /// `= == != > < ( ) , !`
    Symbol(&'a str),
    Word(&'a str),
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Token::End => "",
            Token::Symbol(text) | Token::Word(text) => text,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    /// The token before `rest`.
    next: Token<'a>,
}

const COMMA: Token<'static> = Token::Symbol(",");
const OPEN: Token<'static> = Token::Symbol("(");
const CLOSE: Token<'static> = Token::Symbol(")");
const NOT: Token<'static> = Token::Symbol("!");

fn is_symbol(b: u8) -> bool {
    matches!(b, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Parses a label selector; the empty text selects everything.
///
/// # Errors
/// Upstream's text for the first thing that is wrong.
pub fn parse(text: &str) -> Result<Selector, String> {
    within_bounds(text)?;
    // Upstream's scanner takes a NUL for the end of the text.
    let text = text.split('\0').next().unwrap_or_default();
    let mut parser = Parser { rest: text, next: Token::End };
    parser.advance();
    let mut requirements = Vec::new();
    loop {
        match parser.next {
            Token::End => break,
            Token::Word(_) | NOT => {
                let requirement = parser.requirement();
                requirements.push(requirement.map_err(|e| format!("unable to parse requirement: {e}"))?);
                match (parser.advance(), parser.next) {
                    (Token::End, _) => break,
                    (COMMA, Token::Word(_) | NOT) => {}
                    (COMMA, other) => {
                        return Err(format!("found '{}', expected: identifier after ','", other.text()));
                    }
                    (other, _) => {
                        return Err(format!("found '{}', expected: ',' or 'end of string'", other.text()));
                    }
                }
            }
            other => {
                return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.text()));
            }
        }
    }
    Ok(Selector::new(requirements))
}

impl<'a> Parser<'a> {
    /// Takes the next token.
    fn advance(&mut self) -> Token<'a> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
        let bytes = rest.as_bytes();
        let length = match bytes {
            [] => 0,
            [b'=' | b'!', b'=', ..] => 2,
            [first, ..] if is_symbol(*first) => 1,
            _ => bytes.iter().position(|b| is_symbol(*b) || is_space(*b)).unwrap_or(bytes.len()),
        };
        let (text, rest) = rest.split_at(length);
        let token = match bytes.first() {
            None => Token::End,
            Some(first) if is_symbol(*first) => Token::Symbol(text),
            Some(_) => Token::Word(text),
        };
        self.rest = rest;
        std::mem::replace(&mut self.next, token)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.advance();
        let negated = token == NOT;
        if negated {
            token = self.advance();
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", token.text()));
        };
        let wrong = label_key_errors(key);
        if !wrong.is_empty() {
            // No path leads to the key here, which Go prints so.
            return Err(format!("<nil>: Invalid value: {}: {}", quote(key), wrong.join("; ")));
        }
        if negated {
            return Requirement::new(key.into(), Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.next, Token::End | COMMA) {
            return Requirement::new(key.into(), Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        Requirement::new(key.into(), operator, values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let token = self.advance();
        Ok(match token {
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            other => {
                return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.text()));
            }
        })
    }

    fn exact_value(&mut self) -> Result<Text, String> {
        if matches!(self.next, Token::End | COMMA) {
            return Ok(Text::default());
        }
        match self.advance() {
            Token::Word(value) => Ok(value.into()),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    /// The values between parentheses, sorted, each once; an omitted one is `""`.
    fn values(&mut self) -> Result<Vec<Text>, String> {
        let open = self.advance();
        if open != OPEN {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        if !matches!(self.next, Token::Word(_) | COMMA | CLOSE) {
            return Err(format!("found '{}', expected: ',', ')' or identifier", self.next.text()));
        }
        let mut values = Vec::new();
        loop {
            let value = match self.next {
                Token::Word(value) => {
                    self.advance();
                    if !matches!(self.next, COMMA | CLOSE) {
                        return Err(format!("found '{}', expected: ',' or ')'", self.next.text()));
                    }
                    value
                }
                COMMA | CLOSE => "",
                other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
            };
            values.push(value.into());
            if self.advance() == CLOSE {
                break;
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }
}
