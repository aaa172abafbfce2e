//! The formula of each loss, written so that a loop over residuals becomes vector code.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operand is a branch, and a branch ends vector code")]

use std::f64::consts::LN_2;

use crate::simd::{LANES, Vector, math};

/// The weight given to a residual of zero by a loss with a kink there.
pub const LARGEST_WEIGHT: f64 = 1e12;

/// What a loss says of one residual. What a caller does not read is not computed: everything here is inlined.
pub(super) struct Point {
    pub(super) rho: f64,
    pub(super) psi: f64,
    pub(super) weight: f64,
    pub(super) curvature: f64,
}

pub(super) trait Shape: Copy {
    fn point(self, r: f64) -> Point;
}

/// Each residual's point, in blocks held in registers.
#[inline(always)]
pub(super) fn evaluate<S: Shape>(shape: S, r: &[f64], rho: &mut [f64], psi: &mut [f64], curvature: &mut [f64]) {
    let n = r.len().min(rho.len()).min(psi.len()).min(curvature.len());
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        let block = start..start + LANES;
        let mut values = [[0.0; LANES]; 3];
        let mut residuals = [0.0; LANES];
        residuals.copy_from_slice(&r[block.clone()]);
        for lane in 0..LANES {
            let point = shape.point(residuals[lane]);
            values[0][lane] = point.rho;
            values[1][lane] = point.psi;
            values[2][lane] = point.curvature;
        }
        rho[block.clone()].copy_from_slice(&values[0]);
        psi[block.clone()].copy_from_slice(&values[1]);
        curvature[block].copy_from_slice(&values[2]);
    }
    for i in whole..n {
        let point = shape.point(r[i]);
        (rho[i], psi[i], curvature[i]) = (point.rho, point.psi, point.curvature);
    }
}

/// Each residual's weight.
#[inline(always)]
pub(super) fn weights<S: Shape>(shape: S, r: &[f64], weight: &mut [f64]) {
    for (r, weight) in r.chunks(LANES).zip(weight.chunks_mut(LANES)) {
        let mut residuals = [0.0; LANES];
        residuals[..r.len()].copy_from_slice(r);
        let weights = residuals.map(|r| shape.point(r).weight);
        weight.copy_from_slice(&weights[..weight.len()]);
    }
}

#[derive(Clone, Copy)]
pub(super) struct Squared;

impl Shape for Squared {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        Point { rho: 0.5 * r * r, psi: r, weight: 1.0, curvature: 1.0 }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Huber {
    pub(super) delta: f64,
}

impl Shape for Huber {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let delta = self.delta;
        let size = r.abs();
        let outside = size > delta;
        let clipped = if outside { delta } else { size };
        Point {
            rho: clipped * (-0.5_f64).mul_add(clipped, size),
            psi: clipped.copysign(r),
            weight: if outside { delta / size } else { 1.0 },
            curvature: if outside { 0.0 } else { 1.0 },
        }
    }
}

/// [`Huber`] of a register: rho, psi and curvature.
#[inline(always)]
pub(super) fn huber_of<V: Vector>(delta: f64, r: V) -> [V; 3] {
    // In this order NaN comes through.
    let clipped = V::of(delta).least(V::of(-delta).most(r));
    [clipped * V::of(-0.5).fused(clipped, r), clipped, V::of(1.0).where_equal(clipped, r)]
}

/// [`Huber`] of whole lanes.
#[inline(always)]
pub(super) fn huber<V: Vector>(delta: f64, r: &[f64], rho: &mut [f64], psi: &mut [f64], curvature: &mut [f64]) {
    for i in (0..r.len()).step_by(LANES) {
        let [cost, slope, bend] = huber_of(delta, V::load(&r[i..]));
        cost.store(&mut rho[i..]);
        slope.store(&mut psi[i..]);
        bend.store(&mut curvature[i..]);
    }
}

