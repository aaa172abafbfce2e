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

/// Where a line along a column crosses zero, as x = -c/k in k*x + c: a place among its values in two parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Index of the parameter that is added, c.
    pub intercept: usize,
    /// Index of the parameter that multiplies the column, k.
    pub slope: usize,
    /// Index of the column.
    pub column: usize,
    /// Whether it is the logarithm of the column that is multiplied.
    pub logarithm: bool,
    /// What c is at the place x, divided by k*x: -1 where the two are added, 1 where one is subtracted.
    pub sign: f64,
}

/// Lines along a column, or its logarithm, that the value of `root` needs.
pub(super) fn crossings(graph: &Graph, root: Id) -> Vec<Crossing> {
    let live = graph.reachable(&[root]);
    let mut found = Vec::new();
    for (op, _) in graph.ops.iter().zip(&live).filter(|(_, l)| **l) {
        let (sign, a, b) = match *op {
            Op::Two(Binary::Add, a, b) => (-1.0, a, b),
            Op::Two(Binary::Sub, a, b) => (1.0, a, b),
            _ => continue,
        };
        for (product, intercept) in [(a, b), (b, a)] {
            let (Op::Two(Binary::Mul, left, right), Op::Param(intercept)) = (graph.op(product), graph.op(intercept))
            else {
                continue;
            };
            for (slope, column) in [(left, right), (right, left)] {
                let (logarithm, column) = match graph.op(column) {
                    Op::One(Unary::Ln, inner) => (true, inner),
                    _ => (false, column),
                };
                if let (Op::Param(slope), Op::Column(column)) = (graph.op(slope), graph.op(column)) {
                    let (intercept, slope, column) = (intercept as usize, slope as usize, column as usize);
                    found.push(Crossing { intercept, slope, column, logarithm, sign });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
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
        let found = |formula: &str| -> Vec<(String, String, usize, bool, f64)> {
            let program = Program::compile(formula, &["x".into(), "t".into()]).unwrap();
            let name = |j: usize| program.params()[j].clone();
            let crossings = program.crossings().iter();
            crossings.map(|c| (name(c.intercept), name(c.slope), c.column, c.logarithm, c.sign)).collect()
        };
        assert_eq!(found("1/(1 + exp(k*x + c))"), [("c".into(), "k".into(), 0, false, -1.0)]);
        assert_eq!(found("tanh(m - log(t)*s)"), [("m".into(), "s".into(), 1, true, 1.0)]);
        assert_eq!(found("exp(-k*x)"), []);
    }
}
