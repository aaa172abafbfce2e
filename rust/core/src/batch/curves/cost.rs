//! The convex losses and the two residuals of this engine as types: what differs between them is decided when a
//! kernel is compiled, not at every row.

use crate::loss::Loss;
use crate::simd::vector::by_lane;
use crate::simd::{LANES, Vector, math};

/// A loss, for whole lanes.
pub(super) trait Cost: Copy {
    /// Whether every row pulls in proportion to its residual, so that least squares is the fit itself.
    const IS_SQUARES: bool = false;
    /// Whether it curves everywhere, so that no optimum of a determined fit is level.
    const IS_CURVED: bool = true;
    /// rho, its slope psi and the curvature at each residual.
    fn at<V: Vector>(self, r: V) -> [V; 3];
    /// Size of a residual from which on rows no longer count by its square.
    fn width(self) -> f64;
    /// 1 for the residuals where a curved zone ends and a straight one begins, or all but: there an optimum may be level.
    fn border<V: Vector>(self, _r: V) -> V {
        V::zero()
    }
}

/// Share of a curved zone by which a residual may be inside it, or outside, and count as at its end.
const BORDER: f64 = 1e-4;

#[derive(Debug, Clone, Copy)]
pub(super) struct Squares;

impl Cost for Squares {
    const IS_SQUARES: bool = true;

    #[inline(always)]
    fn at<V: Vector>(self, r: V) -> [V; 3] {
        [V::of(0.5) * r * r, r, V::of(1.0)]
    }

    fn width(self) -> f64 {
        f64::INFINITY
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Huber {
    pub(super) delta: f64,
}

impl Cost for Huber {
    const IS_CURVED: bool = false;

    #[inline(always)]
    fn at<V: Vector>(self, r: V) -> [V; 3] {
        // In this order NaN comes through.
        let psi = V::of(self.delta).least(V::of(-self.delta).most(r));
        [psi * V::of(-0.5).fused(psi, r), psi, V::of(1.0).where_equal(psi, r)]
    }

    fn width(self) -> f64 {
        self.delta
    }

    #[inline(always)]
    fn border<V: Vector>(self, r: V) -> V {
        let size = r.most(-r);
        let outside = V::of(1.0).where_less(V::of((1.0 - BORDER) * self.delta), size);
        outside.where_less(size, V::of((1.0 + BORDER) * self.delta))
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SoftL1 {
    pub(super) delta: f64,
}

impl Cost for SoftL1 {
    #[inline(always)]
    fn at<V: Vector>(self, r: V) -> [V; 3] {
        let u = r * V::of(1.0 / self.delta);
        let root = by_lane(u.fused(u, V::of(1.0)), f64::sqrt);
        let weight = V::of(1.0) / root;
        [r * (r / (V::of(1.0) + root)), r * weight, weight * weight * weight]
    }

    fn width(self) -> f64 {
        self.delta
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LogCosh {
    pub(super) scale: f64,
}

impl Cost for LogCosh {
    #[inline(always)]
    fn at<V: Vector>(self, r: V) -> [V; 3] {
        let (mut lanes, mut rho, mut psi, mut curvature) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
        r.store(&mut lanes);
        Loss::LogCosh { scale: self.scale }.evaluate(&lanes, &mut rho, &mut psi, &mut curvature);
        [V::load(&rho), V::load(&psi), V::load(&curvature)]
    }

    fn width(self) -> f64 {
        self.scale
    }
}

/// |r|, which has no parabola: rows on its kink have any slope from -1 to 1, here 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absolute;

impl Cost for Absolute {
    const IS_CURVED: bool = false;

    #[inline(always)]
    fn at<V: Vector>(self, r: V) -> [V; 3] {
        let one = V::of(1.0);
        let psi = one.where_less(V::zero(), r) - one.where_less(r, V::zero());
        [r.most(-r), psi, V::zero()]
    }

    fn width(self) -> f64 {
        0.0
    }
}

/// A residual, for whole lanes.
pub(super) trait Scale: Copy {
    /// Whether it is a logarithm, whose second derivative by the law is minus the square of the first.
    const IS_LOG: bool;
    /// The residual of law values f against observed values on the scale, and its slope by the law.
    fn residual<V: Vector>(f: V, observed: V) -> (V, V);
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Raw;

impl Scale for Raw {
    const IS_LOG: bool = false;

    #[inline(always)]
    fn residual<V: Vector>(f: V, observed: V) -> (V, V) {
        (f - observed, V::of(1.0))
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Log;

impl Scale for Log {
    const IS_LOG: bool = true;

    #[inline(always)]
    fn residual<V: Vector>(f: V, observed: V) -> (V, V) {
        // Not a number where the law is negative, which no step may lead to.
        (by_lane(f, math::ln) - observed, V::of(1.0) / f)
    }
}
