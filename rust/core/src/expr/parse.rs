//! Tokens to a tree, with Python's precedence.

use super::target::{LEGAL_TRANSFORMS, Target, Transform};
use super::token::{Kind, SHOWN, Token, fault, shorten, tokens};
use super::tree::{At, FUNCTIONS, Function, MAX_NODES, Node, Tree};
use crate::error::{Error, FormulaProblem};
use std::collections::BTreeMap;

/// Most bytes of a formula.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting of parentheses, calls, signs and powers; the parser recurses no deeper.
pub(super) const MAX_DEPTH: usize = 256;

const SUM: u8 = 1;
const PRODUCT: u8 = 2;
/// A sign binds more than a product and less than a power: -x**2 is -(x**2), 2**-1 is 2**(-1).
const SIGN: u8 = 3;
const POWER: u8 = 4;

/// A formula as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) target: Option<Target>,
    pub(super) tree: Tree,
}

/// Reads `target ~ expression` or `expression`.
pub(super) fn parse(text: &str) -> Result<Parsed, Error> {
    if text.len() > MAX_BYTES {
        return Err(fault(FormulaProblem::TooLong { bytes: text.len(), limit: MAX_BYTES }, 0, text.chars().count()));
    }
    let tokens = tokens(text)?;
    let mut tildes = tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Tilde);
    let (target, first) = match tildes.next() {
        None => (None, 0),
        Some((at, _)) => (Some(target(text, &tokens[..at], tokens[at])?), at + 1),
    };
    if let Some((_, second)) = tildes.next() {
        return Err(fault(FormulaProblem::SecondTilde, second.start, second.end));
    }
    let mut parser =
        Parser { text, tokens: &tokens[first..], at: 0, depth: 0, names: BTreeMap::new(), tree: Tree::default() };
    parser.expression(SUM)?;
    parser.expect_end()?;
    Ok(Parsed { target, tree: parser.tree })
}

