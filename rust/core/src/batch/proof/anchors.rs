//! Inner optima: the best constant and factor of a convex lower bound of the objective at eight exponents, one per lane.

use super::curve::Curve;
use crate::loss::Loss;
use crate::simd::{Aligned, LANES, Vector, VectorKernel, dispatch_vector, math};

/// Rounds of reweighting.
const REWEIGHTED: usize = 4;

/// Widths of the curved zone of the loss whose slopes are taken, in mean absolute distances, and steps at each. Slopes of a wider zone
/// are legal slopes of the loss too, a little worse and far easier to find.
const ZONES: [(f64, usize); 3] = [(0.4, 5), (0.2, 4), (0.1, 4)];

/// Steps under the loss of the logarithm itself, where that is convex.
const EXACT_STEPS: usize = 5;

/// Steps under squares, of which only those above zero are not all alike.
const ABOVE_STEPS: usize = 3;

/// Share of the majorising curvature that is added to the curvature itself: where no row is in the zone there is no other.
const RIDGE: f64 = 0.02;

/// Relative rounding error of a sum over the rows of a curve.
pub(super) const SUM_ROUNDED: f64 = 1e-13;

/// Largest exponent of e.
const FAR: f64 = 690.0;

/// Eight anchors.
#[derive(Debug)]
pub(super) struct Batch {
    /// By how much a factor times the sum of exponentials may be below zero, for a fit of that exponent to be no better than the best.
    pub(super) room: [f64; LANES],
    /// What is left of that at the anchor itself.
    proves: [f64; LANES],
    /// Slopes of the objective by the law, row by row, one anchor per lane.
    pub(super) slopes: Aligned,
}

/// Buffers, one number per row and lane.
#[derive(Debug)]
pub(super) struct Buffers {
    basis: Aligned,
    distance: Aligned,
    cost: Aligned,
    pull: Aligned,
    bend: Aligned,
}

impl Batch {
    /// Take the anchors that prove more than those held.
    #[inline(always)]
    fn improve<V: Vector>(&mut self, room: V, proves: V, slopes: &[f64]) {
        let held = V::load(&self.proves);
        choose(held, proves, room, V::load(&self.room)).store(&mut self.room);
        choose(held, proves, proves, held).store(&mut self.proves);
        for (to, from) in self.slopes.chunks_exact_mut(LANES).zip(slopes.chunks_exact(LANES)) {
            choose(held, proves, V::load(from), V::load(to)).store(to);
        }
    }
}

impl Buffers {
    pub(super) fn new(rows: usize) -> Self {
        let zeros = || Aligned::zeros(rows * LANES);
        Self { basis: zeros(), distance: zeros(), cost: zeros(), pull: zeros(), bend: zeros() }
    }
}

/// x where a < b, else y; neither is infinite.
#[inline(always)]
fn choose<V: Vector>(a: V, b: V, x: V, y: V) -> V {
    x.where_less(a, b) + y.where_less(b, a) + y.where_equal(a, b)
}

/// The objective at a point, its gradient and its curvature.
#[derive(Clone, Copy)]
struct Look<V> {
    value: V,
    gradient: [V; 2],
    curvature: [V; 3],
    /// That of a quadratic above the objective which touches it here.
    majorant: [V; 3],
}

struct Inner<'a, V> {
    curve: &'a Curve,
    buffers: &'a mut Buffers,
    exponents: V,
    /// What residuals are multiplied by, so that the curved zone of the loss is as wide as that.
    narrower: V,
    /// Whether the loss of the logarithm is taken as it is.
    is_exact: bool,
}

/// The inner optima at these exponents.
pub(super) fn solve(curve: &Curve, exponents: [f64; LANES], buffers: &mut Buffers) -> Batch {
    dispatch_vector(Solve { curve, exponents, buffers })
}

struct Solve<'a> {
    curve: &'a Curve,
    exponents: [f64; LANES],
    buffers: &'a mut Buffers,
}

