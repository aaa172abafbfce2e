//! The objective at one point, with its gradient and exact Hessian.
//!
//! A point is the height h = E + A of the curve at its end, the slope s = A a there, and the exponent a: f = h + s phi with
//! phi = (exp(-a l) - 1)/a. In these the ridge towards a logarithm, a -> 0, is straight; in E, A and a it is not, and a descent
//! stalls on it.

use super::cost::{Cost, Scale};
use super::place::{Placed, Side, Workspace};
use crate::simd::vector::sums;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// a l up to which phi is summed as a series: its closed form has lost digits there.
const NEAR: f64 = 0.3;

/// Terms of the series; the next one is below 1e-17 there.
const TERMS: usize = 11;

/// Size of -a l at most, so that its exponential is an ordinary number.
pub(super) const FAR: f64 = 690.0;

/// Height, slope and exponent.
pub(super) type Point = [f64; 3];

/// The objective and its derivatives at a point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) value: f64,
    pub(super) gradient: [f64; 3],
    pub(super) hessian: [[f64; 3]; 3],
}

/// One curve, its residual and its loss.
pub(super) struct Engine<'a, S, C> {
    pub(super) w: &'a mut Workspace,
    pub(super) placed: Placed,
    pub(super) cost: C,
    pub(super) evaluations: usize,
    pub(super) kind: std::marker::PhantomData<S>,
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// Fill phi and its first two derivatives by a.
    #[inline(always)]
    pub(super) fn shape<V: Vector>(&mut self, side: Side, a: f64) {
        let Workspace { logs, mirrored, shape: [phi, first, second], .. } = &mut *self.w;
        let logs = if side == Side::Falling { logs } else { mirrored };
        let n = self.placed.padded;
        if (a * self.placed.width).abs() < NEAR {
            for i in (0..n).step_by(LANES) {
                let [p, d, dd] = series::<V>(V::load(&logs[i..]), a);
                p.store(&mut phi[i..]);
                d.store(&mut first[i..]);
                dd.store(&mut second[i..]);
            }
            return;
        }
        let (minus, inverse) = (V::of(-a), V::of(1.0 / a));
        for i in (0..n).step_by(LANES) {
            let l = V::load(&logs[i..]);
            let b = math::exp_bounded(V::of(FAR).least(V::of(-FAR).most(minus * l)));
            let lb = l * b;
            let p = (b - V::of(1.0)) * inverse;
            let d = -((lb + p) * inverse);
            p.store(&mut phi[i..]);
            d.store(&mut first[i..]);
            (l.fused(lb, V::of(-2.0) * d) * inverse).store(&mut second[i..]);
        }
    }

    /// The objective at a point; None where it is not finite.
    #[inline(always)]
    pub(super) fn look<V: Vector>(&mut self, side: Side, point: Point) -> Option<Look> {
        self.evaluations += 1;
        let [height, slope, a] = point;
        self.shape::<V>(side, a);
        let n = self.placed.padded;
        let Workspace { observed, present, shape, .. } = &*self.w;
        let [phi, first, second] = shape.each_ref().map(|column| &column[..n]);
        let (observed, present) = (&observed[..n], &present[..n]);
        let (h, s) = (V::of(height), V::of(slope));
        let mut value = V::zero();
        let [mut g0, mut g1, mut g2] = [V::zero(); 3];
        let [mut h00, mut h01, mut h02, mut h11, mut h12, mut h22] = [V::zero(); 6];
        for i in (0..n).step_by(LANES) {
            let (p, d, dd) = (V::load(&phi[i..]), V::load(&first[i..]), V::load(&second[i..]));
            let weight = V::load(&present[i..]);
            let f = s.fused(p, h);
            let (r, v) = S::residual(f, V::load(&observed[i..]));
            let [rho, psi, curvature] = self.cost.at(r);
            let pull = weight * psi;
            // The second derivative of a logarithm is minus the square of the first.
            let bend = if S::IS_LOG { weight * curvature - pull } else { weight * curvature };
            let (first_by_s, first_by_a) = (p * v, s * d * v);
            let (pv, bv, bs) = (pull * v, bend * v, bend * first_by_s);
            value = weight.fused(rho, value);
            g0 = g0 + pv;
            g1 = pull.fused(first_by_s, g1);
            g2 = pull.fused(first_by_a, g2);
            h00 = bv.fused(v, h00);
            h01 = bv.fused(first_by_s, h01);
            h02 = bv.fused(first_by_a, h02);
            h11 = bs.fused(first_by_s, h11);
            h12 = bs.fused(first_by_a, pv.fused(d, h12));
            h22 = (bend * first_by_a).fused(first_by_a, (pv * s).fused(dd, h22));
        }
        let [value, g0, g1, g2, h00, h01, h02, h11, h12, h22] = sums([value, g0, g1, g2, h00, h01, h02, h11, h12, h22]);
        let gradient = [g0, g1, g2];
        let hessian = [[h00, h01, h02], [h01, h11, h12], [h02, h12, h22]];
        // One sum tells of everything that is not finite: numbers of either sign cancel, others do not.
        let all = value + [g0, g1, g2, h00, h01, h02, h11, h12, h22].iter().map(|v| v.abs()).sum::<f64>();
        all.is_finite().then_some(Look { value, gradient, hessian })
    }

    /// [`look`](Self::look), outside of a kernel.
    pub(super) fn at(&mut self, side: Side, point: Point) -> Option<Look> {
        dispatch_vector(At { engine: self, side, point })
    }

    /// [`majorised`](Self::majorised), outside of a kernel.
    pub(super) fn metric(&mut self, side: Side, point: Point) -> [[f64; 3]; 3] {
        dispatch_vector(Metric { engine: self, side, point })
    }

    /// The diagonal of [`majorised`](Self::majorised) at the point that was looked at last, or at another one.
    #[inline(always)]
    pub(super) fn damping<V: Vector>(&mut self, side: Side, point: Point, is_last: bool) -> [f64; 3] {
        let [height, slope, a] = point;
        if !is_last {
            self.shape::<V>(side, a);
        }
        let n = self.placed.padded;
        let Workspace { observed, present, shape: [phi, first, _], .. } = &*self.w;
        let [phi, first, observed, present] = [phi, first, observed, present].map(|column| &column[..n]);
        let [mut m00, mut m11, mut m22] = [V::zero(); 3];
        for i in (0..n).step_by(LANES) {
            let (p, d) = (V::load(&phi[i..]), V::load(&first[i..]));
            let f = V::of(slope).fused(p, V::of(height));
            let (r, v) = S::residual(f, V::load(&observed[i..]));
            let mut weight = V::load(&present[i..]);
            if !C::IS_SQUARES {
                weight = weight * steepness(r, self.cost.at(r)[1]);
            }
            let (c1, c2) = (p * v, V::of(slope) * d * v);
            m00 = (weight * v).fused(v, m00);
            m11 = (weight * c1).fused(c1, m11);
            m22 = (weight * c2).fused(c2, m22);
        }
        sums([m00, m11, m22])
    }

    /// The Hessian of the parabolas that touch the loss from above, at the law's tangent: what steps are damped with.
    #[inline(always)]
    pub(super) fn majorised<V: Vector>(&mut self, side: Side, point: Point) -> [[f64; 3]; 3] {
        let [height, slope, a] = point;
        self.shape::<V>(side, a);
        let Workspace { observed, present, shape: [phi, first, _], .. } = &*self.w;
        let [mut m00, mut m01, mut m02, mut m11, mut m12, mut m22] = [V::zero(); 6];
        for i in (0..self.placed.padded).step_by(LANES) {
            let (p, d) = (V::load(&phi[i..]), V::load(&first[i..]));
            let f = V::of(slope).fused(p, V::of(height));
            let (r, v) = S::residual(f, V::load(&observed[i..]));
            let weight = V::load(&present[i..]) * steepness(r, self.cost.at(r)[1]);
            let (c1, c2) = (p * v, V::of(slope) * d * v);
            let (w0, w1) = (weight * v, weight * c1);
            m00 = w0.fused(v, m00);
            m01 = w0.fused(c1, m01);
            m02 = w0.fused(c2, m02);
            m11 = w1.fused(c1, m11);
            m12 = w1.fused(c2, m12);
            m22 = (weight * c2).fused(c2, m22);
        }
        let [m00, m01, m02, m11, m12, m22] = sums([m00, m01, m02, m11, m12, m22]);
        [[m00, m01, m02], [m01, m11, m12], [m02, m12, m22]]
    }
}

