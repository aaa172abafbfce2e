//! Laws of one column that have a search of their own, recognised by how they are written. Sums of powers, `double_power` among them,
//! are recognised however they are written, in [`power_sum`](super::power_sum).

use std::sync::OnceLock;

use super::boundary::{known, relax};
use super::domain::domain;
use super::graph::{Graph, Id, Op};
use super::lower::{Meaning, lower};
use super::parse::parse;

/// A law of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// E, B, c0, c1, f, d: a power with a smooth break over a floor (`bnsl`).
    SmoothBreak,
    /// a, c0, c1, d, E: a power with a corner over a floor (`hinge_power`).
    Corner,
    /// E, A, tau, kappa: a stretched exponential over a floor (`stretched_exp`).
    Stretched,
    /// E, H, A, alpha, k: a power between a floor and a ceiling (`m4`).
    Saturating,
}

/// The law with the places of its parameters, in the order of [`Form`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Which law.
    pub form: Form,
    /// Index of each parameter.
    pub params: Vec<usize>,
}

/// How each law is written, and its parameters in the order of [`Form`]. Another spelling goes into a line of its own.
const SPELLINGS: [(Form, &[&str], &str); 5] = [
    (
        Form::SmoothBreak,
        &["E", "B", "c0", "c1", "f", "d"],
        "E + B*exp(-c0*log(x) - c1*f*softplus((log(x) - log(d))/f))",
    ),
    (Form::SmoothBreak, &["E", "B", "c0", "c1", "f", "d"], "E + B*x**(-c0)*(1 + (x/d)**(1/f))**(-c1*f)"),
    (Form::Corner, &["a", "c0", "c1", "d", "E"], "exp(a - c0*log(x) - c1*max(log(x) - d, 0)) + E"),
    (Form::Stretched, &["E", "A", "tau", "kappa"], "E + A*exp(-(x/tau)**kappa)"),
    (Form::Saturating, &["E", "H", "A", "alpha", "k"], "E + (H - E)*m4(log(A) - alpha*log(x) - (1 - k)*log(H - E), k)"),
];

/// A spelling as a graph.
#[derive(Debug)]
struct Pattern {
    form: Form,
    graph: Graph,
    root: Id,
    /// The parameter of the graph that each one of the form is.
    order: Vec<usize>,
}

impl Pattern {
    fn new(form: Form, names: &[&str], text: &str) -> Option<Self> {
        let parsed = parse(text).ok()?;
        let mut params = Vec::new();
        let meanings: Vec<Meaning> = parsed
            .tree
            .names
            .iter()
            .map(|name| {
                if name == "x" {
                    return Meaning::Column(0);
                }
                params.push(name.as_str());
                Meaning::Param(params.len() as u32 - 1)
            })
            .collect();
        let (mut requirements, positive) = domain(&parsed, &meanings, text);
        relax(&parsed, &meanings, &mut requirements, &positive);
        let known = known(&requirements, &positive, 1, params.len());
        let mut graph = Graph::default();
        let root = lower(&parsed, &meanings, &known, &mut graph);
        let order = names.iter().map(|name| params.iter().position(|param| param == name)).collect::<Option<_>>()?;
        Some(Self { form, graph, root, order })
    }

    /// Whether `root` of `graph` is this law.
    fn matches(&self, graph: &Graph, root: Id, params: usize) -> Option<Recognised> {
        let mut found = Places { pattern: &self.graph, graph, params: vec![None; self.order.len()] };
        if params != self.order.len() || !found.match_nodes(self.root, root) {
            return None;
        }
        let params = self.order.iter().map(|&own| found.params[own].map(|p| p as usize)).collect::<Option<_>>()?;
        Some(Recognised { form: self.form, params })
    }
}

/// The parameters of a graph that those of a pattern were found to be.
struct Places<'a> {
    pattern: &'a Graph,
    graph: &'a Graph,
    params: Vec<Option<u32>>,
}

impl Places<'_> {
    fn match_nodes(&mut self, own: Id, other: Id) -> bool {
        match (self.pattern.op(own), self.graph.op(other)) {
            (Op::Constant(own), Op::Constant(other)) => own == other,
            (Op::Column(own), Op::Column(other)) => own == other,
            (Op::Param(own), Op::Param(other)) => match self.params[own as usize] {
                Some(known) => known == other,
                None if self.params.contains(&Some(other)) => false,
                None => {
                    self.params[own as usize] = Some(other);
                    true
                }
            },
            (Op::One(own, a), Op::One(other, b)) => own == other && self.match_nodes(a, b),
            (Op::Two(own, a, b), Op::Two(other, c, d)) if own == other => {
                let before = self.params.clone();
                if self.match_nodes(a, c) && self.match_nodes(b, d) {
                    return true;
                }
                self.params = before;
                own.commutes() && self.match_nodes(a, d) && self.match_nodes(b, c)
            }
            _ => false,
        }
    }
}

/// The law that `root` is, of `params` parameters.
pub(super) fn recognise(graph: &Graph, root: Id, params: usize) -> Option<Recognised> {
    static PATTERNS: OnceLock<Vec<Pattern>> = OnceLock::new();
    let patterns = PATTERNS
        .get_or_init(|| SPELLINGS.iter().filter_map(|(form, names, text)| Pattern::new(*form, names, text)).collect());
    patterns.iter().find_map(|pattern| pattern.matches(graph, root, params))
}

#[cfg(test)]
mod tests {
    use super::{Form, SPELLINGS};
    use crate::expr::Program;

    fn recognised(text: &str) -> Option<(Form, Vec<String>)> {
        let program = Program::compile(text, &["x".into()]).unwrap();
        let names = program.params().to_vec();
        program.form().map(|found| (found.form, found.params.iter().map(|&p| names[p].clone()).collect()))
    }

    #[test]
    fn every_spelling_is_its_law() {
        for (form, names, text) in SPELLINGS {
            let (found, params) = recognised(text).unwrap();
            assert_eq!((found, params), (form, names.iter().map(ToString::to_string).collect()), "{text}");
        }
    }

    #[test]
    fn names_and_order_do_not_matter() {
        let (form, params) = recognised("low + exp(-(x/t)**p)*high").unwrap();
        assert_eq!(form, Form::Stretched);
        assert_eq!(params, ["low", "high", "t", "p"]);
    }

    #[test]
    fn other_laws_are_not_taken_for_one() {
        for text in [
            "E + A*exp(-(x/tau)**2)",
            "E + E*exp(-(x/tau)**kappa)",
            "E + A*exp(-(x/A)**kappa)",
            "E - A*exp(-(x/tau)**kappa)",
            "E + A*x**-a",
            "exp(a - c0*log(x) - c1*max(log(x) - d, 1)) + E",
        ] {
            assert_eq!(recognised(text), None, "{text}");
        }
    }
}
