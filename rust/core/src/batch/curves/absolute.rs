//! Absolute deviations of short curves: the walk of smooth losses finds where to look, an exact one every valley there.

use super::cost::{Absolute, Scale};
use super::hold::Hold;
use super::look::{Engine, Point};
use super::place::Side;
use super::profile::{Bottom, Trace};
use super::search::Domain;
use super::walk::{ENDS, LIMIT, Walk};
use crate::simd::math;

/// Exponents whose walked values are up to so many times the least are looked at exactly; of these, those up to so many times the
/// least exact one more closely, in so many steps from each to the next.
const CLOSE: f64 = 1.5;
const VERY_CLOSE: f64 = 1.05;
const STEPS: usize = 4;

/// Root mean square of relative residuals from which on the law of an exponent is sought from more than one side.
const WIDE: f64 = 0.03;

/// The same for another round of it, relative to the best bottom; no more rounds.
const CLOSER: [f64; 2] = [1.01, 0.0];

/// Shares of the exponent of the best one at which a look is taken around it, and how often where another is better.
const BESIDE: [f64; 10] = [0.92, 0.96, 0.98, 0.99, 0.996, 1.004, 1.01, 1.02, 1.04, 1.09];
const MOST_ROUNDS: usize = 4;

/// Valleys are followed to their bottom from exponents whose value is up to so many times the best.
const FOLLOWED: f64 = 1.02;

/// Factor between exponents beyond the walk, and a times the distance of the second x where they end; from where on that x feels
/// nothing.
const STEP: f64 = 1.6;
const END: f64 = 20.0;
const GONE: f64 = 40.0;

/// Share of the largest exponent that can be written down which is gone to, and how often that is tried.
const NEARER: f64 = 1.0 - 1e-9;
const ATTEMPTS: usize = 5;

/// Share of the first exponent of a walk down to which a valley before it is sought.
const BEFORE: f64 = 1e-7;

/// Relative rise of the objective that still counts as level on the way to infinity.
const LEVEL: f64 = 1e-9;

/// Ratio of objectives that differ by rounding.
const SAME: f64 = 1.0 + 1e-13;

/// Where the best law lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lowest {
    Bottom(Bottom),
    /// Without a power.
    Level(Trace),
    /// At an infinite exponent.
    Limit(Trace),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    pub(super) side: Side,
    pub(super) place: Lowest,
    pub(super) starts: usize,
}

/// The lower of two.
fn lower(one: Trace, other: Trace) -> Trace {
    if other.seen.value < one.seen.value { other } else { one }
}

/// The bottoms found so far.
#[derive(Debug, Default)]
struct Valleys {
    best: Option<Bottom>,
    known: Vec<f64>,
    starts: usize,
}

impl Valleys {
    fn value(&self) -> f64 {
        self.best.map_or(f64::INFINITY, |best| best.value())
    }
}

