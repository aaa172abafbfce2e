//! Two powers over a floor at eight points: the law, the objective, and how both bend.

use super::super::race::{ln, select};
use super::{Curve, DEFINITE};
use crate::simd::{Vector, math};

/// Least factor of the squares of slopes of a row whose law lies far above its target.
const ABOVE: f64 = 0.1;

/// Largest and smallest law, over its target, whose logarithm is a short sum.
const NEAR: (f64, f64) = (0.708, 1.414);

/// How many derivatives of the law's slopes are not zero: of amplitude and exponent, and of the exponent, for each power.
pub(super) const BENDS: usize = 4;

/// Coordinates: the floor, amplitude at the smallest x and exponent of the slow power, and of the fast one.
pub(super) const P: usize = 5;
pub(super) const SLOW: usize = 2;
pub(super) const FAST: usize = 4;

/// The coordinates that the law is linear in.
const AMPLITUDES: [usize; 3] = [0, 1, 3];

/// By what power of e a power falls at most.
const MOST_FALLEN: f64 = 690.0;

/// The law at `u` from the smallest x, its slopes and how these bend; `gap` is the unit in which the fast power runs.
#[inline(always)]
pub(in super::super) fn law<V: Vector>(u: V, q: &[V; P], gap: V) -> (V, [V; P], [V; BENDS]) {
    let [floor, first, slow, second, fast] = *q;
    let (b, c) = (falling(slow * u), falling(fast * u));
    let (one, other) = (first * b, second * c);
    let (steep, steeper) = (one * u, other * u);
    (floor + one + other, [V::of(1.0), b, -steep, c, -steeper], [-u * b, steep * u, -u * c, steeper * (u - gap)])
}

/// e to the power of -`x`, where `x` is not negative.
#[inline(always)]
pub(in super::super) fn falling<V: Vector>(x: V) -> V {
    math::exp_bounded((-x).most(V::of(-MOST_FALLEN)))
}

/// The objective at eight points, its gradient, and its second derivatives (lower triangle): those of squares of slopes, and those that
/// the bends add.
#[derive(Clone, Copy)]
pub(super) struct Model<V> {
    pub(super) value: V,
    /// The objective where the amplitudes are solved again, by its squares.
    pub(super) solved: V,
    pub(super) gradient: [V; P],
    pub(super) squares: [[V; P]; P],
    pub(super) bends: [V; BENDS],
}

impl<V: Vector> Model<V> {
    /// The Hessian, where `bent` is 1 with the bends.
    #[inline(always)]
    pub(super) fn hessian(&self, bent: V) -> [[V; P]; P] {
        let mut all = self.squares;
        let [by_slow, slow, by_fast, fast] = self.bends;
        all[SLOW][1] = bent.fused(by_slow, all[SLOW][1]);
        all[SLOW][SLOW] = bent.fused(slow, all[SLOW][SLOW]);
        all[FAST][3] = bent.fused(by_fast, all[FAST][3]);
        all[FAST][FAST] = bent.fused(fast, all[FAST][FAST]);
        all
    }
}

/// The model at eight points; the objective is infinite where the law has no logarithm.
#[inline(always)]
pub(super) fn look<V: Vector>(curve: &Curve, q: &[V; P], gap: f64) -> Model<V> {
    let (zero, one) = (V::zero(), V::of(1.0));
    let mut model =
        Model { value: zero, solved: zero, gradient: [zero; P], squares: [[zero; P]; P], bends: [zero; BENDS] };
    let first = curve.ends().0;
    for i in 0..curve.rows() {
        let (f, mut slopes, bends) = law(V::of(curve.u[i] - first), q, V::of(gap));
        let weight = V::of(curve.weight[i]);
        let (residual, chain, counts) = if curve.is_log {
            let unit = V::of(1.0 / curve.y[i]);
            let (log, inverse) = relative(f.fused(unit, -one));
            (log, inverse * unit, weight * (one - log).most(V::of(ABOVE)))
        } else {
            (f - V::of(curve.y[i]), one, weight)
        };
        let weighted = weight * residual;
        model.value = weighted.fused(residual, model.value);
        let pulled = weighted * chain;
        for a in 0..P {
            model.gradient[a] = pulled.fused(slopes[a], model.gradient[a]);
            slopes[a] = slopes[a] * chain;
        }
        for a in 0..P {
            let counted = counts * slopes[a];
            for b in 0..=a {
                model.squares[a][b] = counted.fused(slopes[b], model.squares[a][b]);
            }
        }
        for k in 0..BENDS {
            model.bends[k] = pulled.fused(bends[k], model.bends[k]);
        }
    }
    let half = V::of(0.5) * model.value;
    // Nothing is less than what is not a number.
    let sound = one.where_less(half, V::of(f64::MAX));
    model.value = select(sound, half, V::of(f64::INFINITY));
    model.solved = model.value - linear(&model, q);
    model
}