impl VectorKernel for Solve<'_> {
    type Output = Batch;

    #[inline(always)]
    fn run<V: Vector>(self) -> Batch {
        let Self { curve, exponents, buffers } = self;
        let n = curve.rows.len() * LANES;
        let mut inner = Inner { curve, buffers, exponents: V::load(&exponents), narrower: V::of(1.0), is_exact: false };
        inner.fill();
        let mut point = inner.least_squares();
        let zone = inner.zone();
        let mut mean = V::zero();
        if zone.is_some() {
            mean = inner.reweighted(&mut point);
        }
        let least = [-f64::MAX; LANES];
        let mut best = Batch { room: least, proves: least, slopes: Aligned::zeros(n) };
        if let Some((own, least)) = zone {
            for (share, steps) in ZONES {
                inner.narrower = V::of(own) / V::of(least).most(V::of(share) * mean);
                point = inner.descend(point, steps, &mut best);
            }
        } else {
            // Under raw squares this is the optimum already.
            point = inner.descend(point, if curve.is_log { ABOVE_STEPS } else { 1 }, &mut best);
        }
        if curve.is_convex_log {
            (inner.is_exact, inner.narrower) = (true, V::of(1.0));
            inner.descend(point, EXACT_STEPS, &mut best);
        }
        best
    }
}

