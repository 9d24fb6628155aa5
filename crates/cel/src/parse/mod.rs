//! From text to tree: the grammar of the language, as cel-go reads it.
//!
//! Macros are expanded while reading (`macros.rs`), so that the tree knows only calls and loops. After the first
//! thing that can't be read reading ends; cel-go tries to go on and may tell more errors.

mod lexer;
mod literal;
mod macros;

use lexer::{Token, TokenKind};

use crate::ast::{Entry, Expr, Initialiser, Kind, Literal, Maker, Tree};
use crate::source::{Issues, Offset};
use crate::types::RESERVED;

/// The longest expression, in code points (cel-go's default).
const LONGEST: usize = 100_000;

/// How deep expressions may nest, and how long a chain of one operator may be (cel-go's default).
const DEEPEST: usize = 250;

/// How many levels a tree may have: macros add some to what is written.
const DEEPEST_TREE: u16 = 600;

/// How many expressions a tree may have. Macros copy what they are called on.
const MOST_EXPRESSIONS: usize = 300_000;

/// What can begin an expression, as ANTLR lists it.
const OPERAND: &str = "'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, \
                       STRING, BYTES, IDENTIFIER";

/// Operators by how strongly they bind, and the functions that they call.
const OPERATORS: [(&str, u8, &str); 14] = [
    ("||", 1, "_||_"),
    ("&&", 2, "_&&_"),
    ("<", 3, "_<_"),
    ("<=", 3, "_<=_"),
    (">=", 3, "_>=_"),
    (">", 3, "_>_"),
    ("==", 3, "_==_"),
    ("!=", 3, "_!=_"),
    ("in", 3, "@in"),
    ("+", 4, "_+_"),
    ("-", 4, "_-_"),
    ("*", 5, "_*_"),
    ("/", 5, "_/_"),
    ("%", 5, "_%_"),
];

/// Reads an expression. `None` where it can't be read: `issues` say why.
pub(crate) fn parse(text: &str, issues: &mut Issues) -> Option<Tree> {
    let size = text.chars().count();
    if size > LONGEST {
        issues.whole(format!("expression code point size exceeds limit: size: {size}, limit {LONGEST}"));
        return None;
    }
    let tokens = lexer::tokens(text, issues);
    let mut parser = Parser { tokens, next: 0, maker: Maker::default(), issues, nested: [0; 4] };
    let root = parser.start().ok()?;
    if !parser.issues.is_empty() {
        return None;
    }
    Some(Tree { root, places: parser.maker.places })
}

/// An error was told, and reading ends.
struct Ended;

/// The rules whose nesting is counted.
#[derive(Clone, Copy)]
enum Rule {
    Expression,
    Relation,
    Calculation,
    Member,
}

struct Parser<'a, 'i> {
    tokens: Vec<Token<'a>>,
    next: usize,
    maker: Maker,
    issues: &'i mut Issues,
    /// How deep each rule is nested right now.
    nested: [usize; 4],
}

type Parsed<T = Expr> = Result<T, Ended>;