/// By how much the objective falls where the amplitudes are solved again, by its squares.
#[inline(always)]
fn linear<V: Vector>(model: &Model<V>, q: &[V; P]) -> V {
    let (zero, one) = (V::zero(), V::of(1.0));
    let (mut right, mut free) = ([zero; 3], [one; 3]);
    for (i, a) in AMPLITUDES.into_iter().enumerate() {
        // What is zero stays where it is pushed against its end.
        free[i] = one - one.where_less(zero, model.gradient[a]) * (one - one.where_less(zero, q[a]));
        right[i] = -model.gradient[a] * free[i];
    }
    let (falls, x) = amplitudes(model, &free, &right);
    let mut fixed = [zero; 3];
    for (i, a) in AMPLITUDES.into_iter().enumerate() {
        fixed[i] = free[i].where_less(q[a] + x[i], zero);
    }
    if (fixed[0] + fixed[1] + fixed[2]).nonzero() == 0 {
        return falls;
    }
    // What would turn negative becomes zero, and the others are solved beside it.
    let mut known = zero;
    for (i, a) in AMPLITUDES.into_iter().enumerate() {
        let out = -q[a] * fixed[i];
        known = (-out).fused(model.gradient[a], known);
        for (j, b) in AMPLITUDES.into_iter().enumerate() {
            let product = out * if a > b { model.squares[a][b] } else { model.squares[b][a] };
            right[j] = right[j] - product * free[j];
            known = (V::of(-0.5) * product).fused(-q[b] * fixed[j], known);
        }
    }
    for i in 0..3 {
        free[i] = free[i] * (one - fixed[i]);
        right[i] = right[i] * free[i];
    }
    known + amplitudes(model, &free, &right).0
}

/// By how much the objective falls where the amplitudes that are `free` take the steps to `right`, and these.
#[inline(always)]
fn amplitudes<V: Vector>(model: &Model<V>, free: &[V; 3], right: &[V; 3]) -> (V, [V; 3]) {
    let (zero, one) = (V::zero(), V::of(1.0));
    let (mut factor, mut scaled) = ([[zero; 3]; 3], [[zero; 3]; 3]);
    let (mut inverse, mut x, mut falls) = ([zero; 3], [zero; 3], zero);
    for i in 0..3 {
        let a = AMPLITUDES[i];
        let (mut sum, mut pivot) = (right[i], model.squares[a][a]);
        let size = pivot;
        for j in 0..i {
            let mut product = model.squares[a][AMPLITUDES[j]] * free[i] * free[j];
            for k in 0..j {
                product = (-scaled[i][k]).fused(factor[j][k], product);
            }
            scaled[i][j] = product;
            factor[i][j] = product * inverse[j];
            pivot = (-product).fused(factor[i][j], pivot);
            sum = (-factor[i][j]).fused(x[j], sum);
        }
        inverse[i] = one / pivot.most(size * V::of(DEFINITE)).most(V::of(f64::MIN_POSITIVE));
        x[i] = sum;
        falls = (sum * sum).fused(inverse[i], falls);
    }
    for i in (0..3).rev() {
        x[i] = x[i] * inverse[i];
        for j in i + 1..3 {
            x[i] = (-factor[j][i]).fused(x[j], x[i]);
        }
    }
    (V::of(0.5) * falls, x)
}

/// ln(1 + x) and 1/(1 + x).
#[inline(always)]
fn relative<V: Vector>(x: V) -> (V, V) {
    let one = V::of(1.0);
    let far = one.where_less(x, V::of(NEAR.0 - 1.0)) + one.where_less(V::of(NEAR.1 - 1.0), x);
    if far.nonzero() == 0 {
        return math::ln_1p_reduced(x);
    }
    (ln(one + x), one / (one + x))
}
