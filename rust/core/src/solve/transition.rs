//! Starts with a transition of the law (the middle of a sigmoid, a break, a pole) in every gap between neighbouring rows.
//!
//! Each such gap can be a basin of its own, and a scan that knows only the range of the place misses some of them. Every gap
//! (of a column with many values some, evenly), either side of every row where these are few, and both ends are visited, with
//! the other nonlinear coordinates spread over their ranges, some of them so steep that the law is a step.

use super::descend::descend;
use super::options::Options;
use super::scan::{Range, kronecker};
use super::scratch::Scratch;
use super::separable::Separable;
use super::within::Within;

/// How the other nonlinear coordinates are spread for a place. Gentle, steep and steepest laws lead to different basins, so
/// the best look of each kind is refined.
#[derive(Clone, Copy)]
enum Kind {
    /// Over their ranges.
    Gentle,
    /// Over the upper half of their ranges, on to where the law turns within the narrowest gap.
    Steep,
    /// At the ends: the law is a step, or a corner.
    Steepest,
}

/// The kinds, and looks of each at every place.
const KINDS: [(Kind, usize); 3] = [(Kind::Gentle, 5), (Kind::Steep, 16), (Kind::Steepest, 4)];

/// How many times the best objective a look may be to be refined: where the gaps are all there is, and where places only ask
/// for something lower.
const FAR_ABOVE: f64 = 1e4;
const ABOVE: f64 = 4.0;

/// How much steeper than the narrowest gap asks for the steepest looks are.
const STEEPEST: f64 = 8.0;

/// Puts a transition at a place: sets its coordinate, given the others.
pub type Put<'a> = Box<dyn Fn(f64, &mut [f64]) + 'a>;

/// A coordinate that says where along a column the law turns, and the places it may have.
pub struct Transition<'a> {
    /// The coordinate.
    pub coordinate: usize,
    /// Values of the column, or their logarithms: between the rows, beside the rows, and beyond both ends.
    pub places: Vec<f64>,
    /// Puts the transition at a place, given the other coordinates.
    pub put: Put<'a>,
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
fn valleys<O: Separable>(
    objective: &mut O,
    coordinate: usize,
    region: &Region<'_>,
    options: Options,
    s: &mut Scratch,
) -> Vec<Vec<f64>> {
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
    let bottoms: Vec<usize> = (0..walk.len()).filter(is_valley).collect();
    let mut found = Vec::new();
    for k in bottoms {
        // A step across a pole, or out of the gap, would end in another valley.
        let at = |k: usize| walk.get(k).map(|step| step.1[coordinate]);
        let below = k.checked_sub(1).and_then(at).unwrap_or(f64::NEG_INFINITY);
        let above = at(k + 1).unwrap_or(f64::INFINITY);
        let mut point = walk[k].1.clone();
        descend(&mut Within::new(objective, coordinate, (below, above)), &mut point, options, false, s);
        found.push(point);
    }
    found
}

/// For every place of every transition the best points looked at, linear coordinates solved for, unless they lie far above
/// `best`, the objective already found.
pub(super) fn candidates<O: Separable>(
    objective: &mut O,
    region: &Region<'_>,
    best: f64,
    options: Options,
    s: &mut Scratch,
) -> Vec<Vec<f64>> {
    let p = objective.dimension();
    let nonlinear = objective.nonlinear().to_vec();
    if let [coordinate] = nonlinear[..] {
        return valleys(objective, coordinate, region, options, s);
    }
    let fractions = kronecker(nonlinear.len());
    // A likelihood may be negative, and then says nothing by its ratio.
    let most = if region.is_exhaustive { FAR_ABOVE } else { ABOVE };
    let is_promising = |value: f64| best.is_nan() || best <= 0.0 || value <= most * best;
    let mut found = Vec::new();
    for transition in &region.transitions {
        let gaps = transition.places.len() as f64;
        let first = nonlinear.iter().copied().find(|j| *j != transition.coordinate);
        for (number, place) in transition.places.iter().enumerate() {
            if s.is_stopped() {
                return found;
            }
            for (kind, looks) in KINDS {
                let mut looked: Option<(f64, Vec<f64>)> = None;
                for look in 0..looks {
                    let mut point = vec![0.0; p];
                    for j in 0..p {
                        point[j] = 1.0_f64.clamp(objective.lower()[j], objective.upper()[j]);
                    }
                    for (d, &j) in nonlinear.iter().enumerate() {
                        let range = region.ranges[d];
                        // The first of them in even steps, the others spread over what those leave open.
                        let u = if Some(j) == first {
                            (look as f64 + 0.5) / looks as f64
                        } else {
                            (0.5 + ((number * looks + look) as f64 + 1.0) * fractions[d]).fract()
                        };
                        point[j] = match kind {
                            Kind::Gentle => range.at(u),
                            Kind::Steep => range.sharpened(gaps).at(u),
                            Kind::Steepest => range.sharpened(STEEPEST * gaps).end(look >> d & 1 == 0),
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
                    if value.is_finite() && looked.as_ref().is_none_or(|(least, _)| value < *least) {
                        looked = Some((value, point));
                    }
                }
                found.extend(looked.filter(|(value, _)| is_promising(*value)).map(|(_, point)| point));
            }
        }
    }
    found
}
