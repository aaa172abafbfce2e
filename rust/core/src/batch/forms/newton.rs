//! Newton's method from many starts of two powers, eight at a time, a start a lane. Steps know how the slopes of the law bend, so a run
//! along the ridge of two powers ends in a few looks, where squares of slopes alone need tens.

mod model;

use super::curve::Curve;
use super::race::{exp, ln, select};
use super::start::Start;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector};
pub(super) use model::falling;
#[cfg(test)]
pub(super) use model::law;
use model::{BENDS, FAST, Model, P, SLOW, look};

/// Damping of the first step, relative to the metric, what of it is left after a step as good as promised, and its ends.
const FIRST: f64 = 1e-2;
const EASED: f64 = 0.03;
const AGAIN: f64 = 1e-5;
const LEAST: f64 = 1e-10;
const MOST: f64 = 1e12;

/// Damping of a run that has lost its way.
const LOST: f64 = 1e6;

/// What of the metric is kept from one step to the next.
const KEPT: f64 = 0.9;

/// A metric so small that its parameter says nothing.
const NOTHING: f64 = 1e-30;

/// Decrease, relative to the objective, that no step goes on for.
const LITTLE: f64 = 1e-13;

/// How many times a step is solved again for what the box stops.
const PASSES: usize = 3;

/// How many times as high the objective may rise on a step on which the amplitudes are still to be solved.
const FAR: f64 = 16.0;

/// Damping of the amplitudes, in which the law is linear.
const LINEAR: f64 = 1e-10;

/// Rounds after which a run may be given up of which a step promises less than this share of what it lies above another.
const PATIENCE: usize = 6;
const HOPELESS: f64 = 1e-2;

/// Share of a diagonal below which a pivot is rounding, and below which the bends say nothing.
const ROUNDING: f64 = 1e-14;
const DEFINITE: f64 = 1e-9;

/// Run every start for at most so many rounds, or until nothing is left to gain; their scores are the objective where they end.
pub(super) fn descend(curve: &Curve, starts: &mut [Start<P>], rounds: usize) {
    let mut lowest = f64::INFINITY;
    for eight in starts.chunks_mut(LANES) {
        lowest = dispatch_vector(Descent { curve, starts: eight, rounds, lowest });
    }
    starts.sort_by(|a, b| a.score.total_cmp(&b.score));
}

struct Descent<'a> {
    curve: &'a Curve,
    starts: &'a mut [Start<P>],
    rounds: usize,
    /// The lowest objective of a law that others have found.
    lowest: f64,
}

