//! Where the law loses a term: no power, no constant, or a power that only the rows at its end feel.

use super::cost::{Cost, Scale};
use super::look::{Engine, steepness};
use super::place::{MOST_ROWS, Placed, Side, Workspace};
use crate::simd::vector::sums;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, lanes, math};

/// Steps at most.
const MOST_STEPS: usize = 60;

/// Relative predicted decrease at which a descent ends, and below which rounding hides it.
const BOTTOM: f64 = 1e-20;
const HIDDEN: f64 = 1e-11;

/// Ratio of objectives that differ by rounding.
const SAME: f64 = 1.0 + 1e-13;

/// Share of the majorising curvature below which the loss's own is not trusted.
const FLAT: f64 = 0.05;

/// Curvature relative to that of the parabolas above the loss, below which a direction may be level: ten times what is.
pub(super) const STRAIGHT: f64 = 1e-6;

/// Bounds on the size of a logarithm that is still a number's.
const FAR: f64 = 600.0;

/// Which rows a location is sought for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    All,
    /// Those at the end from which logarithms are counted, and all others.
    End(Side),
    Others(Side),
}

/// The best law without a power, on the scale of the residual.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) place: f64,
    pub(super) value: f64,
}

/// The best law without a constant: amplitude sign * exp(height), exponent; the predicted decrease of the next step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alone {
    pub(super) height: f64,
    pub(super) exponent: f64,
    pub(super) value: f64,
    pub(super) decrease: f64,
    /// Whether the objective hardly curves in some direction.
    pub(super) is_level: bool,
}

/// Value and gradient, Hessian, and that of the parabolas above the loss, whose diagonal damps steps.
type Sums = ([f64; 3], [f64; 3], [f64; 3]);

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The best constant for some rows: one number, and the loss is convex in it.
    pub(super) fn level(&mut self, among: Among) -> Option<Level> {
        dispatch_vector(Constant { w: self.w, placed: self.placed, cost: self.cost, among })
    }

    /// Distance in ln x from the end to the next x; infinite where there is none.
    #[inline(always)]
    pub(super) fn gap(&self, side: Side) -> f64 {
        let rows = &self.w.logs(side)[..self.placed.rows];
        rows.iter().fold(f64::INFINITY, |least, l| if *l > 0.0 && *l < least { *l } else { least })
    }

    /// The best law without a constant, from an amplitude exp(`height`) and an exponent on. For a logarithmic residual and a
    /// convex loss it is the only valley.
    pub(super) fn alone(&mut self, side: Side, sign: f64, height: f64, exponent: f64) -> Option<Alone> {
        dispatch_vector(Line { engine: self, side, sign, height, exponent })
    }

    /// Value and gradient, Hessian and damping of a law without a constant in the logarithm of its amplitude and the exponent.
    #[inline(always)]
    fn look_alone<V: Vector>(&mut self, side: Side, sign: f64, [height, a]: [f64; 2]) -> Option<Sums> {
        self.evaluations += 1;
        if !(height.abs() < FAR && a.abs() * self.placed.width + height.abs() < FAR) {
            return None;
        }
        let Workspace { observed, present, .. } = &*self.w;
        let logs = self.w.logs(side);
        let [mut v, mut g0, mut g1, mut h00, mut h01, mut h11, mut m0, mut m01, mut m1] = [V::zero(); 9];
        for i in (0..self.placed.padded).step_by(LANES) {
            let (l, y, weight) = (V::load(&logs[i..]), V::load(&observed[i..]), V::load(&present[i..]));
            let exponent = V::of(-a).fused(l, V::of(height));
            // In these parameters the law is its own derivative; its logarithm is linear.
            let (r, f) = if S::IS_LOG {
                (exponent - y, V::of(1.0))
            } else {
                let f = V::of(sign) * math::exp_bounded(exponent);
                (f - y, f)
            };
            let [rho, psi, curvature] = self.cost.at(r);
            let pull = weight * psi * f;
            let metric = weight * f * f;
            let mut bend = metric * curvature;
            if !S::IS_LOG {
                bend = bend + pull;
            }
            let strength = metric * steepness(r, psi);
            v = weight.fused(rho, v);
            g0 = g0 + pull;
            g1 = pull.fused(-l, g1);
            h00 = h00 + bend;
            h01 = bend.fused(-l, h01);
            h11 = (bend * l).fused(l, h11);
            m0 = m0 + strength;
            m01 = strength.fused(-l, m01);
            m1 = (strength * l).fused(l, m1);
        }
        let [v, g0, g1, h00, h01, h11, m0, m01, m1] = sums([v, g0, g1, h00, h01, h11, m0, m01, m1]);
        let all = [v, g0, g1, h00, h01, h11].iter().map(|v| v.abs()).sum::<f64>();
        all.is_finite().then_some(([v, g0, g1], [h00, h01, h11], [m0, m01, m1]))
    }
}

struct Constant<'e, C> {
    w: &'e Workspace,
    placed: Placed,
    cost: C,
    among: Among,
}

