//! Starts with a transition of the law (the middle of a sigmoid, a break, a pole) in every gap between neighbouring rows.
//!
//! Each such gap can be a basin of its own, and a scan that knows only the range of the place misses some of them. Every gap,
//! every row and both ends are visited, with the other nonlinear coordinates spread over their ranges, some of them so steep
//! that the law is a step.

use super::scan::{Range, kronecker};
use super::scratch::Scratch;
use super::separable::Separable;

/// What the other nonlinear coordinates are tried at for every place, `KINDS` after one another.
const LOOKS: usize = 15;

/// How steep the law is there: gentle, steep, and as steep as it can be, which lead to different basins. The best look of
/// each kind is refined.
const KINDS: usize = 3;

/// How much steeper than the narrowest gap asks for the steepest looks are.
const STEEPEST: f64 = 8.0;

/// A coordinate that says where along a column the law turns, and the places it may have.
pub struct Transition<'a> {
    /// The coordinate.
    pub coordinate: usize,
    /// Values of the column, or their logarithms: between the rows, at the rows, and beyond both ends.
    pub places: Vec<f64>,
    /// Puts the transition at a place, given the other coordinates.
    pub put: Box<dyn Fn(f64, &mut [f64]) + 'a>,
}

impl std::fmt::Debug for Transition<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transition")
            .field("coordinate", &self.coordinate)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// Where a search looks.
#[derive(Debug)]
pub struct Region<'a> {
    /// A range for every nonlinear coordinate.
    pub ranges: &'a [Range],
    /// The transitions of the law.
    pub transitions: Vec<Transition<'a>>,
    /// Whether their places are all there are, so that a few starts that agree on one of them are enough.
    pub is_exhaustive: bool,
}

impl<'a> Region<'a> {
    /// The ranges alone.
    pub fn of(ranges: &'a [Range]) -> Self {
        Self { ranges, transitions: Vec::new(), is_exhaustive: false }
    }
}

/// Points along the range of an only nonlinear coordinate that are looked at beside its places.
const WALK: usize = 32;

/// The bottoms of all valleys along the only nonlinear coordinate, as far as a walk over its range and its places shows them.
fn valleys<O: Separable>(objective: &mut O, coordinate: usize, region: &Region<'_>, s: &Scratch) -> Vec<Vec<f64>> {
    let blank = vec![0.0; objective.dimension()];
    let mut starts: Vec<Vec<f64>> = Vec::new();
    if let Some(range) = region.ranges.first() {
        starts.extend((0..WALK).map(|k| {
            let mut point = blank.clone();
            point[coordinate] = range.at((k as f64 + 0.5) / WALK as f64);
            point
        }));
    }
    for transition in &region.transitions {
        starts.extend(transition.places.iter().map(|place| {
            let mut point = blank.clone();
            (transition.put)(*place, &mut point);
            point
        }));
    }
    let (lower, upper) = (objective.lower()[coordinate], objective.upper()[coordinate]);
    let mut walk: Vec<(f64, Vec<f64>)> = Vec::new();
    for mut point in starts {
        if s.is_stopped() {
            return Vec::new();
        }
        point[coordinate] = point[coordinate].clamp(lower, upper);
        let value = if objective.project(&mut point) { objective.value(&point) } else { f64::INFINITY };
        walk.push((if value.is_nan() { f64::INFINITY } else { value }, point));
    }
    walk.sort_by(|a, b| a.1[coordinate].total_cmp(&b.1[coordinate]));
    let height = |k: usize| walk[k].0;
    let is_valley = |k: &usize| {
        height(*k).is_finite()
            && (*k == 0 || height(*k) <= height(k - 1))
            && (*k + 1 == walk.len() || height(*k) < height(k + 1))
    };
    (0..walk.len()).filter(is_valley).map(|k| walk[k].1.clone()).collect()
}

/// For every place of every transition the best points looked at, linear coordinates solved for.
pub(super) fn candidates<O: Separable>(objective: &mut O, region: &Region<'_>, s: &Scratch) -> Vec<Vec<f64>> {
    let p = objective.dimension();
    let nonlinear = objective.nonlinear().to_vec();
    if let [coordinate] = nonlinear[..] {
        return valleys(objective, coordinate, region, s);
    }
    let fractions = kronecker(nonlinear.len());
    let mut found = Vec::new();
    for transition in &region.transitions {
        let gaps = transition.places.len() as f64;
        for (number, place) in transition.places.iter().enumerate() {
            if s.is_stopped() {
                return found;
            }
            let mut best: [Option<(f64, Vec<f64>)>; KINDS] = [const { None }; KINDS];
            for look in 0..LOOKS {
                let kind = look % KINDS;
                let mut point = vec![0.0; p];
                for j in 0..p {
                    point[j] = 1.0_f64.clamp(objective.lower()[j], objective.upper()[j]);
                }
                for (d, &j) in nonlinear.iter().enumerate() {
                    let range = region.ranges[d];
                    let u = (0.5 + ((number * LOOKS + look) as f64 + 1.0) * fractions[d]).fract();
                    point[j] = match kind {
                        0 => range.at(u),
                        1 => range.sharpened(gaps).at(u),
                        _ => range.sharpened(STEEPEST * gaps).end((look / KINDS) >> d & 1 == 0),
                    };
                }
                (transition.put)(*place, &mut point);
                for j in 0..p {
                    point[j] = point[j].clamp(objective.lower()[j], objective.upper()[j]);
                }
                if !point.iter().all(|v| v.is_finite()) || !objective.project(&mut point) {
                    continue;
                }
                let value = objective.value(&point);
                if value.is_finite() && best[kind].as_ref().is_none_or(|(least, _)| value < *least) {
                    best[kind] = Some((value, point));
                }
            }
            found.extend(best.into_iter().flatten().map(|(_, point)| point));
        }
    }
    found
}
