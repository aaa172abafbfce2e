//! The tree of a formula as written, and its canonical text.

use crate::tape::{Binary, Unary};

/// Most numbers, names and operations of a formula.
pub(super) const MAX_NODES: usize = 10_000;

/// How two numbers are compared inside `where`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterEqual => ">=",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
        }
    }
}

/// What the grammar calls by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    One(Unary),
    /// A logarithm to another base.
    Log10,
    Log2,
    Two(Binary),
    Where,
}

/// Every function by name, the first spelling of each being the canonical one.
pub(super) const FUNCTIONS: [(&str, Function); 22] = [
    ("exp", Function::One(Unary::Exp)),
    ("log", Function::One(Unary::Ln)),
    ("ln", Function::One(Unary::Ln)),
    ("log10", Function::Log10),
    ("log2", Function::Log2),
    ("log1p", Function::One(Unary::Log1p)),
    ("expm1", Function::One(Unary::Expm1)),
    ("sqrt", Function::One(Unary::Sqrt)),
    ("abs", Function::One(Unary::Abs)),
    ("tanh", Function::One(Unary::Tanh)),
    ("sigmoid", Function::One(Unary::Sigmoid)),
    ("softplus", Function::One(Unary::Softplus)),
    ("logaddexp", Function::Two(Binary::LogAddExp)),
    ("m4", Function::Two(Binary::M4)),
    ("lgamma", Function::One(Unary::Lgamma)),
    ("sin", Function::One(Unary::Sin)),
    ("cos", Function::One(Unary::Cos)),
    ("arctan", Function::One(Unary::Arctan)),
    ("erf", Function::One(Unary::Erf)),
    ("min", Function::Two(Binary::Min)),
    ("max", Function::Two(Binary::Max)),
    ("where", Function::Where),
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Function> {
        FUNCTIONS.iter().find(|(n, _)| *n == name).map(|&(_, f)| f)
    }

    fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, f)| *f == self).map_or("", |&(n, _)| n)
    }

    pub(super) fn arguments(self) -> usize {
        match self {
            Function::One(_) | Function::Log10 | Function::Log2 => 1,
            Function::Two(_) => 2,
            Function::Where => 3,
        }
    }
}

/// Index of a node; children stand before their parents.
pub(super) type At = u32;

/// One number, name or operation as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Pi,
    /// Index into the names of the tree.
    Name(u32),
    Neg(At),
    Add(At, At),
    Sub(At, At),
    Mul(At, At),
    Div(At, At),
    Pow(At, At),
    Call(Function, At),
    Call2(Function, At, At),
    Where(Comparison, [At; 4]),
}

impl Node {
    /// Children from left to right.
    pub(super) fn children(&self) -> ([At; 4], usize) {
        match *self {
            Node::Number(_) | Node::Pi | Node::Name(_) => ([0; 4], 0),
            Node::Neg(a) | Node::Call(_, a) => ([a, 0, 0, 0], 1),
            Node::Add(a, b)
            | Node::Sub(a, b)
            | Node::Mul(a, b)
            | Node::Div(a, b)
            | Node::Pow(a, b)
            | Node::Call2(_, a, b) => ([a, b, 0, 0], 2),
            Node::Where(_, all) => (all, 4),
        }
    }
}

/// A formula as written: the root is the last node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Character span of each node.
    pub(super) spans: Vec<(u32, u32)>,
    /// Distinct names in order of first appearance.
    pub(super) names: Vec<String>,
}

const SUM: u8 = 1;
const PRODUCT: u8 = 2;
const SIGN: u8 = 3;
const POWER: u8 = 4;
const ATOM: u8 = 5;

impl Tree {
    /// The canonical text of the tree: parses to an equal tree.
    pub(super) fn text(&self) -> String {
        let texts = self.texts();
        texts.into_iter().next_back().map_or_else(String::new, |(text, _)| text)
    }

    /// Text and binding strength of every node whose parent has not taken it yet. Each text moves into its parent's, so
    /// that long sums cost no more than their length.
    fn texts(&self) -> Vec<(String, u8)> {
        let mut done: Vec<(String, u8)> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let mut take = |at: At, least: u8| {
                let (text, strength) = std::mem::take(&mut done[at as usize]);
                if strength < least { format!("({text})") } else { text }
            };
            let made = match *node {
                Node::Number(x) => (format!("{x:?}"), ATOM),
                Node::Pi => ("pi".into(), ATOM),
                Node::Name(n) => (self.names[n as usize].clone(), ATOM),
                Node::Neg(a) => (format!("-{}", take(a, SIGN)), SIGN),
                Node::Add(a, b) => (join(take(a, SUM), " + ", &take(b, PRODUCT)), SUM),
                Node::Sub(a, b) => (join(take(a, SUM), " - ", &take(b, PRODUCT)), SUM),
                Node::Mul(a, b) => (join(take(a, PRODUCT), "*", &take(b, SIGN)), PRODUCT),
                Node::Div(a, b) => (join(take(a, PRODUCT), "/", &take(b, SIGN)), PRODUCT),
                Node::Pow(a, b) => (join(take(a, ATOM), "**", &take(b, SIGN)), POWER),
                Node::Call(f, a) => (format!("{}({})", f.name(), take(a, 0)), ATOM),
                Node::Call2(f, a, b) => (format!("{}({}, {})", f.name(), take(a, 0), take(b, 0)), ATOM),
                Node::Where(c, [l, r, a, b]) => {
                    let condition = format!("{} {} {}", take(l, SUM), c.symbol(), take(r, SUM));
                    (format!("where({condition}, {}, {})", take(a, 0), take(b, 0)), ATOM)
                }
            };
            done.push(made);
        }
        done
    }
}

fn join(mut left: String, operator: &str, right: &str) -> String {
    left.push_str(operator);
    left.push_str(right);
    left
}