impl<C: Cost> VectorKernel for Constant<'_, C> {
    type Output = Option<Level>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Level> {
        let Self { w, placed, cost, among } = self;
        let n = placed.padded;
        let mut weight = [0.0; MOST_ROWS];
        let (mut total, mut sum) = (V::zero(), V::zero());
        let zero = V::zero();
        for i in (0..n).step_by(LANES) {
            let present = V::load(&w.present[i..]);
            let taken = match among {
                Among::All => present,
                Among::End(side) => present.where_equal(V::load(&w.logs(side)[i..]), zero),
                Among::Others(side) => present.where_less(zero, V::load(&w.logs(side)[i..])),
            };
            taken.store(&mut weight[i..]);
            total = total + taken;
            sum = taken.fused(V::load(&w.observed[i..]), sum);
        }
        let total = total.sum();
        let mut place = sum.sum() / total;
        if !place.is_finite() {
            return None;
        }
        let (mut low, mut high) = lanes::ends(&w.observed[..placed.rows]);
        let (mut value, mut moved) = (0.0, high - low);
        for step in 0..MOST_STEPS {
            let [mut v, mut g, mut k, mut majorised] = [V::zero(); 4];
            for i in (0..n).step_by(LANES) {
                let weight = V::load(&weight[i..]);
                let r = V::of(place) - V::load(&w.observed[i..]);
                let [rho, psi, curvature] = cost.at(r);
                v = weight.fused(rho, v);
                g = weight.fused(psi, g);
                k = weight.fused(curvature, k);
                majorised = weight.fused(steepness(r, psi), majorised);
            }
            let [v, g, k, majorised] = sums([v, g, k, majorised]);
            value = v;
            if g > 0.0 {
                high = place;
            } else {
                low = place;
            }
            let curvature = if k > FLAT * majorised { k } else { majorised };
            let next = place - g / curvature;
            if g * g <= BOTTOM * curvature * value || next == place || C::IS_SQUARES && step > 0 {
                break;
            }
            // Where a zone is narrow, steps lead over it from side to side.
            let is_newton = next > low && next < high && (next - place).abs() < 0.5 * moved;
            moved = if is_newton { (next - place).abs() } else { 0.5 * (high - low) };
            place = if is_newton { next } else { 0.5 * (low + high) };
        }
        Some(Level { place, value })
    }
}

struct Line<'e, 'a, S, C> {
    engine: &'e mut Engine<'a, S, C>,
    side: Side,
    sign: f64,
    height: f64,
    exponent: f64,
}

impl<S: Scale, C: Cost> VectorKernel for Line<'_, '_, S, C> {
    type Output = Option<Alone>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Alone> {
        let Self { engine, side, sign, height, exponent } = self;
        let mut here = [height, exponent];
        let (mut damping, mut previous) = (0.0_f64, f64::INFINITY);
        let mut look: Option<Sums> = None;
        let (mut next, mut drop, mut is_near) = (here, 0.0, false);
        for _ in 0..MOST_STEPS {
            let there = engine.look_alone::<V>(side, sign, next);
            match (look, there) {
                (None, there) => look = Some(there?),
                (Some((now, ..)), Some(there)) if is_near || there.0[0] <= SAME * now[0] => {
                    let gain: f64 = now[0] - there.0[0];
                    previous = if is_near { drop } else { f64::INFINITY };
                    damping = if damping < 1e-6 { 0.0 } else { damping * if gain > 0.5 * drop { 0.1 } else { 1.0 } };
                    (here, look) = (next, Some(there));
                }
                _ => damping = (damping * 6.0).max(1e-3),
            }
            let ([value, g0, g1], [h00, h01, h11], [m0, m01, m1]) = look?;
            let mut step = loop {
                if damping > 1e9 {
                    return None;
                }
                if let Some(step) = solve([damping.mul_add(m0, h00), h01, damping.mul_add(m1, h11)], [g0, g1]) {
                    break step;
                }
                damping = (damping * 4.0).max(1e-3);
            };
            drop = -(step[0] * g0 + step[1] * g1);
            if damping > 0.0
                && damping <= 1e-2
                && drop <= HIDDEN * value
                && let Some(whole) = solve([h00, h01, h11], [g0, g1])
            {
                (step, damping) = (whole, 0.0);
                drop = -(step[0] * g0 + step[1] * g1);
            }
            is_near = damping == 0.0 && drop <= HIDDEN * value;
            if is_near && (drop <= BOTTOM * value || drop >= 0.25 * previous) {
                let rest = [h00 - STRAIGHT * m0, h01 - STRAIGHT * m01, h11 - STRAIGHT * m1];
                let is_level = solve(rest, [0.0; 2]).is_none();
                return Some(Alone { height: here[0], exponent: here[1], value, decrease: 0.5 * drop, is_level });
            }
            next = [here[0] + step[0], here[1] + step[1]];
        }
        None
    }
}

/// The Newton step of two parameters; None where the Hessian is not positive definite.
#[inline(always)]
fn solve([a, b, c]: [f64; 3], [g0, g1]: [f64; 2]) -> Option<[f64; 2]> {
    let determinant = a * c - b * b;
    let is_definite = a > 0.0 && determinant > 1e-14 * a * c;
    is_definite.then(|| [(b * g1 - c * g0) / determinant, (b * g0 - a * g1) / determinant])
}
