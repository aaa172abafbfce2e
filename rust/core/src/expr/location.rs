//! Parameters that lie among the values of a column: where to look for them is known from the data.
//!
//! A transition (the middle of a sigmoid, a break, a pole) is where such a parameter, or the root of a line, meets a row.

use super::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// A parameter that lies among the values of a column, as x0 in x - x0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Index of the parameter.
    pub param: usize,
    /// Index of the column.
    pub column: usize,
    /// Whether it lies among the logarithms of the values.
    pub logarithm: bool,
    /// Whether it is its own logarithm that does, as d in log(x) - log(d).
    pub positive: bool,
}

/// Differences of a column, or its logarithm, and a parameter that the value of `root` needs.
pub(super) fn locations(graph: &Graph, root: Id) -> Vec<Location> {
    let live = graph.reachable(&[root]);
    let mut found = Vec::new();
    for (op, _) in graph.ops.iter().zip(&live).filter(|(_, l)| **l) {
        let Op::Two(Binary::Sub, a, b) = *op else {
            continue;
        };
        for (place, param) in [(a, b), (b, a)] {
            let (logarithm, inner) = match graph.op(place) {
                Op::One(Unary::Ln, inner) => (true, inner),
                _ => (false, place),
            };
            let (positive, param) = match graph.op(param) {
                Op::One(Unary::Ln, inner) if logarithm => (true, inner),
                _ => (false, param),
            };
            if let (Op::Column(column), Op::Param(param)) = (graph.op(inner), graph.op(param)) {
                found.push(Location { param: param as usize, column: column as usize, logarithm, positive });
            }
        }
    }
    found
}

/// A line along a column, or along its logarithm, that crosses zero somewhere: a place among the values in its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Index of the parameter that the place fixes.
    pub param: usize,
    /// Index of the column.
    pub column: usize,
    /// Whether the line is one along the logarithm of the column.
    pub logarithm: bool,
    /// How the parameter follows from the place.
    pub root: Root,
}

/// How a parameter follows from the place v at which a line crosses zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Root {
    /// It is this times v: c in x + c.
    Times(f64),
    /// It is this over v: K in 1 + K*x.
    Over(f64),
    /// It is this times v times another parameter: c in k*x + c.
    TimesSlope(f64, usize),
}

/// Lines along a column, or its logarithm, that the value of `root` needs.
pub(super) fn crossings(graph: &Graph, root: Id) -> Vec<Crossing> {
    let live = graph.reachable(&[root]);
    let column = |id: Id| {
        let (logarithm, id) = match graph.op(id) {
            Op::One(Unary::Ln, inner) => (true, inner),
            _ => (false, id),
        };
        match graph.op(id) {
            Op::Column(column) => Some((column as usize, logarithm)),
            _ => None,
        }
    };
    let param = |id: Id| if let Op::Param(param) = graph.op(id) { Some(param as usize) } else { None };
    let number = |id: Id| if let Op::Constant(bits) = graph.op(id) { Some(f64::from_bits(bits)) } else { None };
    let mut found = Vec::new();
    for (op, _) in graph.ops.iter().zip(&live).filter(|(_, l)| **l) {
        // The line is zero where one side is `sign` times the other.
        let (sign, a, b) = match *op {
            Op::Two(Binary::Add, a, b) => (-1.0, a, b),
            Op::Two(Binary::Sub, a, b) => (1.0, a, b),
            _ => continue,
        };
        for (part, rest) in [(a, b), (b, a)] {
            let mut add = |param, (column, logarithm), root| found.push(Crossing { param, column, logarithm, root });
            if let (Some(at), Some(param)) = (column(part), param(rest)) {
                // One that is subtracted is a location.
                if sign < 0.0 {
                    add(param, at, Root::Times(sign));
                }
                continue;
            }
            let Op::Two(Binary::Mul, left, right) = graph.op(part) else { continue };
            for (slope, x) in [(left, right), (right, left)] {
                let (Some(slope), Some(at)) = (param(slope), column(x)) else { continue };
                if let Some(intercept) = param(rest) {
                    add(intercept, at, Root::TimesSlope(sign, slope));
                } else if let Some(intercept) = number(rest) {
                    add(slope, at, Root::Over(sign * intercept));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Root;
    use crate::expr::Program;

    #[test]
    fn a_parameter_beside_a_column_lies_among_its_values() {
        let found = |formula: &str| {
            let program = Program::compile(formula, &["x".into(), "t".into()]).unwrap();
            program.locations().iter().map(|&l| (program.params()[l.param].clone(), l.column, l.logarithm)).collect()
        };
        let names = |all: &[(&str, usize, bool)]| -> Vec<(String, usize, bool)> {
            all.iter().map(|&(n, c, l)| (n.into(), c, l)).collect()
        };
        let logistic: Vec<_> = found("b + a/(1 + exp(-k*(x - x0)))");
        assert_eq!(logistic, names(&[("x0", 0, false)]));
        assert_eq!(found("a*max(log(x) - d, 0) + abs(c - t)"), names(&[("d", 0, true), ("c", 1, false)]));
        assert_eq!(found("A*x**(-alpha) - E"), names(&[]));
    }

    #[test]
    fn a_line_along_a_column_crosses_zero_among_its_values() {
        let found = |formula: &str| -> Vec<(String, usize, bool, Root)> {
            let program = Program::compile(formula, &["x".into(), "t".into()]).unwrap();
            let crossings = program.crossings().iter();
            crossings.map(|c| (program.params()[c.param].clone(), c.column, c.logarithm, c.root)).collect()
        };
        let one = |name: &str, column, logarithm, root| vec![(name.to_owned(), column, logarithm, root)];
        assert_eq!(found("1/(1 + exp(k*x + c))"), one("c", 0, false, Root::TimesSlope(-1.0, 0)));
        assert_eq!(found("tanh(s*log(t) + m)"), one("m", 0, true, Root::TimesSlope(-1.0, 0)));
        assert_eq!(found("1/(K + x)"), one("K", 0, false, Root::Times(-1.0)));
        assert_eq!(found("x/(K*x + 2)"), one("K", 0, false, Root::Over(-2.0)));
        assert_eq!(found("exp(-k*x)"), []);
    }
}