impl VectorKernel for Descent<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<V: Vector>(self) -> f64 {
        let Self { curve, starts, rounds, mut lowest } = self;
        let (zero, one) = (V::zero(), V::of(1.0));
        let (mut q, mut lower, mut upper) = ([zero; P], [zero; P], [zero; P]);
        for a in 0..P {
            let (mut from, mut least, mut most) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            for l in 0..LANES {
                let start = &starts[l.min(starts.len() - 1)];
                (from[l], least[l], most[l]) = (start.q[a], start.lower[a], start.upper[a]);
            }
            (lower[a], upper[a]) = (V::load(&least), V::load(&most));
            q[a] = V::load(&from).least(upper[a]).most(lower[a]);
        }
        let gap = gap(curve);
        let mut here = look(curve, &q, gap);
        let mut metric = [zero; P];
        let (mut damping, mut growth) = (V::of(FIRST), V::of(4.0));
        let (mut is_settled, mut is_over) = (zero, zero);
        for round in 1..rounds {
            for a in 0..P {
                metric[a] = (metric[a] * V::of(KEPT)).most(here.squares[a][a]);
            }
            let (hessian, to, moved) = step(&here, &metric, damping, &q, (&lower, &upper), gap);
            let promised = promise(&here.gradient, &hessian, &moved);
            // Under much damping every step promises little.
            let size = promised.most(-promised);
            let little = one.where_less(size, V::of(LITTLE) * here.value).where_less(damping, one);
            is_settled = is_settled.most(little);
            is_over = is_over.most(is_settled).most(one.where_less(V::of(LOST), damping));
            if round >= PATIENCE {
                let mut values = [0.0; LANES];
                here.value.store(&mut values);
                lowest = values.iter().fold(lowest, |lowest, value| lowest.min(*value));
                let above = V::of(HOPELESS) * (here.value - V::of(lowest));
                is_over = is_over.most(one.where_less(size, above));
            }
            if (one - is_over).nonzero() == 0 {
                break;
            }
            let there = look(curve, &to, gap);
            // Far from their best the amplitudes promise what they do not keep.
            let is_solved_lower =
                one.where_less(there.solved, here.solved).where_less(there.value, V::of(FAR) * here.value);
            let is_lower = is_solved_lower.most(one.where_less(there.value, here.value));
            let promised = promised - (here.value - here.solved);
            let ratio = (here.solved - there.solved) / promised.most(V::of(1e-300));
            // Where the amplitudes were wrong, what solving them would give was so too, and says nothing of the step.
            let ratio =
                select(is_solved_lower.most(one - is_lower), ratio, V::of(0.5)).least(V::of(2.0)).most(V::of(-2.0));
            let z = V::of(2.0) * ratio - one;
            let eased = damping * V::of(EASED).most(one - z * z * z);
            damping =
                select(is_lower, eased, (damping * growth).most(V::of(AGAIN))).least(V::of(MOST)).most(V::of(LEAST));
            growth = select(is_lower, V::of(4.0), growth * V::of(4.0)).least(V::of(MOST));
            here.value = select(is_lower, there.value, here.value);
            here.solved = select(is_lower, there.solved, here.solved);
            for a in 0..P {
                q[a] = select(is_lower, to[a], q[a]);
                here.gradient[a] = select(is_lower, there.gradient[a], here.gradient[a]);
                for b in 0..=a {
                    here.squares[a][b] = select(is_lower, there.squares[a][b], here.squares[a][b]);
                }
            }
            for k in 0..BENDS {
                here.bends[k] = select(is_lower, there.bends[k], here.bends[k]);
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
            for a in 0..P {
                start.q[a] = points[a][l];
            }
            start.is_settled = settled[l] > 0.0;
        }
        lowest
    }
}

/// The unit in which the fast power runs: how far the second x lies from the first, in ln x, unless they are all but the same.
fn gap(curve: &Curve) -> f64 {
    /// Share of the width of the rows.
    const LEAST: f64 = 1e-6;
    let first = curve.ends().0;
    let second = curve.u.iter().copied().find(|u| *u > first).unwrap_or(first);
    (second - first).max(LEAST * curve.width())
}

/// The damped step: the Hessian that it is made of, with the bends where that has a least point, where the step leads, and the step.
#[inline(always)]
fn step<V: Vector>(
    model: &Model<V>,
    metric: &[V; P],
    damping: V,
    q: &[V; P],
    (lower, upper): (&[V; P], &[V; P]),
    gap: f64,
) -> ([[V; P]; P], [V; P], [V; P]) {
    let (zero, one) = (V::zero(), V::of(1.0));
    let (mut free, mut right, mut own) = ([one; P], [zero; P], [zero; P]);
    for a in 0..P {
        let inward = one.where_less(zero, model.gradient[a]);
        let outward = one.where_less(model.gradient[a], zero);
        let at_lower = one - one.where_less(lower[a], q[a]);
        let at_upper = one - one.where_less(q[a], upper[a]);
        free[a] = one - (inward * at_lower).most(outward * at_upper);
        right[a] = -model.gradient[a] * free[a];
        let damping = if a == SLOW || a == FAST { damping } else { V::of(LINEAR) };
        own[a] = damping * metric[a].most(V::of(NOTHING));
    }
    let mut hessian = model.hessian(one);
    let (sound, mut step) = solve(&hessian, &own, &free, &right);
    if (one - sound).nonzero() != 0 {
        hessian = model.hessian(sound);
        (_, step) = solve(&hessian, &own, &free, &right);
    }
    let (mut to, mut moved, mut stops) = within(q, &step, (lower, upper), gap);
    // What would leave its box goes to the end of it, and the others as far as that lets them.
    for _ in 0..PASSES {
        if total(&stops).nonzero() == 0 {
            break;
        }
        for a in 0..P {
            for b in 0..P {
                let (i, j) = if a < b { (b, a) } else { (a, b) };
                right[a] = right[a] - hessian[i][j] * stops[b] * moved[b];
            }
        }
        for a in 0..P {
            step[a] = moved[a];
            free[a] = free[a] * (one - stops[a]);
            right[a] = right[a] * free[a];
        }
        let (_, rest) = solve(&hessian, &own, &free, &right);
        for a in 0..P {
            step[a] = select(free[a], rest[a], step[a]);
        }
        (to, moved, stops) = within(q, &step, (lower, upper), gap);
        for a in 0..P {
            stops[a] = stops[a] * free[a];
        }
    }
    (hessian, to, moved)
}