struct At<'e, 'a, S, C> {
    engine: &'e mut Engine<'a, S, C>,
    side: Side,
    point: Point,
}

impl<S: Scale, C: Cost> VectorKernel for At<'_, '_, S, C> {
    type Output = Option<Look>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Look> {
        self.engine.look::<V>(self.side, self.point)
    }
}

struct Metric<'e, 'a, S, C> {
    engine: &'e mut Engine<'a, S, C>,
    side: Side,
    point: Point,
}

impl<S: Scale, C: Cost> VectorKernel for Metric<'_, '_, S, C> {
    type Output = [[f64; 3]; 3];

    #[inline(always)]
    fn run<V: Vector>(self) -> [[f64; 3]; 3] {
        self.engine.majorised::<V>(self.side, self.point)
    }
}

/// psi/r, or its limit 1 at zero.
#[inline(always)]
pub(super) fn steepness<V: Vector>(r: V, psi: V) -> V {
    /// Residuals below which every loss is a parabola.
    const TINY: f64 = 1e-150;
    let size = r.most(-r);
    let one = V::of(1.0).where_less(size, V::of(TINY));
    one + (psi / (r + one)).where_less(V::of(TINY), size)
}

/// phi and its first derivative by a, of curves that reach over this many times 1/a.
#[inline(always)]
pub(super) fn phi_and_slope<V: Vector>(l: V, a: f64, reach: f64) -> [V; 2] {
    if reach.abs() < NEAR {
        let [phi, first, _] = series::<V>(l, a);
        return [phi, first];
    }
    let inverse = V::of(1.0 / a);
    let b = math::exp_bounded(V::of(FAR).least(V::of(-FAR).most(V::of(-a) * l)));
    let phi = (b - V::of(1.0)) * inverse;
    [phi, -((l * b + phi) * inverse)]
}

/// phi and its first two derivatives by a, where a l is small: phi = -l sum of (-z)^k/(k + 1)! with z = a l.
#[inline(always)]
fn series<V: Vector>(l: V, a: f64) -> [V; 3] {
    let z = V::of(-a) * l;
    let [mut value, mut first, mut second] = [V::zero(); 3];
    // Horner's rule for a polynomial and its derivatives: coefficient k is 1/(k + 1)!.
    let mut coefficients = [1.0; TERMS];
    for k in 1..TERMS {
        coefficients[k] = coefficients[k - 1] / (k + 1) as f64;
    }
    for coefficient in coefficients.iter().rev() {
        second = second.fused(z, first);
        first = first.fused(z, value);
        value = value.fused(z, V::of(*coefficient));
    }
    // By the chain rule each derivative by a brings a factor -l; the second sum is half the second derivative.
    let minus = -l;
    [minus * value, minus * minus * first, V::of(2.0) * minus * minus * minus * second]
}