/// Straight lines of slope `-below` and `above` meeting at zero.
#[derive(Clone, Copy)]
pub(super) struct Kinked {
    pub(super) below: f64,
    pub(super) above: f64,
}

impl Shape for Kinked {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let slope = if r < 0.0 { -self.below } else { self.above };
        let steep = slope / r;
        Point {
            rho: slope * r,
            psi: if (r == 0.0) | r.is_nan() { r } else { slope },
            weight: if (steep > LARGEST_WEIGHT) | (r == 0.0) { LARGEST_WEIGHT } else { steep },
            curvature: 0.0,
        }
    }
}

/// A kink rounded off: the slope rises as `r / width` from `-below` to `above`.
#[derive(Clone, Copy)]
pub(super) struct Ramp {
    pub(super) below: f64,
    pub(super) above: f64,
    pub(super) width: f64,
}

impl Shape for Ramp {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let slope = r / self.width;
        let psi = if slope > self.above { self.above } else { slope };
        let psi = if psi < -self.below { -self.below } else { psi };
        let inside = psi == slope;
        Point {
            rho: psi * (-0.5 * self.width).mul_add(psi, r),
            psi,
            weight: if inside { 1.0 / self.width } else { psi / r },
            curvature: if inside { 1.0 / self.width } else { 0.0 },
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct SoftL1 {
    pub(super) delta: f64,
}

impl Shape for SoftL1 {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let u = r / self.delta;
        let size = u.abs();
        // Where the 1 is lost anyway, and before the square overflows.
        let root = if size > 1e10 { size } else { u.mul_add(u, 1.0).sqrt() };
        let weight = 1.0 / root;
        Point { rho: r * (r / (1.0 + root)), psi: r / root, weight, curvature: weight * weight * weight }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Cauchy {
    pub(super) delta: f64,
}

impl Shape for Cauchy {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let delta = self.delta;
        let u = r / delta;
        let far = u.abs() > 1e10;
        // Far out 1 + u^2 is u^2, whose square root does not overflow.
        let argument = if far { u.abs() - 1.0 } else { u * u };
        let logarithm = math::ln_1p(argument);
        let weight = 1.0 / u.mul_add(u, 1.0);
        Point {
            rho: delta * delta * if far { logarithm } else { 0.5 * logarithm },
            psi: if far { delta / u } else { r * weight },
            weight,
            curvature: weight * 2.0_f64.mul_add(weight, -1.0),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Tukey {
    pub(super) c: f64,
}

impl Shape for Tukey {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let u = r / self.c;
        let square = u * u;
        let t = if square > 1.0 { 1.0 } else { square };
        let left = 1.0 - t;
        let weight = left * left;
        Point {
            rho: self.c * self.c / 6.0 * (t * t.mul_add(t - 3.0, 3.0)),
            psi: r * weight,
            weight,
            curvature: left * (-5.0_f64).mul_add(t, 1.0),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct LogCosh {
    pub(super) scale: f64,
}

impl Shape for LogCosh {
    #[inline(always)]
    fn point(self, r: f64) -> Point {
        let scale = self.scale;
        let u = r / scale;
        let size = u.abs();
        let decay = math::exp_m1(-2.0 * size);
        let tanh = -decay / (decay + 2.0);
        // ln cosh u = -1/2 ln(1 - tanh^2 u) near zero, |u| - ln 2 + ln(1 + e^-2|u|) elsewhere: one logarithm serves both.
        let near = size < 1.0;
        let logarithm = math::ln_1p(if near { -tanh * tanh } else { decay + 1.0 });
        let straight = if near { 0.0 } else { size - LN_2 };
        let value = logarithm.mul_add(if near { -0.5 } else { 1.0 }, straight);
        Point {
            rho: scale * (scale * value),
            psi: scale * tanh.copysign(r),
            weight: if size == 0.0 { 1.0 } else { tanh / size },
            curvature: (1.0 - tanh) * (1.0 + tanh),
        }
    }
}