/// Where a step leads within the box, the step as far as it is taken, and which coordinates the box stops.
#[inline(always)]
fn within<V: Vector>(
    q: &[V; P],
    step: &[V; P],
    (lower, upper): (&[V; P], &[V; P]),
    gap: f64,
) -> ([V; P], [V; P], [V; P]) {
    let (one, gap) = (V::of(1.0), V::of(gap));
    let (mut to, mut moved, mut stops) = (*q, *step, *step);
    for a in 0..P {
        let there = if a == FAST {
            // The fast power runs in what it leaves at the second x, in which its way to nothing is short.
            q[a] - ln((-gap).fused(step[a], one).most(V::of(f64::MIN_POSITIVE))) / gap
        } else {
            q[a] + step[a]
        };
        to[a] = there.least(upper[a]).most(lower[a]);
        stops[a] = one - one.where_equal(to[a], there);
        let taken = if a == FAST { (one - exp((q[a] - to[a]) * gap)) / gap } else { to[a] - q[a] };
        moved[a] = select(stops[a], taken, step[a]);
    }
    (to, moved, stops)
}

#[inline(always)]
fn total<V: Vector>(parts: &[V; P]) -> V {
    let mut sum = V::zero();
    for part in parts {
        sum = sum + *part;
    }
    sum
}

/// The solution of (`hessian` + `own`) x = `right` in the coordinates that are `free`, and whether the equations have a least point.
#[inline(always)]
fn solve<V: Vector>(hessian: &[[V; P]; P], own: &[V; P], free: &[V; P], right: &[V; P]) -> (V, [V; P]) {
    let (zero, one) = (V::zero(), V::of(1.0));
    let mut sound = one;
    let (mut factor, mut scaled) = ([[zero; P]; P], [[zero; P]; P]);
    let (mut inverse, mut x) = ([zero; P], [zero; P]);
    for i in 0..P {
        for j in 0..i {
            let mut sum = hessian[i][j] * free[i] * free[j];
            for k in 0..j {
                sum = (-scaled[i][k]).fused(factor[j][k], sum);
            }
            scaled[i][j] = sum;
            factor[i][j] = sum * inverse[j];
        }
        let diagonal = select(free[i], hessian[i][i] + own[i], one);
        let mut pivot = diagonal;
        for k in 0..i {
            pivot = (-scaled[i][k]).fused(factor[i][k], pivot);
        }
        let size = diagonal.most(-diagonal);
        sound = sound.where_less(V::of(DEFINITE) * size, pivot);
        inverse[i] = one / pivot.most(size * V::of(ROUNDING));
        let mut sum = right[i];
        for k in 0..i {
            sum = (-factor[i][k]).fused(x[k], sum);
        }
        x[i] = sum;
    }
    for i in (0..P).rev() {
        let mut sum = x[i] * inverse[i];
        for k in i + 1..P {
            sum = (-factor[k][i]).fused(x[k], sum);
        }
        x[i] = sum;
    }
    (sound, x)
}

/// The decrease that the quadratic model promises for a step.
#[inline(always)]
fn promise<V: Vector>(gradient: &[V; P], hessian: &[[V; P]; P], step: &[V; P]) -> V {
    let mut promised = V::zero();
    for i in 0..P {
        let mut slope = V::of(0.5) * hessian[i][i] * step[i] + gradient[i];
        for j in 0..i {
            slope = hessian[i][j].fused(step[j], slope);
        }
        promised = (-step[i]).fused(slope, promised);
    }
    promised
}