impl<V: Vector> Inner<'_, V> {
    #[inline(always)]
    fn fill(&mut self) {
        for (row, to) in self.curve.rows.iter().zip(self.buffers.basis.chunks_exact_mut(LANES)) {
            let power = (self.exponents * V::of(-row.log)).most(V::of(-FAR));
            math::exp_bounded(power).store(to);
        }
    }

    /// The minimum of a quadratic, or that on the face where the point would leave it.
    #[inline(always)]
    fn minimum([h00, h01, h11]: [V; 3], [t0, t1]: [V; 2]) -> [V; 2] {
        let zero = V::zero();
        let determinant = V::of(1.0 + 1e-15) * h00 * h11 - h01 * h01;
        let e = (h11 * t0 - h01 * t1) / determinant;
        let m = (h00 * t1 - h01 * t0) / determinant;
        let (alone_e, alone_m) = ((t0 / h00).most(zero), (t1 / h11).most(zero));
        let constant = choose(e, zero, zero, choose(m, zero, alone_e, e));
        let factor = choose(e, zero, alone_m, choose(m, zero, zero, m));
        [constant, factor]
    }

    #[inline(always)]
    fn least_squares(&mut self) -> [V; 2] {
        let (mut h, mut t) = ([V::zero(); 3], [V::zero(); 2]);
        for (row, b) in self.curve.rows.iter().zip(self.buffers.basis.chunks_exact(LANES)) {
            let b = V::load(b);
            let w = row.weight * row.inverse_sigma * row.inverse_sigma * row.unit;
            add(&mut h, &mut t, b, V::of(w * row.unit), V::of(w * row.offset));
        }
        Self::minimum(h, t)
    }

    /// Least squares again and again, rows far off counting less.
    #[inline(always)]
    fn reweighted(&mut self, point: &mut [V; 2]) -> V {
        let (_, least) = self.zone().unwrap_or((0.0, 0.0));
        let share = 1.0 / self.curve.rows.iter().map(|row| row.weight).sum::<f64>();
        let (mut width, mut mean) = (V::of(f64::MAX), V::zero());
        for _ in 0..REWEIGHTED {
            let (mut h, mut t, mut total) = ([V::zero(); 3], [V::zero(); 2], V::zero());
            for (row, b) in self.curve.rows.iter().zip(self.buffers.basis.chunks_exact(LANES)) {
                let b = V::load(b);
                let s = V::of(row.unit) * point[1].fused(b, point[0]) - V::of(row.offset);
                let size = V::of(row.inverse_sigma) * s.most(-s);
                total = V::of(row.weight).fused(size, total);
                let w = V::of(row.weight * row.inverse_sigma * row.inverse_sigma * row.unit) / size.most(width);
                add(&mut h, &mut t, b, w * V::of(row.unit), w * V::of(row.offset));
            }
            *point = Self::minimum(h, t);
            mean = V::of(share) * total;
            width = V::of(least).most(V::of(ZONES[0].0) * mean);
        }
        mean
    }

    /// Width of the curved zone of the loss, and the least that may be taken for it; none where it is curved everywhere.
    fn zone(&self) -> Option<(f64, f64)> {
        match self.curve.smooth {
            Loss::Huber { delta } | Loss::SoftL1 { delta } => Some((delta, delta)),
            Loss::Ramp { width, .. } => Some((width, 0.0)),
            _ => None,
        }
    }

    #[inline(always)]
    fn look(&mut self, point: [V; 2]) -> Look<V> {
        let curve = self.curve;
        let Buffers { basis, distance, cost, pull, bend } = &mut *self.buffers;
        let n = curve.rows.len() * LANES;
        let farthest = math::exp(curve.straight_from);
        for ((row, b), to) in
            self.curve.rows.iter().zip(basis.chunks_exact(LANES)).zip(distance.chunks_exact_mut(LANES))
        {
            let f = V::of(row.unit) * point[1].fused(V::load(b), point[0]);
            if self.is_exact {
                // Where the loss would no longer be convex it goes on straight, which no fit that is no worse can tell.
                f.most(V::of(f64::MIN_POSITIVE)).least(V::of(farthest)).store(to);
                continue;
            }
            let s = f - V::of(row.offset);
            // A distance above zero counts for less.
            let s = V::of(row.above).fused(s.most(V::zero()), s.least(V::zero()));
            (self.narrower * V::of(row.inverse_sigma) * s).store(to);
        }
        if self.is_exact {
            for (row, to) in curve.rows.iter().zip(distance.chunks_exact_mut(LANES)) {
                for v in to {
                    *v = row.inverse_sigma * math::ln(*v);
                }
            }
        }
        self.curve.smooth.evaluate_in::<V>(&distance[..n], &mut cost[..n], &mut pull[..n], &mut bend[..n]);
        let zero = V::zero();
        let mut look = Look { value: zero, gradient: [zero; 2], curvature: [zero; 3], majorant: [zero; 3] };
        for (i, row) in self.curve.rows.iter().enumerate() {
            let at = i * LANES..(i + 1) * LANES;
            let (b, s) = (V::load(&basis[at.clone()]), V::load(&distance[at.clone()]));
            let weight = V::of(row.weight);
            look.value = weight.fused(V::load(&cost[at.clone()]), look.value);
            let psi = V::load(&pull[at.clone()]);
            if self.is_exact {
                // d/df of rho(z ln f), and the second derivative.
                let f = V::of(row.unit) * point[1].fused(b, point[0]);
                let near = f.most(V::of(f64::MIN_POSITIVE)).least(V::of(farthest));
                let slope = V::of(row.inverse_sigma * row.unit) / near;
                let c = weight * slope * psi;
                look.value = c.fused((f - near) * V::of(1.0 / row.unit), look.value);
                c.store(&mut pull[at.clone()]);
                look.gradient = [look.gradient[0] + c, c.fused(b, look.gradient[1])];
                let steep = weight * slope * slope;
                let by_log = V::of(-1.0 / row.inverse_sigma) * psi;
                bowl(&mut look.curvature, steep * (V::load(&bend[at]) + by_log).most(V::zero()), b);
                bowl(&mut look.majorant, steep * (V::of(1.0) + by_log.most(-by_log)), b);
                continue;
            }
            let slope = V::of(row.inverse_sigma * row.unit);
            let slope = choose(V::zero(), s, slope * V::of(row.above), slope);
            let c = weight * slope * psi;
            c.store(&mut pull[at.clone()]);
            look.gradient = [look.gradient[0] + c, c.fused(b, look.gradient[1])];
            let factor = self.narrower * weight * slope * slope;
            let bend = V::load(&bend[at]);
            let steep = (psi.most(-psi) / s.most(-s).most(V::of(f64::MIN_POSITIVE))).most(bend);
            bowl(&mut look.curvature, factor * bend, b);
            bowl(&mut look.majorant, factor * steep, b);
        }
        look
    }

    /// Newton's method; where a step leads up, that of the majorant, which never does.
    #[inline(always)]
    fn descend(&mut self, start: [V; 2], steps: usize, best: &mut Batch) -> [V; 2] {
        let (mut here, mut trial) = (start, start);
        let mut known: Option<Look<V>> = None;
        for step in 1..=steps {
            let look = self.look(trial);
            if step + 1 >= steps {
                self.keep(&look, trial, best);
            }
            let Some(old) = known else {
                known = Some(look);
                trial = Self::step(here, look.gradient, ridged(look.curvature, look.majorant));
                continue;
            };
            let (new, kept) = (look.value, old.value);
            let mut next = look;
            next.value = choose(new, kept, new, kept);
            for k in 0..2 {
                here[k] = choose(new, kept, trial[k], here[k]);
                next.gradient[k] = choose(new, kept, look.gradient[k], old.gradient[k]);
            }
            let mut matrix = look.curvature;
            for k in 0..3 {
                next.curvature[k] = choose(new, kept, look.curvature[k], old.curvature[k]);
                next.majorant[k] = choose(new, kept, look.majorant[k], old.majorant[k]);
                let newton = V::of(RIDGE).fused(next.majorant[k], next.curvature[k]);
                matrix[k] = choose(new, kept, newton, next.majorant[k]);
            }
            trial = Self::step(here, next.gradient, matrix);
            known = Some(next);
        }
        here
    }

    #[inline(always)]
    fn step(at: [V; 2], gradient: [V; 2], [h00, h01, h11]: [V; 3]) -> [V; 2] {
        let least = V::of(f64::MIN_POSITIVE);
        let (h00, h11) = (h00 + least, h11 + least);
        let right =
            [h00.fused(at[0], h01.fused(at[1], -gradient[0])), h01.fused(at[0], h11.fused(at[1], -gradient[1]))];
        let [e, m] = Self::minimum([h00, h01, h11], right);
        // Where no row curves the step is anything; it must not be lost among infinities.
        let far = V::of(1e3) * (at[0] + at[1]);
        [e.least(far), m.least(far)]
    }

    /// Keep what the slopes at a point prove, where it is more than before.
    #[inline(always)]
    fn keep(&self, look: &Look<V>, point: [V; 2], best: &mut Batch) {
        let curve = self.curve;
        let is_kinked = curve.loss.kink().is_some();
        // The conjugate of a kink is 0 for every slope that it has.
        let (mut dual, mut size) = (if is_kinked { V::zero() } else { look.value }, V::zero());
        let Buffers { basis, distance, pull, .. } = &*self.buffers;
        let rows = curve.rows.iter().zip(basis.chunks_exact(LANES));
        for (((row, b), s), c) in rows.zip(distance.chunks_exact(LANES)).zip(pull.chunks_exact(LANES)) {
            let (s, c) = (V::load(s), V::load(c));
            if self.is_exact {
                let f = point[1].fused(V::load(b), point[0]);
                dual = dual - c * f;
                size = c.most(-c).fused(f + V::of(curve.most), size);
                continue;
            }
            if !is_kinked {
                // The slope is that of the loss at s.
                let slope = V::of(row.inverse_sigma * row.unit);
                let slope = choose(V::zero(), s, slope * V::of(row.above), slope);
                dual = dual - c * s / slope;
            }
            let target = V::of(row.offset / row.unit);
            dual = dual - c * target;
            size = c.most(-c).fused(target.most(-target) + V::of(curve.most), size);
        }
        let lost = look.gradient[0].least(V::zero()) * V::of(curve.most);
        let bound = dual + lost - V::of(SUM_ROUNDED) * (size + look.value);
        let room = bound - V::of(curve.value);
        let proves = V::of(curve.most).fused(look.gradient[1].least(V::zero()), room);
        let n = curve.rows.len() * LANES;
        best.improve::<V>(room.most(V::of(-f64::MAX)), proves.most(V::of(-f64::MAX)), &pull[..n]);
    }
}

#[inline(always)]
fn add<V: Vector>(h: &mut [V; 3], t: &mut [V; 2], b: V, weight: V, target: V) {
    let wb = weight * b;
    *h = [h[0] + weight, h[1] + wb, wb.fused(b, h[2])];
    *t = [t[0] + target, target.fused(b, t[1])];
}

#[inline(always)]
fn bowl<V: Vector>(h: &mut [V; 3], k: V, b: V) {
    let kb = k * b;
    *h = [h[0] + k, h[1] + kb, kb.fused(b, h[2])];
}

#[inline(always)]
fn ridged<V: Vector>(curvature: [V; 3], majorant: [V; 3]) -> [V; 3] {
    let mut matrix = curvature;
    for k in 0..3 {
        matrix[k] = V::of(RIDGE).fused(majorant[k], curvature[k]);
    }
    matrix
}
