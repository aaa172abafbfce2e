//! Parameters that lie among the values of a column: where to look for them is known from the data.

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
}
