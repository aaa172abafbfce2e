//! The least sum of absolute deviations at each exponent, exactly, and the valleys of this profile.
//!
//! At a given exponent two holds make the best law. From one exponent to the next they are mostly the same, so a walk that
//! begins from those of the last one needs a pivot or two at each. Along an edge the profile is smooth, its slope is known, and
//! where this turns from negative to positive between two exponents there is a valley: at a vertex, or on the edge.

use super::balance::{Balance, Seen};
use super::cost::{Absolute, Scale};
use super::descent::constant;
use super::hold::Hold;
use super::look::{Engine, Point};
use super::place::Side;
use super::vertex::{Vertex, along};

#[cfg(test)]
mod tests;

/// Pivots at one exponent.
const MOST_PIVOTS: usize = 60;

/// Sections of a valley at most, and the relative width at which it is a point.
const MOST_SECTIONS: usize = 100;
const NARROW: f64 = 1e-12;

/// The best law of one exponent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace {
    pub(super) a: f64,
    pub(super) pair: [Hold; 2],
    pub(super) seen: Seen,
    /// Of the profile, by the exponent; 0 where there is no power.
    pub(super) slope: f64,
}

impl Trace {
    /// Whether there is no power.
    pub(super) fn is_level(&self) -> bool {
        self.pair.contains(&Hold::NoPower)
    }

    /// Whether the profile is no higher somewhat farther out, or nearer.
    pub(super) fn falls_outwards(&self) -> bool {
        self.slope <= 0.0 || self.is_level()
    }

    pub(super) fn falls_inwards(&self) -> bool {
        self.slope >= 0.0 || self.is_level()
    }
}

/// The bottom of a valley.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bottom {
    Vertex(Vertex),
    /// On an edge, where the law's own curvature makes it.
    Edge(Trace),
}

impl Bottom {
    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Vertex(vertex) => vertex.seen.value,
            Self::Edge(trace) => trace.seen.value,
        }
    }

    pub(super) fn point(&self) -> Point {
        match self {
            Self::Vertex(vertex) => vertex.seen.point,
            Self::Edge(trace) => trace.seen.point,
        }
    }

    /// Two of its holds, the bound among them.
    pub(super) fn pair(&self) -> [Hold; 2] {
        match self {
            Self::Vertex(Vertex { holds, .. }) if holds[2] == Hold::NoConstant => [holds[0], holds[2]],
            Self::Vertex(Vertex { holds, .. }) => [holds[0], holds[1]],
            Self::Edge(trace) => trace.pair,
        }
    }

    pub(super) fn exponent(&self) -> f64 {
        self.point()[2]
    }
}

