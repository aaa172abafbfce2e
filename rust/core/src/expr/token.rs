//! Text to tokens: ASCII names, numbers, operators; everything else is refused with a hint.

use super::tree::Comparison;
use crate::error::{Error, FormulaProblem};

/// One word of a formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Name,
    Plus,
    Minus,
    Star,
    Slash,
    Power,
    Open,
    Close,
    Comma,
    Tilde,
    Compare(Comparison),
    End,
}

/// A word and where it stands. All text before and in it is ASCII, so bytes are characters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A name of 64 KiB would be legal; nothing above this is ever shown or compared.
pub(super) const SHOWN: usize = 40;

/// Words of Python that a formula could be mistaken to contain.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// An error about characters `start..end`.
pub(super) fn fault(problem: FormulaProblem, start: usize, end: usize) -> Error {
    Error::Formula { problem, start, end }
}

/// Text fit to be quoted.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.into(),
    }
}

/// The words of `text`, ended by `Kind::End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len() / 2 + 1);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let (kind, end) = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'0'..=b'9' => number(text, at)?,
            b'.' if next.is_some_and(|b| b.is_ascii_digit()) => number(text, at)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => name(text, at)?,
            b'*' if next == Some(b'*') => (Kind::Power, at + 2),
            b'<' if next == Some(b'=') => (Kind::Compare(Comparison::LessEqual), at + 2),
            b'>' if next == Some(b'=') => (Kind::Compare(Comparison::GreaterEqual), at + 2),
            b'=' if next == Some(b'=') => (Kind::Compare(Comparison::Equal), at + 2),
            b'!' if next == Some(b'=') => (Kind::Compare(Comparison::NotEqual), at + 2),
            b'<' if next != Some(b'<') => (Kind::Compare(Comparison::Less), at + 1),
            b'>' if next != Some(b'>') => (Kind::Compare(Comparison::Greater), at + 1),
            b'/' if next != Some(b'/') => (Kind::Slash, at + 1),
            b'^' => (Kind::Power, at + 1),
            b'*' => (Kind::Star, at + 1),
            b'+' => (Kind::Plus, at + 1),
            b'-' => (Kind::Minus, at + 1),
            b'(' => (Kind::Open, at + 1),
            b')' => (Kind::Close, at + 1),
            b',' => (Kind::Comma, at + 1),
            b'~' => (Kind::Tilde, at + 1),
            _ => return Err(unexpected(text, at)),
        };
        found.push(Token { kind, start: at, end });
        at = end;
    }
    if found.is_empty() {
        return Err(fault(FormulaProblem::Empty, 0, at));
    }
    found.push(Token { kind: Kind::End, start: at, end: at });
    Ok(found)
}

fn unexpected(text: &str, at: usize) -> Error {
    let character = text[at..].chars().next().unwrap_or('\0');
    let hint = match character {
        '\u{2212}' | '\u{2013}' | '\u{2014}' | '\u{2010}' | '\u{2011}' | '\u{fe63}' | '\u{ff0d}' => {
            Some("write the minus sign as `-`")
        }
        '\u{d7}' | '\u{b7}' | '\u{22c5}' | '\u{2217}' | '\u{2219}' => Some("write products with `*`"),
        '\u{f7}' | '\u{2044}' | '\u{2215}' => Some("write quotients with `/`"),
        '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}'..='\u{207f}' => Some("write powers with `**`"),
        '`' => Some("names stand without quotes; give awkward column names a short one with `columns=`"),
        '"' | '\'' => Some("a formula has no strings; names stand without quotes"),
        '.' => Some("a formula has no attributes; a number needs a digit after or before its point"),
        '[' | ']' => Some("a formula has no indexing; every column has its own name"),
        '{' | '}' => Some("group with parentheses"),
        '=' => Some("equality is `==`, and the target is named with `~`"),
        '/' => Some("there is no integer division `//`"),
        '<' | '>' => Some("there are no shifts"),
        '%' => Some("there is no remainder"),
        '&' | '|' | '!' => Some("conditions cannot be combined; nest two `where` instead"),
        '#' => Some("a formula has no comments"),
        ';' | ':' => Some("a formula is one expression"),
        '\u{a0}' | '\u{200b}' | '\u{feff}' | '\u{3000}' => Some("an invisible character; use plain spaces"),
        c if c.is_alphabetic() => {
            Some("names are ASCII: write `alpha`; awkward column names come in through `columns=`")
        }
        _ => None,
    };
    fault(FormulaProblem::UnexpectedCharacter { character, hint }, at, at + 1)
}

fn name(text: &str, start: usize) -> Result<(Kind, usize), Error> {
    let end = start + run(&text.as_bytes()[start..], |b| b.is_ascii_alphanumeric() || b == b'_');
    if end - start <= SHOWN && KEYWORDS.contains(&&text[start..end]) {
        return Err(fault(FormulaProblem::Keyword { name: text[start..end].into() }, start, end));
    }
    // Whoever writes them means the value, not a parameter of that name.
    if matches!(text[start..end].to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan") {
        let value = if text[start..end].eq_ignore_ascii_case("nan") { f64::NAN } else { f64::INFINITY };
        return Err(fault(FormulaProblem::NotFinite { text: text[start..end].into(), value }, start, end));
    }
    Ok((Kind::Name, end))
}

fn run(bytes: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&b| !accept(b)).unwrap_or(bytes.len())
}

fn number(text: &str, start: usize) -> Result<(Kind, usize), Error> {
    let bytes = text.as_bytes();
    let digits = |at: usize| run(&bytes[at..], |b| b.is_ascii_digit());
    let mut end = start + digits(start);
    if bytes.get(end) == Some(&b'.') {
        end += 1;
        end += digits(end);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let whole = end + run(&bytes[end..], |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    let malformed = |hint| {
        let text = shorten(&text[start..whole]);
        fault(FormulaProblem::MalformedNumber { text, hint }, start, whole)
    };
    if whole > end {
        let radix =
            end == start + 1 && bytes[start] == b'0' && matches!(bytes[end], b'x' | b'X' | b'b' | b'B' | b'o' | b'O');
        return Err(malformed(match bytes[end] {
            _ if radix => Some("only decimal numbers are read"),
            b'.' => Some("one decimal point is enough"),
            b'e' | b'E' => Some("an exponent needs digits, as in 1e-3"),
            b'_' => Some("digits are not grouped"),
            _ => Some("write products with `*`"),
        }));
    }
    let value: f64 = text[start..end].parse().map_err(|_| malformed(None))?;
    if value.is_finite() {
        Ok((Kind::Number(value), end))
    } else {
        Err(fault(FormulaProblem::NotFinite { text: shorten(&text[start..end]), value }, start, end))
    }
}
