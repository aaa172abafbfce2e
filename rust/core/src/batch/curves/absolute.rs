//! Absolute deviations of short curves: the walk of smooth losses finds where to look, an exact one every valley there.

use super::cost::{Cost, Scale};
use super::hold::Hold;
use super::look::Engine;
use super::place::Side;
use super::profile::{Bottom, Trace};
use super::search::Domain;
use super::walk::{ENDS, LIMIT, Walk};
use crate::simd::{Vector, math};

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

/// Exponents whose walked values are up to so many times the least are looked at exactly; of these, those up to so many times the
/// least exact one more closely, in so many steps from each to the next.
const CLOSE: f64 = 1.5;
const VERY_CLOSE: f64 = 1.05;
const STEPS: usize = 4;

/// Valleys are followed to their bottom from exponents whose value is up to so many times the best.
const FOLLOWED: f64 = 1.02;

/// How many exponents of a walk may have values below so many times the least.
const SHALLOW: f64 = 2.0;
const MOST_NEAR: usize = 6;

/// Factor between exponents beyond the walk, and a times the distance of the second x where they end; from where on that x feels
/// nothing.
const STEP: f64 = 1.6;
const END: f64 = 20.0;
const GONE: f64 = 40.0;

/// Share of the first exponent of a walk down to which a valley before it is sought.
const BEFORE: f64 = 1e-4;

/// Relative rise of the objective that still counts as level on the way to infinity.
const LEVEL: f64 = 1e-9;

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
    pub(super) is_shallow: bool,
}

impl<S: Scale> Engine<'_, S, Absolute> {
    /// The best fit; None where it is for the general search.
    pub(super) fn search_exactly(&mut self, domain: &Domain) -> Option<Least> {
        let side = if domain.sides[0] { Side::Falling } else { Side::Rising };
        if !self.has_four_places(side) {
            return None;
        }
        let walk = self.walk(side, &domain.places, domain.signs);
        let least = walk.value.iter().fold(f64::INFINITY, |least, v| least.min(*v));
        if !least.is_finite() {
            return None;
        }
        let is_shallow = walk.value.iter().filter(|value| **value <= SHALLOW * least).count() > MOST_NEAR;
        let mut traces = self.coarse(side, &walk, CLOSE * least)?;
        traces = self.fine(side, &traces)?;
        let mut best: Option<Bottom> = None;
        let mut starts = 0;
        let by_value = |a: &f64, b: &f64| a.total_cmp(b);
        let end = |k: usize| traces[k].seen.value.min(traces[k + 1].seen.value);
        let valley = |k: &usize| {
            let (low, high) = (&traces[*k], &traces[*k + 1]);
            low.falls_outwards() && high.falls_inwards() && !(low.is_level() && high.is_level())
        };
        let mut valleys: Vec<usize> = (0..traces.len() - 1).filter(valley).collect();
        valleys.sort_by(|i, j| by_value(&end(*i), &end(*j)));
        for k in valleys {
            if best.is_some_and(|best| end(k) > FOLLOWED * best.value()) {
                break;
            }
            starts += 1;
            let bottom = self.bottom(side, traces[k], traces[k + 1])?;
            if best.is_none_or(|best| bottom.value() < best.value()) {
                best = Some(bottom);
            }
        }
        let lowest = traces.iter().min_by(|a, b| by_value(&a.seen.value, &b.seen.value))?;
        let value = best.map_or(f64::INFINITY, |best| best.value());
        let last = traces.last()?;
        let far = self.far(side, last)?;
        let place = if let Some(far) = far.filter(|far| far.seen.value * (1.0 - LEVEL) < value) {
            Lowest::Limit(far)
        } else if lowest.is_level() && lowest.seen.value <= value {
            Lowest::Level(*lowest)
        } else {
            // What is lower than every bottom lies beyond the ends.
            Lowest::Bottom(best.filter(|best| best.value() <= lowest.seen.value)?)
        };
        Some(Least { side, place, starts: starts.max(1), is_shallow })
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
            let trace = self.trace(side, walk.exponent[k], pair)?;
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

    /// The same with exponents between those whose values are nearly the least.
    fn fine(&mut self, side: Side, coarse: &[Trace]) -> Option<Vec<Trace>> {
        let least = coarse.iter().fold(f64::INFINITY, |least, trace| least.min(trace.seen.value));
        let near = |trace: &Trace| trace.seen.value <= VERY_CLOSE * least;
        let mut traces = Vec::with_capacity(STEPS * coarse.len());
        for k in 0..coarse.len() {
            let here = coarse[k];
            traces.push(here);
            let Some(next) = coarse.get(k + 1) else { break };
            if !(near(&here) || near(next)) || (here.is_level() && next.is_level()) {
                continue;
            }
            let step = math::ln(next.a / here.a) / STEPS as f64;
            for j in 1..STEPS {
                let pair = traces.last()?.pair;
                let pair = if pair.contains(&Hold::NoPower) { next.pair } else { pair };
                let trace = self.trace(side, here.a * math::exp(step * j as f64), pair)?;
                traces.push(trace);
            }
        }
        Some(traces)
    }

    /// The best law of an infinite exponent, where the way there falls.
    fn far(&mut self, side: Side, last: &Trace) -> Option<Option<Trace>> {
        let gap = self.gap(side);
        if last.a < (1.0 - LEVEL) * END / gap || last.slope >= 0.0 {
            return Some(None);
        }
        let a = GONE / gap;
        let far = self.trace(side, a, last.pair)?;
        if far.is_level() {
            return Some(None);
        }
        (a <= self.farthest(side, far.seen.point[1] / a)).then_some(Some(far))
    }
}
