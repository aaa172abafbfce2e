//! Damped least squares from many starts, eight at a time, a start a lane: no sum runs across lanes, and one factorisation
//! serves eight.

use super::curve::Curve;
use super::start::{Start, keep_best};
use crate::simd::vector::by_lane;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Rounds of the first heat, and starts that go on.
const ROUNDS: usize = 10;
const FINALISTS: usize = 8;

/// Rounds of each heat that follows, and how far above the lowest objective (as a factor) a run that has not settled may lie to take
/// part in it.
const HEATS: [(usize, f64); 3] = [(40, 2.0), (40, 1.5), (40, 1.1)];

/// Damping of the first step, relative to the metric, and its ends.
const FIRST: f64 = 1e-2;
const LEAST: f64 = 1e-12;
const MOST: f64 = 1e12;

/// What of the metric is kept from one step to the next.
const KEPT: f64 = 0.9;

/// A metric so small that its parameter says nothing.
const NOTHING: f64 = 1e-30;

/// Decrease, relative to the objective, that no step goes on for.
const LITTLE: f64 = 1e-13;

/// Decrease, relative to the objective, from which on steps take in how the slopes have changed, beyond what squares of them say: by
/// then a run is slow rather than far.
const NEAR: f64 = 1e-2;

/// Share of a change of the slopes that must lie along the step to say anything.
const ALONG: f64 = 1e-8;

/// Share of a diagonal below which a pivot is rounding.
const ROUNDING: f64 = 1e-14;

/// A law in the coordinates in which its starts run.
pub(super) trait Shape<const P: usize>: Copy {
    /// What is computed once for all rows, from the coordinates and their upper bounds.
    #[inline(always)]
    fn ready<V: Vector>(self, _q: &[V; P], _upper: &[V; P]) -> V {
        V::zero()
    }

    /// The law at `u` (ln x from the middle of the rows), in units of `Curve::unit`, and its derivatives by the coordinates `q`.
    fn at<V: Vector>(self, u: V, q: &[V; P], ready: V) -> (V, [V; P]);
}

/// Run every start for at most so many rounds, or until nothing is left to gain; their scores are the objective where they end.
pub(super) fn race<S: Shape<P>, const P: usize>(curve: &Curve, shape: S, starts: &mut [Start<P>], rounds: usize) {
    for eight in starts.chunks_mut(LANES) {
        race_eight(curve, shape, eight, rounds);
    }
    starts.sort_by(|a, b| a.score.total_cmp(&b.score));
}

/// The same for at most eight starts, which stay in their order.
pub(super) fn race_eight<S: Shape<P>, const P: usize>(curve: &Curve, shape: S, starts: &mut [Start<P>], rounds: usize) {
    dispatch_vector(Race { curve, shape, starts, rounds });
}

/// Race the best `most` starts, then the best of these until what may be the lowest has settled.
pub(super) fn heats<S: Shape<P>, const P: usize>(curve: &Curve, shape: S, starts: &mut Vec<Start<P>>, most: usize) {
    first_heat(curve, shape, starts, most);
    starts.truncate(FINALISTS);
    settle(curve, shape, starts);
}

/// Race the best `most` starts for the rounds of the first heat.
fn first_heat<S: Shape<P>, const P: usize>(curve: &Curve, shape: S, starts: &mut Vec<Start<P>>, most: usize) {
    keep_best(starts, most);
    race(curve, shape, starts, ROUNDS);
}

/// Race the best so many starts of each kind, then the best of every kind together until what may be the lowest of all has settled:
/// a kind that is far from the lowest is not raced to its end.
pub(super) fn heats_together<S: Shape<P>, const P: usize>(
    curve: &Curve,
    shape: S,
    kinds: impl IntoIterator<Item = (Vec<Start<P>>, usize)>,
) -> Vec<Start<P>> {
    let mut all = Vec::new();
    for (mut starts, most) in kinds {
        first_heat(curve, shape, &mut starts, most);
        starts.truncate(FINALISTS);
        all.extend(starts);
    }
    all.sort_by(|a, b| a.score.total_cmp(&b.score));
    settle(curve, shape, &mut all);
    all
}

/// Race these starts until what may be the lowest of them has settled.
pub(super) fn settle<S: Shape<P>, const P: usize>(curve: &Curve, shape: S, starts: &mut Vec<Start<P>>) {
    for (rounds, reach) in HEATS {
        let Some(lowest) = starts.first().map(|start| start.score) else { return };
        let (mut open, closed): (Vec<_>, Vec<_>) =
            starts.iter().partition(|start| !start.is_settled && start.score <= reach * lowest);
        if open.is_empty() {
            return;
        }
        race(curve, shape, &mut open, rounds);
        open.extend(closed);
        *starts = open;
        starts.sort_by(|a, b| a.score.total_cmp(&b.score));
    }
}

struct Race<'a, S, const P: usize> {
    curve: &'a Curve,
    shape: S,
    starts: &'a mut [Start<P>],
    rounds: usize,
}