/// `column` or `function(column)`.
fn target(text: &str, left: &[Token], tilde: Token) -> Result<Target, Error> {
    let word = |t: &Token| &text[t.start..t.end];
    let span = |problem| match (left.first(), left.last()) {
        (Some(a), Some(b)) => fault(problem, a.start, b.end),
        _ => fault(problem, tilde.start, tilde.end),
    };
    let is_column = |t: &Token| Function::named(word(t)).is_none() && word(t) != "pi";
    let kinds: Vec<Kind> = left.iter().take(5).map(|t| t.kind).collect();
    match kinds[..] {
        [Kind::Name] if is_column(&left[0]) => {
            Ok(Target { column: word(&left[0]).into(), transform: Transform::Identity })
        }
        [Kind::Name] if word(&left[0]) != "pi" => {
            Err(span(FormulaProblem::FunctionAsName { name: word(&left[0]).into() }))
        }
        [Kind::Name, Kind::Open, Kind::Name, Kind::Close] if is_column(&left[2]) => {
            match Transform::named(word(&left[0])) {
                Some(transform) => Ok(Target { column: word(&left[2]).into(), transform }),
                None => Err(span(FormulaProblem::TransformNotInvertible {
                    name: shorten(word(&left[0])),
                    legal: LEGAL_TRANSFORMS,
                })),
            }
        }
        _ => Err(span(FormulaProblem::TargetForm { legal: LEGAL_TRANSFORMS })),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    names: BTreeMap<&'a str, u32>,
    tree: Tree,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token {
        // The last token is `End` and is never passed.
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn word(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    fn advance(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn start_of(&self, node: At) -> usize {
        self.tree.spans[node as usize].0 as usize
    }

    fn push(&mut self, node: Node, start: usize, end: usize) -> Result<At, Error> {
        if self.tree.nodes.len() >= MAX_NODES {
            return Err(fault(FormulaProblem::TooManyNodes { limit: MAX_NODES }, start, end));
        }
        self.tree.nodes.push(node);
        self.tree.spans.push((start as u32, end as u32));
        Ok(self.tree.nodes.len() as At - 1)
    }

    fn previous_end(&self) -> usize {
        self.tokens[self.at - 1].end
    }

    fn enter(&mut self, token: Token) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(FormulaProblem::TooDeep { limit: MAX_DEPTH }, token.start, token.end));
        }
        Ok(())
    }

    /// Operators that bind at least as `least`.
    fn expression(&mut self, least: u8) -> Result<At, Error> {
        let mut left = self.operand()?;
        loop {
            let operator = self.peek();
            let strength = match operator.kind {
                Kind::Plus | Kind::Minus => SUM,
                Kind::Star | Kind::Slash => PRODUCT,
                Kind::Power => POWER,
                _ => return Ok(left),
            };
            if strength < least {
                return Ok(left);
            }
            self.advance();
            let right = if strength == POWER {
                self.enter(operator)?;
                let right = self.expression(SIGN)?;
                self.depth -= 1;
                right
            } else {
                self.expression(strength + 1)?
            };
            let node = match operator.kind {
                Kind::Plus => Node::Add(left, right),
                Kind::Minus => Node::Sub(left, right),
                Kind::Star => Node::Mul(left, right),
                Kind::Slash => Node::Div(left, right),
                _ => Node::Pow(left, right),
            };
            left = self.push(node, self.start_of(left), self.previous_end())?;
        }
    }

    fn operand(&mut self) -> Result<At, Error> {
        let token = self.advance();
        match token.kind {
            Kind::Number(x) => self.push(Node::Number(x), token.start, token.end),
            Kind::Name if self.peek().kind == Kind::Open => self.call(token),
            Kind::Name => self.name(token),
            Kind::Plus | Kind::Minus => {
                self.enter(token)?;
                let inner = self.expression(SIGN)?;
                self.depth -= 1;
                match token.kind {
                    Kind::Plus => Ok(inner),
                    _ => self.push(Node::Neg(inner), token.start, self.previous_end()),
                }
            }
            Kind::Open => {
                self.enter(token)?;
                let inner = self.expression(SUM)?;
                self.depth -= 1;
                self.close(token)?;
                self.tree.spans[inner as usize] = (token.start as u32, self.previous_end() as u32);
                Ok(inner)
            }
            Kind::End => Err(fault(FormulaProblem::MissingOperand { before: None }, token.start, token.end)),
            _ => Err(fault(
                FormulaProblem::MissingOperand { before: Some(self.word(token).into()) },
                token.start,
                token.end,
            )),
        }
    }

    fn name(&mut self, token: Token) -> Result<At, Error> {
        let word = self.word(token);
        if word == "pi" {
            return self.push(Node::Pi, token.start, token.end);
        }
        if Function::named(word).is_some() {
            return Err(fault(FormulaProblem::FunctionAsName { name: word.into() }, token.start, token.end));
        }
        let next = self.tree.names.len() as u32;
        let index = *self.names.entry(word).or_insert(next);
        if index == next {
            self.tree.names.push(word.into());
        }
        self.push(Node::Name(index), token.start, token.end)
    }

    fn call(&mut self, name: Token) -> Result<At, Error> {
        let word = self.word(name);
        let Some(function) = Function::named(word) else {
            let problem = FormulaProblem::UnknownFunction { name: shorten(word), nearest: nearest(word) };
            return Err(fault(problem, name.start, name.end));
        };
        let open = self.advance();
        self.enter(open)?;
        let mut comparison = None;
        let mut first = [0; 4];
        let mut count = 0;
        let mut arguments = 0;
        if self.peek().kind != Kind::Close {
            loop {
                let value = self.expression(SUM)?;
                if count < 4 {
                    first[count] = value;
                }
                count += 1;
                let next = self.peek();
                match next.kind {
                    Kind::Compare(c) if function == Function::Where && count == 1 => {
                        comparison = Some(c);
                        self.advance();
                    }
                    Kind::Compare(_) if comparison.is_some() && count == 2 => {
                        return Err(fault(FormulaProblem::ChainedComparison, next.start, next.end));
                    }
                    Kind::Comma => {
                        if function == Function::Where && comparison.is_none() {
                            let (start, end) = self.tree.spans[value as usize];
                            return Err(fault(FormulaProblem::MissingComparison, start as usize, end as usize));
                        }
                        arguments += 1;
                        self.advance();
                    }
                    _ => {
                        arguments += 1;
                        break;
                    }
                }
            }
        }
        self.depth -= 1;
        self.close(open)?;
        let end = self.previous_end();
        if arguments != function.arguments() {
            let problem =
                FormulaProblem::ArgumentCount { name: word.into(), expected: function.arguments(), got: arguments };
            return Err(fault(problem, name.start, end));
        }
        let node = match (function, comparison) {
            (Function::Where, None) => {
                return Err(fault(FormulaProblem::MissingComparison, name.start, end));
            }
            (Function::Where, Some(c)) => Node::Where(c, first),
            (Function::Two(_), _) => Node::Call2(function, first[0], first[1]),
            _ => Node::Call(function, first[0]),
        };
        self.push(node, name.start, end)
    }

    fn close(&mut self, open: Token) -> Result<(), Error> {
        let token = self.peek();
        match token.kind {
            Kind::Close => {
                self.advance();
                Ok(())
            }
            Kind::End => Err(fault(FormulaProblem::NotClosed, open.start, open.end)),
            _ => Err(self.misplaced(token)),
        }
    }

    fn expect_end(&self) -> Result<(), Error> {
        let token = self.peek();
        match token.kind {
            Kind::End => Ok(()),
            _ => Err(self.misplaced(token)),
        }
    }

    /// What is wrong with a token that stands after a complete operand.
    fn misplaced(&self, token: Token) -> Error {
        let problem = match token.kind {
            Kind::Close => FormulaProblem::NotOpened,
            Kind::Comma => FormulaProblem::StrayComma,
            Kind::Compare(c) => FormulaProblem::ComparisonOutsideWhere { operator: c.symbol() },
            _ => FormulaProblem::MissingOperator { before: shorten(self.word(token)) },
        };
        fault(problem, token.start, token.end)
    }
}

/// The function whose name is the fewest edits from `name`, at most a third of its letters and one.
fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > SHOWN {
        return None;
    }
    let usual = match name {
        "power" | "pow" => return None,
        "atan" => "arctan",
        "gammaln" | "loggamma" | "lngamma" => "lgamma",
        "logistic" | "expit" => "sigmoid",
        "maximum" => "max",
        "minimum" => "min",
        "ifelse" => "where",
        "fabs" => "abs",
        _ => "",
    };
    if !usual.is_empty() {
        return Some(usual);
    }
    let lower = name.to_ascii_lowercase();
    FUNCTIONS
        .iter()
        .map(|&(known, _)| (edits(lower.as_bytes(), known.as_bytes()), known))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, known)| distance <= known.len() / 3 + 1 && distance < known.len())
        .map(|(_, known)| known)
}

/// Levenshtein's distance.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
