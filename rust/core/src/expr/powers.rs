//! Which columns a formula raises to a power, and the parameters of those powers.

use super::units::Shift;
use super::{Program, ShiftKind};

/// A column that enters as a power, and the parameters that only it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// Index of the column.
    pub column: usize,
    /// The scales that take up a change of its unit, such as A in A/N**alpha. Ascending.
    pub scales: Vec<usize>,
    /// Its exponents, such as alpha. Ascending.
    pub exponents: Vec<usize>,
}

impl Program {
    /// The columns that enter as a power, in the order of the columns.
    ///
    /// A power turns a change of its column's unit into a factor, whose exponent is a parameter (A/N**alpha), or into a
    /// factor inside the base (`(Nc/N)**alpha`). The logarithm of a power turns it into a summand (a - alpha*log(N)).
    pub fn powers(&self) -> Vec<Power> {
        (0..self.columns().len()).filter_map(|column| self.power(column)).collect()
    }

    fn power(&self, column: usize) -> Option<Power> {
        let shifts = &self.unit_change(Some(column))?.shifts;
        let mut exponents: Vec<usize> = shifts.iter().flat_map(|shift| self.exponents(shift)).collect();
        exponents.sort_unstable();
        exponents.dedup();
        let in_base = |s: &Shift| s.kind == ShiftKind::Multiplicative && self.positive().contains(&s.param);
        let is_power = !exponents.is_empty() || shifts.iter().any(|shift| in_base(shift));
        is_power.then(|| Power { column, scales: shifts.iter().map(|shift| shift.param).collect(), exponents })
    }

    /// The parameters on which the exponent of a shift depends.
    pub(crate) fn exponents(&self, shift: &Shift) -> Vec<usize> {
        let p = self.params().len();
        let mut depends = vec![false; p];
        // Two unrelated points: a gradient entry that vanishes at both is structurally zero for the shapes that occur.
        for seed in [0.7_f64, 1.3] {
            let point: Vec<f64> = (0..p).map(|k| seed + 0.1 * k as f64).collect();
            let mut gradient = vec![0.0; p];
            shift.exponent(&point, &mut gradient);
            depends.iter_mut().zip(&gradient).for_each(|(d, g)| *d |= *g != 0.0);
        }
        (0..p).filter(|&j| depends[j]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(formula: &str, columns: &[&str]) -> Vec<(String, Vec<String>, Vec<String>)> {
        let columns: Vec<String> = columns.iter().map(|c| (*c).into()).collect();
        let program = Program::compile(formula, &columns).expect("a formula");
        let named = |of: &[usize]| of.iter().map(|&j| program.params()[j].clone()).collect::<Vec<_>>();
        let read =
            |power: &Power| (program.columns()[power.column].clone(), named(&power.scales), named(&power.exponents));
        program.powers().iter().map(read).collect()
    }

    #[test]
    fn each_way_of_writing_a_power_is_one() {
        let expected = |p: &str, a: &str| (p.to_string(), vec![a.to_string()]);
        for formula in [
            "E + A/p**x + B/t**y",
            "E + A*p**(-x) + B*t**(-y)",
            "E + exp(A - x*log(p)) + exp(B - y*log(t))",
            "log(E + A*exp(-x*log(p)) + B/t**y)",
        ] {
            let found = names(formula, &["p", "t"]);
            let pairs: Vec<_> = found.iter().map(|(c, scales, _)| (c.clone(), scales.clone())).collect();
            assert_eq!(pairs, vec![expected("p", "A"), expected("t", "B")], "{formula}");
            assert_eq!(found.iter().map(|(_, _, e)| e[0].clone()).collect::<Vec<_>>(), vec!["x", "y"], "{formula}");
        }
        let kaplan = names("(Nc/N)**a + (Sc/S)**b", &["N", "S"]);
        assert_eq!(kaplan.iter().map(|(_, s, _)| s[0].as_str()).collect::<Vec<_>>(), vec!["Nc", "Sc"]);
    }

    #[test]
    fn what_is_no_power_is_none() {
        for formula in ["a + b*p + c*t", "a*exp(-p/x) + b*exp(-t/y)", "a + b*p + c*p**2", "a*sin(w*p + f) + t*b"] {
            assert!(names(formula, &["p", "t"]).is_empty(), "{formula}");
        }
    }
}
