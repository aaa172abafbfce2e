//! The objective of one curve along its exponent: walked one point per lane, followed to a bottom, refined in all parameters.

use super::{Curves, PARAMS, TERMS, Term, WALK, Workspace};
use crate::simd::{LANES, Vector, math};
use crate::solve::certificate::{Certificate, ROUNDING_FACTOR};
use crate::solve::linalg::{PIVOT, cholesky, cholesky_solve, eigenvalues};
use crate::solve::valley::POINTS;

/// Condition of the scaled J'J above which a factorisation of the rows must decide.
const WELL_POSED: f64 = 1e8;

/// Steps to the bottom of a valley, and in all parameters, at most.
const MOST_STEPS: usize = 40;

/// Relative predicted decrease at which the walk along c ends, and that of a final point.
const NEAR_BOTTOM: f64 = 1e-9;
const BOTTOM: f64 = 1e-18;

/// The objective along c, and its first two derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) c: f64,
    pub(super) linear: [f64; TERMS],
    pub(super) value: f64,
    pub(super) slope: f64,
    pub(super) bend: f64,
}

/// A refined point and what is known of it.
pub(super) struct End {
    pub(super) c: f64,
    pub(super) linear: [f64; TERMS],
    pub(super) value: f64,
    pub(super) certificate: Certificate,
    pub(super) condition: f64,
}

pub(super) struct Table<'a, V, const K: usize> {
    pub(super) curves: &'a Curves,
    /// Rows, and rows to whole lanes.
    pub(super) rows: usize,
    pub(super) n: usize,
    pub(super) workspace: &'a mut Workspace,
    pub(super) reach: f64,
    pub(super) evaluations: usize,
    pub(super) held: std::marker::PhantomData<V>,
}