/// The objective at eight points, with gradient and Gauss-Newton Hessian (lower triangle).
#[derive(Clone, Copy)]
struct Model<V, const P: usize> {
    value: V,
    gradient: [V; P],
    hessian: [[V; P]; P],
}

/// e raised to every lane.
#[inline(always)]
pub(super) fn exp<V: Vector>(v: V) -> V {
    by_lane(v, math::exp)
}

/// The natural logarithm of every lane.
#[inline(always)]
pub(super) fn ln<V: Vector>(v: V) -> V {
    by_lane(v, math::ln)
}

/// `yes` where `mask` is 1, `no` where it is 0.
#[inline(always)]
pub(super) fn select<V: Vector>(mask: V, yes: V, no: V) -> V {
    let half = V::of(0.5);
    yes.where_less(half, mask) + no.where_less(mask, half)
}

impl<S: Shape<P>, const P: usize> VectorKernel for Race<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { curve, shape, starts, rounds } = self;
        let lanes = |of: &dyn Fn(&Start<P>, usize) -> f64| -> [V; P] {
            std::array::from_fn(|a| {
                V::load(&std::array::from_fn::<f64, LANES, _>(|l| of(&starts[l.min(starts.len() - 1)], a)))
            })
        };
        let lower = lanes(&|s, a| s.lower[a]);
        let upper = lanes(&|s, a| s.upper[a]);
        let mut q = lanes(&|s, a| s.q[a].clamp(s.lower[a], s.upper[a]));
        let mut here = look(curve, shape, &q, &upper);
        let mut metric = here.gradient;
        for a in 0..P {
            metric[a] = here.hessian[a][a];
        }
        let (one, mut damping, mut growth) = (V::of(1.0), V::of(FIRST), V::of(2.0));
        let mut rest = [[V::zero(); P]; P];
        let (mut is_near, mut is_settled) = (V::zero(), V::zero());
        for _ in 1..rounds {
            for a in 0..P {
                metric[a] = (metric[a] * V::of(KEPT)).most(here.hessian[a][a]);
            }
            let mut whole = here;
            for a in 0..P {
                for b in 0..=a {
                    whole.hessian[a][b] = is_near.fused(rest[a][b], here.hessian[a][b]);
                }
            }
            let step = step(&whole, &metric, damping, &q, &lower, &upper);
            let (mut to, mut moved) = (q, step);
            for a in 0..P {
                to[a] = (q[a] + step[a]).least(upper[a]).most(lower[a]);
                moved[a] = to[a] - q[a];
            }
            let promised = promise(&whole, &moved);
            // Under much damping every step promises little, and one that the box cuts short may promise a rise.
            let little = V::of(LITTLE) * here.value;
            is_settled = one.where_less(promised.most(-promised), little).where_less(damping, one);
            if (one - is_settled).nonzero() == 0 {
                break;
            }
            let there = look(curve, shape, &to, &upper);
            let lower_there = one.where_less(there.value, here.value);
            let change = rank_one(&here, &there, &rest, &moved);
            is_near = lower_there.where_less(promised, V::of(NEAR) * here.value);
            let ratio = (here.value - there.value) / promised.most(V::of(1e-300));
            let z = V::of(2.0) * ratio - one;
            let eased = damping * V::of(0.1).most(one - z * z * z);
            damping = select(lower_there, eased, damping * growth).least(V::of(MOST)).most(V::of(LEAST));
            growth = select(lower_there, V::of(2.0), growth * V::of(2.0)).least(V::of(MOST));
            here.value = select(lower_there, there.value, here.value);
            for a in 0..P {
                q[a] = select(lower_there, to[a], q[a]);
                here.gradient[a] = select(lower_there, there.gradient[a], here.gradient[a]);
                for b in 0..=a {
                    here.hessian[a][b] = select(lower_there, there.hessian[a][b], here.hessian[a][b]);
                    // A step that failed says that what was known of the rest is wrong.
                    rest[a][b] = select(lower_there, rest[a][b] + change[a][b], V::zero());
                }
            }
        }
        let (mut values, mut settled, mut points) = ([0.0; LANES], [0.0; LANES], [[0.0; LANES]; P]);
        here.value.store(&mut values);
        is_settled.store(&mut settled);
        for a in 0..P {
            q[a].store(&mut points[a]);
        }
        for (l, start) in starts.iter_mut().enumerate() {
            start.score = if values[l].is_finite() { values[l] } else { f64::INFINITY };
            start.q = std::array::from_fn(|a| points[a][l]);
            start.is_settled = settled[l] > 0.0;
        }
    }
}