impl<'a> Parser<'a, '_> {
    fn peek(&self) -> Token<'a> {
        self.look(0)
    }

    /// The token `ahead` of the next one. After the end comes the end.
    fn look(&self, ahead: usize) -> Token<'a> {
        self.tokens[(self.next + ahead).min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Takes the sign `text`, where it is next.
    fn take(&mut self, text: &str) -> Option<Token<'a>> {
        self.peek().is(text).then(|| self.advance())
    }

    /// Takes the sign `text`, which must come now; one token before it is told and skipped.
    fn expect(&mut self, text: &str) -> Parsed<Token<'a>> {
        if let Some(token) = self.take(text) {
            return Ok(token);
        }
        if self.look(1).is(text) {
            self.skip(&format!("'{text}'"));
            return Ok(self.advance());
        }
        Err(self.mismatched(&format!("'{text}'")))
    }

    fn mismatched(&mut self, expected: &str) -> Ended {
        let token = self.peek();
        self.syntax(token.at, &format!("mismatched input '{}' expecting {expected}", token.shown()))
    }

    /// Tells and skips a token that is too much.
    fn skip(&mut self, expected: &str) {
        let token = self.advance();
        self.syntax(token.at, &format!("extraneous input '{}' expecting {expected}", token.shown()));
    }

    fn syntax(&mut self, at: Offset, message: &str) -> Ended {
        self.issues.at(at, format!("Syntax error: {message}"));
        Ended
    }

    fn too_deep(&mut self) -> Ended {
        self.issues.whole(format!("expression recursion limit exceeded: {DEEPEST}"));
        Ended
    }

    fn enter(&mut self, rule: Rule) -> Parsed<()> {
        let depth = &mut self.nested[rule as usize];
        *depth += 1;
        if *depth > DEEPEST { Err(self.too_deep()) } else { Ok(()) }
    }

    fn leave(&mut self, rule: Rule, levels: usize) {
        self.nested[rule as usize] -= levels;
    }

    /// What a finished part may be at most.
    fn bounded(&mut self, expr: Expr) -> Parsed {
        if expr.depth > DEEPEST_TREE || self.maker.places.len() > MOST_EXPRESSIONS {
            return Err(self.too_deep());
        }
        Ok(expr)
    }

    /// `expr EOF`
    fn start(&mut self) -> Parsed {
        let root = self.expression()?;
        if self.peek().kind != TokenKind::End {
            if self.look(1).kind == TokenKind::End {
                self.skip("<EOF>");
            } else {
                return Err(self.mismatched("<EOF>"));
            }
        }
        Ok(root)
    }

    /// `or ('?' or ':' expr)?`
    fn expression(&mut self) -> Parsed {
        self.enter(Rule::Expression)?;
        let condition = self.binary(1)?;
        let expr = match self.take("?") {
            None => condition,
            Some(sign) => {
                let yes = self.binary(1)?;
                self.expect(":")?;
                let no = self.expression()?;
                self.maker.call(sign.at, "_?_:_", vec![condition, yes, no])
            }
        };
        self.leave(Rule::Expression, 1);
        self.bounded(expr)
    }

    /// Operands, with operators between them that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        let mut levels = [0; 2];
        while let Some((strength, function)) = self.operator(least) {
            if strength <= 2 {
                left = self.logical(left, strength, function)?;
                continue;
            }
            let rule = if strength == 3 { Rule::Relation } else { Rule::Calculation };
            self.enter(rule)?;
            levels[usize::from(strength > 3)] += 1;
            let sign = self.advance();
            let right = self.binary(strength + 1)?;
            let expr = self.maker.call(sign.at, function, vec![left, right]);
            left = self.bounded(expr)?;
        }
        self.leave(Rule::Relation, levels[0]);
        self.leave(Rule::Calculation, levels[1]);
        Ok(left)
    }

    /// `||` or `&&` after a first term: a chain of them becomes a balanced tree, as cel-go makes it.
    fn logical(&mut self, first: Expr, strength: u8, function: &'static str) -> Parsed {
        let mut terms = vec![first];
        let mut signs = Vec::new();
        while self.operator(strength).is_some_and(|(found, _)| found == strength) {
            signs.push(self.advance().at);
            terms.push(self.binary(strength + 1)?);
        }
        match self.balanced(function, &signs, &mut terms.into_iter()) {
            Some(expr) => self.bounded(expr),
            None => Err(Ended),
        }
    }

    fn balanced(
        &mut self,
        function: &str,
        signs: &[Offset],
        terms: &mut std::vec::IntoIter<Expr>,
    ) -> Option<Expr> {
        if signs.is_empty() {
            return terms.next();
        }
        let middle = signs.len() / 2;
        let left = self.balanced(function, &signs[..middle], terms)?;
        let right = self.balanced(function, &signs[middle + 1..], terms)?;
        Some(self.maker.call(signs[middle], function, vec![left, right]))
    }

    /// The operator that comes next, where it binds at least as strongly as `least`.
    fn operator(&self, least: u8) -> Option<(u8, &'static str)> {
        let token = self.peek();
        if token.kind != TokenKind::Sign {
            return None;
        }
        let (_, strength, function) = OPERATORS.iter().find(|(sign, ..)| *sign == token.text)?;
        (*strength >= least).then_some((*strength, function))
    }

    /// `'!'+ member | '-'+ member | member`
    fn unary(&mut self) -> Parsed {
        let sign = self.peek();
        let (text, function) = match sign.text {
            "!" => ("!", "!_"),
            "-" => ("-", "-_"),
            _ => return self.member(),
        };
        if sign.kind != TokenKind::Sign {
            return self.member();
        }
        if text == "-" && matches!(self.look(1).kind, TokenKind::Int | TokenKind::Float) {
            return self.member();
        }
        let mut count = 0;
        while self.take(text).is_some() {
            count += 1;
        }
        let operand = self.member()?;
        // Two of them undo each other.
        if count % 2 == 0 {
            return Ok(operand);
        }
        let expr = self.maker.call(sign.at, function, vec![operand]);
        self.bounded(expr)
    }

    /// A primary with what is selected from it.
    fn member(&mut self) -> Parsed {
        self.enter(Rule::Member)?;
        let mut levels = 1;
        let mut expr = self.primary()?;
        loop {
            let sign = self.peek();
            if sign.is(".") {
                self.advance();
                expr = self.selection(sign, expr)?;
            } else if sign.is("[") {
                self.advance();
                let optional = self.take("?").is_some();
                let index = self.expression()?;
                self.expect("]")?;
                expr = self.maker.call(sign.at, if optional { "_[?_]" } else { "_[_]" }, vec![expr, index]);
            } else {
                break;
            }
            self.enter(Rule::Member)?;
            levels += 1;
            expr = self.bounded(expr)?;
        }
        self.leave(Rule::Member, levels);
        Ok(expr)
    }

    /// What comes after a dot: `'?'? name`, or `name '(' args ')'`.
    fn selection(&mut self, dot: Token<'a>, operand: Expr) -> Parsed {
        let optional = self.take("?").is_some();
        let token = self.peek();
        let name = match token.kind {
            TokenKind::Ident => token.text.to_owned(),
            TokenKind::Escaped => {
                self.issues.at(token.at, "unsupported syntax: '`'");
                return Err(Ended);
            }
            TokenKind::Sign if matches!(token.text, "true" | "false" | "null") => {
                return Err(self.mismatched("IDENTIFIER"));
            }
            TokenKind::End => {
                return Err(self.syntax(token.at, "no viable alternative at input '.'"));
            }
            _ => {
                let message = format!("no viable alternative at input '.{}'", token.shown());
                return Err(self.syntax(token.at, &message));
            }
        };
        self.advance();
        if optional {
            let field = self.maker.literal(token.at, Literal::String(name));
            return Ok(self.maker.call(dot.at, "_?._", vec![operand, field]));
        }
        if let Some(open) = self.take("(") {
            let args = self.arguments()?;
            return self.call_or_macro(open.at, name, Some(operand), args);
        }
        Ok(self.maker.make(dot.at, Kind::Select { operand: Box::new(operand), field: name, test: false }))
    }

    /// `expr (',' expr)* ')'`, after the opening bracket.
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Ok(args);
        }
        if self.peek().kind == TokenKind::End {
            return Err(self.mismatched(&format!("{{{}}}", OPERAND.replacen("'.'", "')', '.'", 1))));
        }
        loop {
            args.push(self.expression()?);
            if self.take(",").is_none() {
                break;
            }
        }
        if self.take(")").is_none() {
            return Err(self.mismatched("{')', ','}"));
        }
        Ok(args)
    }

    fn call_or_macro(&mut self, at: Offset, name: String, target: Option<Expr>, args: Vec<Expr>) -> Parsed {
        let expr = match macros::expand(&mut self.maker, at, &name, target, args) {
            macros::Expanded::Yes(expr) => expr,
            macros::Expanded::No(target, args) => {
                let target = target.map(Box::new);
                self.maker.make(at, Kind::Call { target, function: name, args })
            }
            macros::Expanded::Wrong(at, message) => {
                self.issues.at(at, message);
                self.maker.literal(at, Literal::Null)
            }
        };
        self.bounded(expr)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.peek();
        match token.kind {
            TokenKind::Ident => return self.name(None),
            TokenKind::Int | TokenKind::Uint | TokenKind::Float | TokenKind::String | TokenKind::Bytes => {
                return self.constant(None);
            }
            TokenKind::Sign => match token.text {
                "-" if matches!(self.look(1).kind, TokenKind::Int | TokenKind::Float) => {
                    self.advance();
                    return self.constant(Some(token));
                }
                "true" | "false" | "null" => {
                    self.advance();
                    let literal = match token.text {
                        "null" => Literal::Null,
                        text => Literal::Bool(text == "true"),
                    };
                    return Ok(self.maker.literal(token.at, literal));
                }
                "." if self.look(1).kind == TokenKind::Ident => {
                    self.advance();
                    return self.name(Some(token));
                }
                "." => {
                    self.advance();
                    let message = format!("no viable alternative at input '.{}'", self.peek().shown());
                    return Err(self.syntax(self.peek().at, &message));
                }
                "(" => {
                    self.advance();
                    let inner = self.expression()?;
                    self.expect(")")?;
                    return Ok(inner);
                }
                "[" => return self.list(),
                "{" => return self.map(),
                _ => {}
            },
            TokenKind::Escaped | TokenKind::End => {}
        }
        if token.kind != TokenKind::End && begins_operand(self.look(1)) {
            self.skip(&format!("{{{OPERAND}}}"));
            return self.primary_after_skip();
        }
        Err(self.mismatched(&format!("{{{OPERAND}}}")))
    }

    /// One superfluous token was skipped, and what follows can begin an operand.
    fn primary_after_skip(&mut self) -> Parsed {
        match self.peek().text {
            "-" | "!" => self.unary(),
            _ => self.primary(),
        }
    }

    /// A variable, a call, or the construction of a message.
    fn name(&mut self, dot: Option<Token<'a>>) -> Parsed {
        let token = self.advance();
        let mut name = String::new();
        if dot.is_some() {
            name.push('.');
        }
        name.push_str(token.text);
        if self.constructs() {
            return self.message(name);
        }
        if RESERVED.contains(&token.text) {
            let at = dot.map_or(token.at, |dot| dot.at);
            self.issues.at(at, format!("reserved identifier: {}", token.text));
        }
        if let Some(open) = self.take("(") {
            let args = self.arguments()?;
            return self.call_or_macro(open.at, name, None, args);
        }
        Ok(self.maker.ident(token.at, &name))
    }

    /// Whether `.name.name{` comes next.
    fn constructs(&self) -> bool {
        let mut ahead = 0;
        while self.look(ahead).is(".") && self.look(ahead + 1).kind == TokenKind::Ident {
            ahead += 2;
        }
        self.look(ahead).is("{")
    }

    fn message(&mut self, mut name: String) -> Parsed {
        while self.take(".").is_some() {
            name.push('.');
            name.push_str(self.advance().text);
        }
        let open = self.advance();
        let mut fields = Vec::new();
        while !self.peek().is("}") {
            let optional = self.take("?").is_some();
            let field = self.peek();
            if field.kind == TokenKind::Escaped {
                self.issues.at(field.at, "unsupported syntax: '`'");
                return Err(Ended);
            }
            if field.kind != TokenKind::Ident {
                return Err(self.mismatched("{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}"));
            }
            let field = self.advance().text.to_owned();
            let at = self.expect(":")?.at;
            fields.push(Initialiser { at, name: field, value: self.expression()?, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        let expr = self.maker.make(open.at, Kind::Struct { name, fields });
        self.bounded(expr)
    }

    fn list(&mut self) -> Parsed {
        let open = self.advance();
        let mut elements = Vec::new();
        let mut optional = Vec::new();
        while !self.peek().is("]") {
            if elements.is_empty() && self.take(",").is_some() {
                break;
            }
            if self.take("?").is_some() {
                optional.push(elements.len());
            }
            elements.push(self.expression()?);
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("]")?;
        let expr = self.maker.make(open.at, Kind::List { elements, optional });
        self.bounded(expr)
    }

    fn map(&mut self) -> Parsed {
        let open = self.advance();
        let mut entries = Vec::new();
        while !self.peek().is("}") {
            if entries.is_empty() && self.take(",").is_some() {
                break;
            }
            if entries.is_empty() && self.peek().kind == TokenKind::End {
                return Err(self.mismatched(
                    "{'[', '{', '}', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, \
                     NUM_UINT, STRING, BYTES, IDENTIFIER}",
                ));
            }
            let optional = self.take("?").is_some();
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            entries.push(Entry { key, value, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        let expr = self.maker.make(open.at, Kind::Map(entries));
        self.bounded(expr)
    }

    /// A number, string or bytes literal; `minus` is the sign before it.
    fn constant(&mut self, minus: Option<Token<'a>>) -> Parsed {
        let token = self.advance();
        let at = minus.map_or(token.at, |minus| minus.at);
        let literal = match token.kind {
            TokenKind::Int => {
                integer(token.text, minus.is_some()).map(Literal::Int).ok_or("invalid int literal")
            }
            TokenKind::Uint => {
                let text = &token.text[..token.text.len() - 1];
                let parsed = match text.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16),
                    None => text.parse(),
                };
                parsed.map(Literal::Uint).map_err(|_| "invalid uint literal")
            }
            TokenKind::Float => match token.text.parse::<f64>() {
                Ok(value) if value.is_finite() => {
                    Ok(Literal::Double(if minus.is_some() { -value } else { value }))
                }
                _ => Err("invalid double literal"),
            },
            TokenKind::Bytes => literal::unquote(&token.text[1..], true).map(Literal::Bytes),
            _ => literal::unquote(token.text, false)
                .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "invalid unicode code point"))
                .map(Literal::String),
        };
        let literal = literal.unwrap_or_else(|message| {
            self.issues.at(at, message);
            Literal::Null
        });
        Ok(self.maker.literal(at, literal))
    }
}

/// An integer, in decimal or hexadecimal.
fn integer(text: &str, negative: bool) -> Option<i64> {
    let magnitude = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse::<u64>(),
    };
    let magnitude = i128::from(magnitude.ok()?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Whether an operand can begin with this token.
fn begins_operand(token: Token<'_>) -> bool {
    match token.kind {
        TokenKind::Sign => {
            matches!(token.text, "[" | "{" | "(" | "." | "-" | "!" | "true" | "false" | "null")
        }
        TokenKind::Escaped | TokenKind::End => false,
        _ => true,
    }
}