impl<V: Vector, const K: usize> Table<'_, V, K> {
    /// Fill the bases that no exponent changes.
    #[inline(always)]
    pub(super) fn constants(&mut self) {
        let Workspace { present, basis, .. } = &mut *self.workspace;
        for (term, basis) in self.curves.terms.iter().zip(basis).take(K).filter(|(term, _)| term.is_constant()) {
            for i in (0..self.n).step_by(LANES) {
                (V::of(term.scale) * V::load(&present[i..])).store(&mut basis[i..]);
            }
        }
    }

    /// The objective at every point of a walk, the linear parameters at their best; one point per lane. None where a base leaves the
    /// numbers or the rows do not determine the linear parameters.
    #[inline(always)]
    pub(super) fn walk(&mut self, points: &[f64; WALK]) -> Option<[f64; WALK]> {
        self.evaluations += POINTS;
        let terms = &self.curves.terms;
        let within = |term: &Term, c: f64| term.slope.mul_add(c, term.constant).abs() <= self.reach;
        if !terms[..K].iter().all(|term| within(term, points[0]) && within(term, points[POINTS - 1])) {
            return None;
        }
        let Workspace { logs, target, walk: bases, .. } = &mut *self.workspace;
        let (logs, target) = (&logs[..self.rows], &target[..self.rows]);
        let mut values = [0.0; WALK];
        for first in (0..WALK).step_by(LANES) {
            let c = V::load(&points[first..]);
            let exponents: [V; K] = std::array::from_fn(|a| V::of(terms[a].slope).fused(c, V::of(terms[a].constant)));
            let (mut gram, mut linear) = ([[V::zero(); K]; K], [V::zero(); K]);
            for ((log, y), to) in logs.iter().zip(target).zip(bases.chunks_exact_mut(K * LANES)) {
                let basis: [V; K] = std::array::from_fn(|a| {
                    let scale = V::of(terms[a].scale);
                    if terms[a].is_constant() { scale } else { scale * math::exp_bounded(exponents[a] * V::of(*log)) }
                });
                for a in 0..K {
                    basis[a].store(&mut to[a * LANES..]);
                    linear[a] = basis[a].fused(V::of(*y), linear[a]);
                    for b in 0..=a {
                        gram[a][b] = basis[a].fused(basis[b], gram[a][b]);
                    }
                }
            }
            // Normal equations lose half the digits, which a walk can spare: it only has to find the valleys.
            let sound = solve_lanes(&mut gram, &mut linear);
            let mut square = V::zero();
            for (y, basis) in target.iter().zip(bases.chunks_exact(K * LANES)) {
                let mut r = V::of(-*y);
                for a in 0..K {
                    r = linear[a].fused(V::load(&basis[a * LANES..]), r);
                }
                square = r.fused(r, square);
            }
            // Where the equations were singular this divides by 0, and the walk is refused below.
            (V::of(0.5) * square / sound).store(&mut values[first..]);
        }
        values.iter().all(|v| v.is_finite()).then_some(values)
    }

    /// Fill the basis at `c`; None where it leaves the numbers.
    #[inline(always)]
    fn bases(&mut self, c: f64) -> Option<()> {
        self.evaluations += 1;
        let Workspace { logs, present, basis, .. } = &mut *self.workspace;
        for (term, basis) in self.curves.terms.iter().zip(basis).take(K).filter(|(term, _)| !term.is_constant()) {
            let exponent = term.slope.mul_add(c, term.constant);
            if exponent.abs() > self.reach || exponent.is_nan() {
                return None;
            }
            let (exponent, scale) = (V::of(exponent), V::of(term.scale));
            for i in (0..self.n).step_by(LANES) {
                let power = math::exp_bounded(exponent * V::load(&logs[i..]));
                (scale * power * V::load(&present[i..])).store(&mut basis[i..]);
            }
        }
        Some(())
    }

    /// The best linear parameters at `c`, and derivatives of the objective along c.
    #[inline(always)]
    fn look(&mut self, c: f64) -> Option<Look> {
        self.bases(c)?;
        let n = self.n;
        let Workspace { logs, target, basis, .. } = &*self.workspace;
        let (mut gram, mut linear) = ([0.0; TERMS * TERMS], [0.0; TERMS]);
        for a in 0..K {
            for b in 0..=a {
                gram[a * K + b] = dot::<V>(&basis[a], &basis[b], n);
            }
            linear[a] = dot::<V>(&basis[a], target, n);
        }
        if !cholesky(&mut gram[..K * K], K) {
            return None;
        }
        cholesky_solve(&gram[..K * K], K, &mut linear[..K]);
        let mut look = Look { c, linear, value: 0.0, slope: 0.0, bend: 0.0 };
        let [mut square, mut slope, mut first, mut second] = [V::zero(); 4];
        let (mut cross, mut own) = ([V::zero(); TERMS], [V::zero(); TERMS]);
        // d is the derivative of the law by c at fixed linear parameters, dd its second one.
        for i in (0..n).step_by(LANES) {
            let mut r = V::zero() - V::load(&target[i..]);
            for a in 0..K {
                r = V::of(linear[a]).fused(V::load(&basis[a][i..]), r);
            }
            square = r.fused(r, square);
            let log = V::load(&logs[i..]);
            let (mut d, mut dd) = (V::zero(), V::zero());
            for a in 0..K {
                let g = V::of(self.curves.terms[a].slope);
                let part = g * log * V::load(&basis[a][i..]);
                own[a] = r.fused(part, own[a]);
                d = V::of(linear[a]).fused(part, d);
                dd = (V::of(linear[a]) * g * log).fused(part, dd);
            }
            for a in 0..K {
                cross[a] = d.fused(V::load(&basis[a][i..]), cross[a]);
            }
            slope = r.fused(d, slope);
            first = d.fused(d, first);
            second = r.fused(dd, second);
        }
        look.value = 0.5 * square.sum();
        look.slope = slope.sum();
        let mut mixed = [0.0; TERMS];
        for a in 0..K {
            mixed[a] = cross[a].sum() + own[a].sum();
        }
        // The linear parameters follow c, which takes m' G^-1 m from the curvature (Golub and Pereyra 1973).
        let held = mixed;
        cholesky_solve(&gram[..K * K], K, &mut mixed[..K]);
        let taken: f64 = (0..K).map(|a| held[a] * mixed[a]).sum();
        look.bend = first.sum() + second.sum() - taken;
        look.value.is_finite().then_some(look)
    }

    /// The bottom of the valley around `c`, between two points that lie higher.
    #[inline(always)]
    pub(super) fn descend(&mut self, c: f64, mut low: f64, mut high: f64) -> Option<Look> {
        let mut here = self.look(c)?;
        for _ in 0..MOST_STEPS {
            if here.slope > 0.0 {
                high = here.c;
            } else {
                low = here.c;
            }
            // Newton inside the bracket, bisection where it would leave it or the curvature is not positive.
            let step = -here.slope / here.bend;
            if here.bend > 0.0 && -step * here.slope <= NEAR_BOTTOM * here.value {
                return Some(here);
            }
            let next = here.c + step;
            let inside = here.bend > 0.0 && next > low && next < high;
            here = self.look(if inside { next } else { 0.5 * (low + high) })?;
        }
        None
    }

    /// Newton steps in all parameters, from gradients that are summed from residuals; None where that is not an ordinary optimum.
    #[inline(always)]
    pub(super) fn finish(&mut self, look: Look) -> Option<End> {
        let n = self.n;
        let q = K + 1;
        let (mut c, mut linear) = (look.c, look.linear);
        let mut previous = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            self.bases(c)?;
            let Workspace { logs, target, basis, .. } = &*self.workspace;
            let (mut square, mut total, mut second) = (V::zero(), V::zero(), V::zero());
            let (mut gradient, mut bent) = ([V::zero(); PARAMS], [V::zero(); TERMS]);
            let mut gram = [V::zero(); PARAMS * PARAMS];
            for i in (0..n).step_by(LANES) {
                let (y, log) = (V::load(&target[i..]), V::load(&logs[i..]));
                let mut r = V::zero() - y;
                let (mut d, mut dd) = (V::zero(), V::zero());
                let mut column = [V::zero(); PARAMS];
                let mut parts = [V::zero(); TERMS];
                for a in 0..K {
                    column[a] = V::load(&basis[a][i..]);
                    r = V::of(linear[a]).fused(column[a], r);
                    let g = V::of(self.curves.terms[a].slope) * log;
                    parts[a] = g * column[a];
                    d = V::of(linear[a]).fused(parts[a], d);
                    dd = (V::of(linear[a]) * g).fused(parts[a], dd);
                }
                column[K] = d;
                square = r.fused(r, square);
                total = y.fused(y, total);
                second = r.fused(dd, second);
                for a in 0..K {
                    bent[a] = r.fused(parts[a], bent[a]);
                }
                for a in 0..q {
                    gradient[a] = r.fused(column[a], gradient[a]);
                    for b in 0..=a {
                        gram[a * q + b] = column[a].fused(column[b], gram[a * q + b]);
                    }
                }
            }
            let square = square.sum();
            let norm = square.sqrt();
            // A perfect fit has a certificate of its own.
            if norm <= ROUNDING_FACTOR * f64::EPSILON * total.sum().sqrt() {
                return None;
            }
            // Columns are scaled to length 1: what follows does not depend on the units of the parameters.
            let (mut pull, mut scale, mut scaled) = ([0.0; PARAMS], [0.0; PARAMS], [0.0; PARAMS * PARAMS]);
            let mut cosine = 0.0_f64;
            for a in 0..q {
                scale[a] = gram[a * q + a].sum().sqrt();
                pull[a] = gradient[a].sum() / scale[a];
                cosine = cosine.max(pull[a].abs() / norm);
            }
            for a in 0..q {
                for b in 0..=a {
                    let value = if a == b { 1.0 } else { gram[a * q + b].sum() / (scale[a] * scale[b]) };
                    (scaled[a * q + b], scaled[b * q + a]) = (value, value);
                }
            }
            // The full Hessian: J'J and the second derivatives of the law, of which only those by c do not vanish.
            let mut system = scaled;
            system[K * q + K] += second.sum() / (scale[K] * scale[K]);
            for a in 0..K {
                system[K * q + a] += bent[a].sum() / (scale[a] * scale[K]);
            }
            let mut step = pull;
            if !cholesky(&mut system[..q * q], q) {
                return None;
            }
            cholesky_solve(&system[..q * q], q, &mut step[..q]);
            let value = 0.5 * square;
            let decrease = 0.5 * (0..q).map(|a| step[a] * pull[a]).sum::<f64>() / value;
            let certificate = Certificate { gradient: cosine, decrease: decrease.max(0.0), multiplier: 0.0 };
            // Go on while steps still shrink what is promised: the last digits cost one look each.
            let rested = decrease <= BOTTOM || decrease >= 0.25 * previous;
            if certificate.holds() && rested {
                let condition = condition(&mut scaled, q);
                return (condition <= WELL_POSED).then_some(End { c, linear, value, certificate, condition });
            }
            if decrease >= previous {
                return None;
            }
            previous = decrease;
            for a in 0..K {
                linear[a] -= step[a] / scale[a];
            }
            c -= step[K] / scale[K];
        }
        None
    }
}