impl<S: Scale> Engine<'_, S, Absolute> {
    /// The best fit; None where it is for the general search.
    pub(super) fn search_exactly(&mut self, domain: &Domain) -> Option<Least> {
        let side = if domain.sides[0] { Side::Falling } else { Side::Rising };
        if !self.has_four_places(side) {
            return None;
        }
        self.merge_repeated_rows();
        let walk = self.walk(side, &domain.places, domain.signs);
        let least = walk.value.iter().fold(f64::INFINITY, |least, v| least.min(*v));
        if !least.is_finite() {
            return None;
        }
        let mut traces = self.coarse(side, &walk, CLOSE * least)?;
        let mut valleys = Valleys::default();
        let value = |trace: &Trace| trace.seen.value;
        let mut highest = VERY_CLOSE * traces.iter().map(value).fold(f64::INFINITY, f64::min);
        for closer in CLOSER {
            traces = self.between(side, &traces, |low, high| value(low).min(value(high)) <= highest)?;
            self.enter_valleys(side, &traces, &mut valleys)?;
            highest = closer * valleys.value();
        }
        self.look_around(side, &mut valleys)?;
        let place = self.lowest(side, &traces, &valleys)?;
        Some(Least { side, place, starts: valleys.starts.max(1) })
    }

    /// The best of all bottoms, faces and limits.
    fn lowest(&mut self, side: Side, traces: &[Trace], valleys: &Valleys) -> Option<Lowest> {
        let seen = traces.iter().filter(|trace| self.is_expressible(side, trace.seen.point));
        let lowest = seen.min_by(|a, b| a.seen.value.total_cmp(&b.seen.value)).copied();
        let value = valleys.value();
        let finite = lowest.map_or(value, |lowest| value.min(lowest.seen.value));
        // What hardly gains anything, or is as good from somewhere on, is the infinite one itself.
        let last = traces.last()?;
        if last.a >= (1.0 - LEVEL) * END / self.gap(side) {
            let far = self.far(side, last)?;
            if !far.is_level() && far.seen.value * (1.0 - LEVEL) < finite {
                return Some(Lowest::Limit(far));
            }
        }
        if let Some(level) = lowest.filter(|lowest| lowest.is_level() && lowest.seen.value <= SAME * value) {
            return Some(Lowest::Level(level));
        }
        if let Some(best) = valleys.best.filter(|best| best.value() <= SAME * finite) {
            return Some(Lowest::Bottom(best));
        }
        // What is lower than every bottom lies beyond the ends, unless no power was any better than none.
        let level = self.level_trace(side, traces[0].a)?;
        (level.seen.value <= SAME * finite).then_some(Lowest::Level(level))
    }

    /// The best law without a power.
    fn level_trace(&mut self, side: Side, a: f64) -> Option<Trace> {
        let rows = (0..self.placed.rows).filter(|&i| self.w.present[i] > 0.0).collect::<Vec<_>>();
        let through = rows.into_iter().filter_map(|i| {
            let pair = [Hold::Row(i), Hold::NoPower];
            self.meet(side, a, pair).map(|seen| Trace { a, pair, seen, slope: 0.0 })
        });
        through.min_by(|one, other| one.seen.value.total_cmp(&other.seen.value))
    }

    /// Whether the amplitude has a number in the caller's units.
    fn is_expressible(&self, side: Side, [_, slope, a]: Point) -> bool {
        slope == 0.0 || a <= self.farthest(side, slope / a)
    }

    /// Give the weight of every repeated row to the first of its kind: together they hold a point as one.
    fn merge_repeated_rows(&mut self) {
        let (rows, w) = (self.placed.rows, &mut *self.w);
        for i in 0..rows {
            for j in 0..i {
                if w.logs[i] == w.logs[j]
                    && w.observed[i] == w.observed[j]
                    && w.aim[i] == w.aim[j]
                    && w.present[j] > 0.0
                {
                    w.present[j] += w.present[i];
                    w.present[i] = 0.0;
                    break;
                }
            }
        }
    }

    /// Whether there are four different x.
    fn has_four_places(&self, side: Side) -> bool {
        let rows = &self.w.logs(side)[..self.placed.rows];
        let mut last = 0.0;
        for _ in 0..3 {
            last = rows.iter().fold(f64::INFINITY, |least, l| if *l > last && *l < least { *l } else { least });
        }
        last.is_finite()
    }

    /// Exact values at the exponents of a walk that are not above `highest`, and at the two beside them; beyond where these end at
    /// its last.
    fn coarse(&mut self, side: Side, walk: &Walk, highest: f64) -> Option<Vec<Trace>> {
        let near = |k: &usize| walk.value[*k] <= highest;
        let (first, last) = ((0..=LIMIT).find(near)?, (0..=LIMIT).rfind(near)?);
        let first = first.saturating_sub(1).min(LIMIT - 1);
        let mut traces = Vec::with_capacity(16);
        let mut pair = self.pair_near(side, [walk.constant[first], walk.amplitude[first], walk.exponent[first]])?;
        if first == 0 {
            traces.push(self.trace(side, BEFORE * walk.exponent[0], pair)?);
        }
        for k in first..=(last + 1).min(LIMIT - 1) {
            let mut trace = self.trace(side, walk.exponent[k], pair)?;
            // A law that is best near that of the last exponent is not always the best of this one.
            for other in self.other_pairs(side, walk, k) {
                trace = lower(trace, self.trace(side, walk.exponent[k], other)?);
            }
            pair = trace.pair;
            traces.push(trace);
        }
        // The profile falls beyond what the walk took to be near.
        let mut k = first;
        while k > 0 && traces[0].slope > 0.0 {
            k -= 1;
            let trace = self.trace(side, walk.exponent[k], traces[0].pair)?;
            traces.insert(0, trace);
        }
        let mut k = last + 1;
        while k < LIMIT - 1 && traces.last()?.slope < 0.0 {
            k += 1;
            let trace = self.trace(side, walk.exponent[k], traces.last()?.pair)?;
            traces.push(trace);
        }
        if traces.last()?.a >= walk.exponent[LIMIT - 1] {
            let (from, to) = (ENDS.1 / self.placed.width, END / self.gap(side));
            let steps = (math::ln(to / from) / math::ln(STEP)).ceil().max(0.0);
            for k in 1..=steps as usize {
                let a = from * math::exp(math::ln(to / from) * k as f64 / steps);
                let trace = self.trace(side, a, traces.last()?.pair)?;
                traces.push(trace);
            }
        }
        Some(traces)
    }

    /// Pairs to begin from at an exponent of a walk; of laws whose misses are large, whose logarithms bend, more than one may be
    /// best among those near it.
    fn other_pairs(&mut self, side: Side, walk: &Walk, k: usize) -> impl Iterator<Item = [Hold; 2]> + use<S> {
        let found = self.pair_near(side, [walk.constant[k], walk.amplitude[k], walk.exponent[k]]);
        let row = found.and_then(|pair| pair.into_iter().find(|hold| matches!(hold, Hold::Row(_))));
        let is_wide = walk.spread[k] > WIDE;
        let faces = [Hold::NoConstant, Hold::NoPower].map(|bound| row.filter(|_| is_wide).map(|row| [row, bound]));
        [found, faces[0], faces[1]].into_iter().flatten()
    }

    /// The same with exponents between some of them and the next.
    fn between(
        &mut self,
        side: Side,
        coarse: &[Trace],
        is_near: impl Fn(&Trace, &Trace) -> bool,
    ) -> Option<Vec<Trace>> {
        let mut traces = Vec::with_capacity(STEPS * coarse.len());
        for k in 0..coarse.len() {
            let here = coarse[k];
            traces.push(here);
            let Some(next) = coarse.get(k + 1) else { break };
            if !is_near(&here, next) || (here.is_level() && next.is_level()) {
                continue;
            }
            let step = math::ln(next.a / here.a) / STEPS as f64;
            let at = |j: usize| here.a * math::exp(step * j as f64);
            let first = traces.len();
            let mut pair = if here.is_level() { next.pair } else { here.pair };
            for j in 1..STEPS {
                let trace = self.trace(side, at(j), pair)?;
                pair = if trace.is_level() { next.pair } else { trace.pair };
                traces.push(trace);
            }
            // Where the way forwards ends at another law than the best of there, the way back has others too.
            if pair != next.pair && self.trace(side, next.a, pair)?.seen.value != next.seen.value {
                pair = next.pair;
                for j in (1..STEPS).rev() {
                    let trace = lower(traces[first + j - 1], self.trace(side, at(j), pair)?);
                    pair = if trace.is_level() { here.pair } else { trace.pair };
                    traces[first + j - 1] = trace;
                }
            }
        }
        Some(traces)
    }

    /// Follow the valleys between exponents whose value is near the best, the lowest first.
    fn enter_valleys(&mut self, side: Side, traces: &[Trace], valleys: &mut Valleys) -> Option<()> {
        let end = |k: usize| traces[k].seen.value.min(traces[k + 1].seen.value);
        let is_valley = |k: &usize| {
            let (low, high) = (&traces[*k], &traces[*k + 1]);
            let is_known = valleys.known.iter().any(|a| low.a <= *a && *a <= high.a);
            !is_known && low.falls_outwards() && high.falls_inwards() && low.slope != high.slope
        };
        let mut found: Vec<usize> = (0..traces.len() - 1).filter(is_valley).collect();
        found.sort_by(|i, j| end(*i).total_cmp(&end(*j)));
        for k in found {
            if end(k) > FOLLOWED * valleys.value() {
                break;
            }
            valleys.starts += 1;
            let bottom = self.bottom(side, traces[k], traces[k + 1])?;
            valleys.known.push(bottom.exponent());
            if bottom.value() < valleys.value() && self.is_expressible(side, bottom.point()) {
                valleys.best = Some(bottom);
            }
        }
        Some(())
    }

    /// Look beside the best bottom, until none is lower: where an edge bends, both of its ends may be vertices.
    fn look_around(&mut self, side: Side, valleys: &mut Valleys) -> Option<()> {
        for _ in 0..MOST_ROUNDS {
            let Some(best) = valleys.best else { break };
            let (a, mut pair) = (best.exponent(), best.pair());
            let mut near = Vec::with_capacity(BESIDE.len());
            for share in BESIDE {
                let trace = self.trace(side, share * a, pair)?;
                pair = trace.pair;
                near.push(trace);
            }
            self.enter_valleys(side, &near, valleys)?;
            if let Some(vertex) = self.lower_neighbour(side, &best)
                && vertex.seen.value < valleys.value()
                && self.is_expressible(side, vertex.seen.point)
            {
                valleys.best = Some(Bottom::Vertex(vertex));
            }
            if valleys.value() >= best.value() {
                break;
            }
        }
        Some(())
    }

    /// The best law of an infinite exponent, or of the largest one that can be written down.
    fn far(&mut self, side: Side, last: &Trace) -> Option<Trace> {
        let (mut a, mut pair) = (GONE / self.gap(side), last.pair);
        for _ in 0..ATTEMPTS {
            let far = self.trace(side, a, pair)?;
            if self.is_expressible(side, far.seen.point) {
                return Some(far);
            }
            // Another amplitude reaches another exponent.
            a = self.farthest(side, far.seen.point[1] / a) * NEARER;
            pair = far.pair;
        }
        None
    }
}