/// The model at eight points; the objective is infinite where the law has no logarithm.
#[inline(always)]
fn look<S: Shape<P>, V: Vector, const P: usize>(curve: &Curve, shape: S, q: &[V; P], upper: &[V; P]) -> Model<V, P> {
    let zero = V::zero();
    let mut model = Model { value: zero, gradient: [zero; P], hessian: [[zero; P]; P] };
    let ready = shape.ready(q, upper);
    for i in 0..curve.rows() {
        let (f, mut slopes) = shape.at(V::of(curve.u[i]), q, ready);
        let (residual, chain) = if curve.is_log {
            (ln(f) - V::of(curve.observed[i]), V::of(1.0) / f)
        } else {
            (f - V::of(curve.observed[i]), V::of(1.0))
        };
        let weight = V::of(curve.weight[i]);
        model.value = (weight * residual).fused(residual, model.value);
        for a in 0..P {
            slopes[a] = slopes[a] * chain;
            let weighted = weight * slopes[a];
            model.gradient[a] = weighted.fused(residual, model.gradient[a]);
            for b in 0..=a {
                model.hessian[a][b] = weighted.fused(slopes[b], model.hessian[a][b]);
            }
        }
    }
    let half = V::of(0.5) * model.value;
    // Nothing is less than what is not a number.
    let sound = V::of(1.0).where_less(half, V::of(f64::MAX));
    model.value = select(sound, half, V::of(f64::INFINITY));
    model
}

/// The damped step of the coordinates that no bound holds.
#[inline(always)]
fn step<V: Vector, const P: usize>(
    model: &Model<V, P>,
    metric: &[V; P],
    damping: V,
    q: &[V; P],
    lower: &[V; P],
    upper: &[V; P],
) -> [V; P] {
    let (zero, one) = (V::zero(), V::of(1.0));
    let mut free = [one; P];
    for a in 0..P {
        let inward = one.where_less(zero, model.gradient[a]);
        let outward = one.where_less(model.gradient[a], zero);
        let at_lower = one - one.where_less(lower[a], q[a]);
        let at_upper = one - one.where_less(q[a], upper[a]);
        free[a] = one - (inward * at_lower).most(outward * at_upper);
    }
    let mut factor = [[zero; P]; P];
    let mut inverse = [zero; P];
    let mut solution = [zero; P];
    for i in 0..P {
        let own = damping.fused(metric[i].most(V::of(NOTHING)), model.hessian[i][i]);
        let diagonal = select(free[i], own, one);
        for j in 0..=i {
            let mut sum = if i == j { diagonal } else { model.hessian[i][j] * free[i] * free[j] };
            for k in 0..j {
                sum = (-factor[i][k]).fused(factor[j][k], sum);
            }
            if i == j {
                inverse[i] = one / by_lane(sum.most(diagonal * V::of(ROUNDING)), f64::sqrt);
            } else {
                factor[i][j] = sum * inverse[j];
            }
        }
        let mut sum = -model.gradient[i] * free[i];
        for k in 0..i {
            sum = (-factor[i][k]).fused(solution[k], sum);
        }
        solution[i] = sum * inverse[i];
    }
    for i in (0..P).rev() {
        let mut sum = solution[i];
        for k in i + 1..P {
            sum = (-factor[k][i]).fused(solution[k], sum);
        }
        solution[i] = sum * inverse[i];
    }
    solution
}

/// What must be added to the rest of the Hessian so that it says how the slopes changed along a step: the symmetric update of rank one.
#[inline(always)]
fn rank_one<V: Vector, const P: usize>(
    here: &Model<V, P>,
    there: &Model<V, P>,
    rest: &[[V; P]; P],
    step: &[V; P],
) -> [[V; P]; P] {
    let mut left = there.gradient;
    for a in 0..P {
        left[a] = left[a] - here.gradient[a];
        for b in 0..P {
            let (i, j) = if a < b { (b, a) } else { (a, b) };
            left[a] = (-(there.hessian[i][j] + rest[i][j])).fused(step[b], left[a]);
        }
    }
    let (mut along, mut square, mut length) = (V::zero(), V::zero(), V::zero());
    for a in 0..P {
        along = left[a].fused(step[a], along);
        square = left[a].fused(left[a], square);
        length = step[a].fused(step[a], length);
    }
    // Whether along^2 > ALONG^2 |left|^2 |step|^2, else nothing is learnt.
    let counts = V::of(1.0).where_less(V::of(ALONG * ALONG) * square * length, along * along);
    let inverse = select(counts, V::of(1.0) / along, V::zero());
    let mut change = [[V::zero(); P]; P];
    for a in 0..P {
        for b in 0..=a {
            change[a][b] = left[a] * left[b] * inverse;
        }
    }
    change
}

/// The decrease that the quadratic model promises for a step.
#[inline(always)]
fn promise<V: Vector, const P: usize>(model: &Model<V, P>, step: &[V; P]) -> V {
    let mut promised = V::zero();
    for i in 0..P {
        let mut slope = V::of(0.5) * model.hessian[i][i] * step[i] + model.gradient[i];
        for j in 0..i {
            slope = model.hessian[i][j].fused(step[j], slope);
        }
        promised = (-step[i]).fused(slope, promised);
    }
    promised
}