#[inline(always)]
fn dot<V: Vector>(a: &[f64], b: &[f64], n: usize) -> f64 {
    let mut sum = V::zero();
    for i in (0..n).step_by(LANES) {
        sum = V::load(&a[i..]).fused(V::load(&b[i..]), sum);
    }
    sum.sum()
}

/// Solve a positive definite system in every lane, in place; 1 in the lanes where it is one, else 0.
#[inline(always)]
fn solve_lanes<V: Vector, const K: usize>(gram: &mut [[V; K]; K], right: &mut [V; K]) -> V {
    let mut sound = V::of(1.0);
    let least: [V; K] = std::array::from_fn(|a| V::of(PIVOT) * gram[a][a]);
    for j in 0..K {
        let pivot = gram[j][j];
        sound = sound.where_less(least[j], pivot);
        let inverse = V::of(1.0) / pivot;
        for i in j + 1..K {
            let factor = gram[i][j] * inverse;
            for b in j + 1..=i {
                gram[i][b] = gram[i][b] - factor * gram[b][j];
            }
            right[i] = right[i] - factor * right[j];
        }
        for i in j + 1..K {
            gram[i][j] = gram[i][j] * inverse;
        }
        right[j] = right[j] * inverse;
    }
    for i in (0..K).rev() {
        for b in i + 1..K {
            right[i] = right[i] - gram[b][i] * right[b];
        }
    }
    sound
}

/// Condition number of a symmetric matrix; infinite where it is singular.
#[inline(always)]
fn condition(matrix: &mut [f64], q: usize) -> f64 {
    eigenvalues(&mut matrix[..q * q], q);
    let values = (0..q).map(|j| matrix[j * q + j].abs());
    let (small, large) = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    large / small
}
