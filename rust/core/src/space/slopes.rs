//! Slopes along natural parameters carried over to the coordinates in which the solver moves.

use super::{Space, moved};
use crate::expr::ShiftKind;

impl Space {
    /// Derivative by each coordinate at `x` of a quantity whose derivatives by the natural parameters are `slopes`.
    pub fn slopes(&self, x: &[f64], slopes: &[f64], out: &mut [f64]) {
        let p = self.parameters();
        let mut primed = vec![0.0; p];
        self.primed(x, &mut primed);
        // theta_s = primed_s * exp(e ln u) or primed_s + e ln u, one after the other; e does not depend on what is moved.
        let mut by_primed = slopes.to_vec();
        let mut theta = primed.clone();
        let mut exponent = vec![0.0; p];
        let steps: Vec<(usize, f64, f64)> = self
            .shifts
            .iter()
            .map(|(_, shift, ln_unit)| {
                let e = shift.exponent(&primed, &mut []);
                theta[shift.param] = moved(shift.kind, theta[shift.param], e * ln_unit);
                let factor =
                    if shift.kind == ShiftKind::Multiplicative { moved(shift.kind, 1.0, e * ln_unit) } else { 1.0 };
                (shift.param, factor, *ln_unit)
            })
            .collect();
        for ((_, shift, _), (s, factor, ln_unit)) in self.shifts.iter().zip(steps) {
            shift.exponent(&primed, &mut exponent);
            let size = if shift.kind == ShiftKind::Multiplicative { theta[s] } else { 1.0 };
            for (k, e) in exponent.iter().enumerate().filter(|(k, _)| *k != s) {
                by_primed[k] += slopes[s] * size * ln_unit * e;
            }
            by_primed[s] *= factor;
        }
        for (a, &j) in self.free.iter().enumerate() {
            out[a] = by_primed[j] * if self.log[a] { primed[j] } else { self.sizes[a] };
        }
    }

    /// The coordinates that are off their bounds at `x`, which natural parameters may have rounded.
    pub fn moving(&self, x: &[f64]) -> Vec<usize> {
        let near = |bound: f64| if bound.is_finite() { 1e-12 * (1.0 + bound.abs()) } else { 0.0 };
        let inside = |a: &usize| {
            let (lower, upper) = (self.lower[*a], self.upper[*a]);
            x[*a] > lower + near(lower) && x[*a] < upper - near(upper)
        };
        (0..self.dimension()).filter(inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::Program;
    use crate::space::{ParamSpec, Space};

    #[test]
    fn slopes_are_those_of_the_natural_parameters() {
        let program = Program::compile("E + A/N**alpha + B/D**beta", &["N".into(), "D".into()]).expect("a formula");
        let (n, d): (Vec<f64>, Vec<f64>) = (0..5).map(|i| (10f64.powi(7 + i), 10f64.powi(9 + i))).unzip();
        let target = [2.9, 2.6, 2.4, 2.2, 2.1];
        let positive = ParamSpec { lower: 0.0, ..ParamSpec::default() };
        let space = Space::new(&program, &[positive; 5], &[&n, &d], &target, true, None);
        let theta = [1.7, 400.0, 0.34, 410.0, 0.28];
        let order: Vec<f64> = program
            .params()
            .iter()
            .map(|name| theta[["E", "A", "alpha", "B", "beta"].iter().position(|known| known == name).expect("known")])
            .collect();
        let mut x = vec![0.0; 5];
        space.coordinates(&order, &mut x);
        let quantity = |x: &[f64]| {
            let mut theta = vec![0.0; 5];
            space.natural(x, &mut theta);
            theta.iter().enumerate().map(|(j, v)| (j + 1) as f64 * v).sum::<f64>()
        };
        let mut slopes = vec![0.0; 5];
        space.slopes(&x, &[1.0, 2.0, 3.0, 4.0, 5.0], &mut slopes);
        for a in 0..5 {
            let step = 1e-5;
            let (mut up, mut down) = (x.clone(), x.clone());
            up[a] += step;
            down[a] -= step;
            let expected = (quantity(&up) - quantity(&down)) / (2.0 * step);
            assert!((slopes[a] - expected).abs() <= 1e-6 * expected.abs(), "{a}: {} {expected}", slopes[a]);
        }
        assert_eq!(space.moving(&x), vec![0, 1, 2, 3, 4]);
    }
}