impl<S: Scale> Engine<'_, S, Absolute> {
    /// Two holds near a law: the rows nearest to it at different x, or its bounds and the nearest row.
    pub(super) fn pair_near(&mut self, side: Side, [e, m, a]: [f64; 3]) -> Option<[Hold; 2]> {
        self.see(side, [e + m, m * a, a])?;
        let nearest = self.nearest(side, None)?;
        if m == 0.0 {
            return Some([Hold::Row(nearest), Hold::NoPower]);
        }
        if e == 0.0 {
            return Some([Hold::Row(nearest), Hold::NoConstant]);
        }
        Some([Hold::Row(nearest), Hold::Row(self.nearest(side, Some(nearest))?)])
    }

    /// The row with the least residual, at another x than `taken`.
    fn nearest(&self, side: Side, taken: Option<usize>) -> Option<usize> {
        let (w, logs) = (&*self.w, self.w.logs(side));
        let others =
            (0..self.placed.rows).filter(|&i| w.present[i] > 0.0 && taken.is_none_or(|other| logs[i] != logs[other]));
        others.min_by(|&i, &j| w.miss[i].abs().total_cmp(&w.miss[j].abs()))
    }

    /// The point that a pair holds at an exponent, or where it would be beyond a bound, a pair with that.
    fn meet_inside(&mut self, side: Side, a: f64, pair: &mut [Hold; 2]) -> Option<Seen> {
        let seen = self.meet(side, a, *pair);
        let bound = match &seen {
            Some(seen) if seen.point[1] < 0.0 => Some(Hold::NoPower),
            Some(seen) if constant(seen.point) < 0.0 && !pair.contains(&Hold::NoConstant) => Some(Hold::NoConstant),
            Some(_) => None,
            None => Some(Hold::NoPower),
        };
        let Some(bound) = bound else { return seen };
        let row = pair.iter().find(|hold| matches!(hold, Hold::Row(_)))?;
        *pair = [*row, bound];
        self.meet(side, a, *pair)
    }

    /// The best law of exponent `a`, from a pair of holds on.
    pub(super) fn trace(&mut self, side: Side, a: f64, mut pair: [Hold; 2]) -> Option<Trace> {
        let mut seen = self.meet_inside(side, a, &mut pair)?;
        for _ in 0..MOST_PIVOTS {
            let balance = self.balance(&pair, &seen);
            if balance.is_none() && !pair.contains(&Hold::NoPower) {
                // Rows that the power hardly tells apart, so far out.
                let row = pair.iter().find(|hold| matches!(hold, Hold::Row(_)))?;
                pair = [*row, Hold::NoPower];
                seen = self.meet(side, a, pair)?;
                continue;
            }
            let Balance::Falls { leaves, way, fall } = balance? else { break };
            let mut next = None;
            // The jumps at the rows are exact, the slope between them is that of the start.
            for at_once in [false, true] {
                let Some((_, enters)) = self.turn(&pair, seen.point, (way, fall), at_once) else { continue };
                let mut other = pair;
                other[leaves] = enters;
                next = self.meet(side, a, other).filter(|there| there.value < seen.value).map(|there| (other, there));
                if next.is_some() {
                    break;
                }
                self.meet(side, a, pair);
            }
            let Some(there) = next else { break };
            (pair, seen) = there;
        }
        let slope = if pair.contains(&Hold::NoPower) { 0.0 } else { self.edge(&pair, &seen)?.1 };
        Some(Trace { a, pair, seen, slope })
    }

    /// The bottom of the valley between two exponents, of which the profile falls inwards at both.
    pub(super) fn bottom(&mut self, side: Side, mut low: Trace, mut high: Trace) -> Option<Bottom> {
        let is_lower = low.seen.value < high.seen.value;
        let start = if is_lower { low } else { high };
        for trace in [start, if is_lower { high } else { low }] {
            if let Some(vertex) = self.vertex_between(side, &trace, (&low, &high)) {
                return Some(Bottom::Vertex(vertex));
            }
        }
        for section in 0..MOST_SECTIONS {
            if high.a - low.a <= NARROW * high.a {
                break;
            }
            let mut a = (low.a * high.a).sqrt();
            // Where both ends are on one edge its slope is nearly a straight line.
            if low.pair == high.pair && section % 3 != 2 && low.slope < high.slope {
                let share = low.slope / (low.slope - high.slope);
                a = low.a + share.clamp(0.01, 0.99) * (high.a - low.a);
            }
            let pair = if low.is_level() { high.pair } else { low.pair };
            let middle = self.trace(side, a, pair)?;
            if !middle.is_level()
                && let Some(vertex) = self.vertex_between(side, &middle, (&low, &high))
            {
                return Some(Bottom::Vertex(vertex));
            }
            let is_right = if middle.is_level() { low.is_level() } else { middle.slope < 0.0 };
            if is_right {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(Bottom::Edge(if low.seen.value < high.seen.value { low } else { high }))
    }

    /// The vertex that the edge of a trace leads to, or at which two edges meet, if it lies in the valley.
    fn vertex_between(&mut self, side: Side, trace: &Trace, (low, high): (&Trace, &Trace)) -> Option<Vertex> {
        let highest = low.seen.value.min(high.seen.value);
        let is_here = |vertex: &Vertex| {
            let Seen { point, value, .. } = vertex.seen;
            low.a <= point[2] && point[2] <= high.a && value <= highest
        };
        if trace.is_level() {
            return None;
        }
        let seen = self.meet(side, trace.a, trace.pair)?;
        let found = self.leave_edge(side, trace.pair, &seen).filter(is_here);
        if found.is_some() || low.is_level() || high.is_level() {
            return found;
        }
        let other = if trace.a == low.a { high } else { low };
        let enters = other.pair.iter().find(|hold| !trace.pair.contains(hold))?;
        self.pivot(side, [trace.pair[0], trace.pair[1], *enters], trace.seen.point).filter(is_here)
    }

    /// The lowest of the vertices that lead down from those beside a bottom.
    pub(super) fn lower_neighbour(&mut self, side: Side, bottom: &Bottom) -> Option<Vertex> {
        let mut best: Option<Vertex> = None;
        let mut take = |vertex: Vertex| {
            let least = best.map_or(bottom.value(), |best| best.seen.value);
            if vertex.seen.value < least {
                best = Some(vertex);
            }
        };
        match bottom {
            Bottom::Edge(trace) => {
                for sign in [-1.0, 1.0] {
                    let seen = self.meet(side, trace.a, trace.pair)?;
                    let way = self.edge(&trace.pair, &seen)?.0.map(|v| sign * v);
                    if let Some((at, enters)) = self.turn(&trace.pair, seen.point, (way, 0.0), true) {
                        let holds = [trace.pair[0], trace.pair[1], enters];
                        self.pivot(side, holds, along(seen.point, way, at)).into_iter().for_each(&mut take);
                    }
                }
            }
            Bottom::Vertex(Vertex { holds, seen, .. }) => {
                for leaves in 0..holds.len() {
                    for sign in [-1.0, 1.0] {
                        let here = self.see(side, seen.point)?;
                        let way = self.away(holds, leaves, here.point)?.map(|v| sign * v);
                        if let Some((at, enters)) = self.turn(holds, here.point, (way, 0.0), true) {
                            let mut other = *holds;
                            other[leaves] = enters;
                            self.pivot(side, other, along(here.point, way, at)).into_iter().for_each(&mut take);
                        }
                    }
                }
            }
        }
        best
    }
}
