//! Where along its columns a law turns: the middle of a sigmoid, the scale of a saturation, a break, a pole.

use super::{GroupRows, Problem};
use crate::expr::{Location, PowerSum, Root, ShiftKind};
use crate::simd::math;
use crate::solve::transition::{Region, Transition};

/// Different values of a column up to which a transition is also put beside the rows, where a steep one may pass through a row.
const FEW_VALUES: usize = 16;

/// How far beside them, as a share of the gap. At the row itself nothing changes with the steepness, and a step is lost.
const BESIDE: f64 = 0.02;

/// Places of one transition: of a column with more different values some gaps are left out, evenly.
const MOST_PLACES: usize = 64;

/// Two values of a column are the same when they differ by less than this, relative to its range.
const SAME: f64 = 1e-9;

impl Problem<'_> {
    /// Where a search looks: the ranges, and the transitions with a place in every gap of `rows`.
    pub fn region<'b>(&'b self, rows: &GroupRows<'_>) -> Region<'b> {
        let mut region = Region::of(&self.ranges);
        if self.nonlinear.is_empty() {
            return region;
        }
        if let Some(powers) = self.program.power_sum() {
            if rows.target.len() <= FEW_ROWS {
                self.exponents(powers, rows, &mut region.transitions);
            }
            return region;
        }
        for column in 0..rows.inputs.len() {
            let before = region.transitions.len();
            self.locations(column, rows, &mut region.transitions);
            self.crossings(column, rows, &mut region.transitions);
            // Where a column has a place, what its unit changes is the steepness there.
            if region.transitions.len() == before {
                self.scales(column, rows, &mut region.transitions);
            }
        }
        let thinned = rows.target.len() > MANY_VALUES;
        let all = |transition: &Transition<'_>| !transition.places.is_empty() && transition.places.len() < MOST_PLACES;
        region.is_exhaustive = !region.transitions.is_empty() && !thinned && region.transitions.iter().all(all);
        region
    }

    /// The nonlinear coordinate of parameter `j`.
    fn nonlinear_coordinate(&self, j: usize) -> Option<usize> {
        let a = self.space.free.iter().position(|free| *free == j)?;
        self.nonlinear.contains(&a).then_some(a)
    }

    /// Parameters that are subtracted from the column or from its logarithm.
    fn locations<'b>(&'b self, column: usize, rows: &GroupRows<'_>, found: &mut Vec<Transition<'b>>) {
        for &Location { param, logarithm, positive, .. } in
            self.program.locations().iter().filter(|at| at.column == column)
        {
            let Some(a) = self.nonlinear_coordinate(param) else { continue };
            let places = self.places(&self.values(column, rows, logarithm));
            let put = move |place: f64, x: &mut [f64]| {
                x[a] = self.space.coordinate(a, if positive { math::exp(place) } else { place });
            };
            found.push(Transition { coordinate: a, places, put: Box::new(put) });
        }
    }

    /// Lines along the column, or along its logarithm, that cross zero.
    fn crossings<'b>(&'b self, column: usize, rows: &GroupRows<'_>, found: &mut Vec<Transition<'b>>) {
        for crossing in self.program.crossings().iter().filter(|at| at.column == column) {
            let Some(a) = self.nonlinear_coordinate(crossing.param) else { continue };
            let slope = match crossing.root {
                Root::TimesSlope(_, slope) => match self.nonlinear_coordinate(slope) {
                    Some(k) => Some(k),
                    None => continue,
                },
                _ => None,
            };
            let places = self.places(&self.values(column, rows, crossing.logarithm));
            let put = move |place: f64, x: &mut [f64]| {
                let value = match crossing.root {
                    Root::Times(factor) => factor * place,
                    Root::Over(over) => over / place,
                    Root::TimesSlope(sign, _) => slope.map_or(0.0, |k| sign * self.space.primed_at(k, x[k]) * place),
                };
                x[a] = self.space.coordinate(a, value);
            };
            found.push(Transition { coordinate: a, places, put: Box::new(put) });
        }
    }

    /// Parameters that are measured in units of the column: its scales.
    fn scales<'b>(&'b self, column: usize, rows: &GroupRows<'_>, found: &mut Vec<Transition<'b>>) {
        let Some(change) = self.program.unit_change(Some(column)) else { return };
        let values = self.values(column, rows, true);
        for shift in &change.shifts {
            let Some(a) = self.nonlinear_coordinate(shift.param) else { continue };
            if self.space.is_amplitude(shift.param) {
                continue;
            }
            let additive = shift.kind == ShiftKind::Additive;
            // One that may be negative may have a pole where the other has its scale.
            let signs: &[f64] =
                if additive || self.space.log[a] || self.space.lower[a] >= 0.0 { &[1.0] } else { &[1.0, -1.0] };
            for &sign in signs {
                let put = move |place: f64, x: &mut [f64]| {
                    let mut primed = vec![0.0; self.space.parameters()];
                    self.space.primed(x, &mut primed);
                    let moved = shift.exponent(&primed, &mut []) * place;
                    x[a] = self.space.coordinate(a, if additive { moved } else { sign * math::exp(moved) });
                };
                found.push(Transition { coordinate: a, places: self.places(&values), put: Box::new(put) });
            }
        }
    }

    fn places(&self, values: &[f64]) -> Vec<f64> {
        places(values, if self.nonlinear.len() == 1 { PARTS } else { 2 })
    }

    /// Exponents under which a term has decayed within the first rows, or grows within the last: in a sum of powers it then fits
    /// those rows alone.
    fn exponents<'b>(&'b self, powers: &PowerSum, rows: &GroupRows<'_>, found: &mut Vec<Transition<'b>>) {
        for (column, exponent) in powers.terms.iter().flat_map(|term| &term.exponents) {
            let values = self.values(*column, rows, true);
            if values.len() < 3 {
                continue;
            }
            for &(j, factor) in &exponent.coefficients {
                let Some(a) = self.nonlinear_coordinate(j) else { continue };
                if self.space.log[a] || found.iter().any(|known| known.coordinate == a) {
                    continue;
                }
                let (first, last) = (values[0], values[values.len() - 1]);
                let inner = &values[1..values.len() - 1];
                let nearest = inner.iter().take(MOST_DECAYS).map(|v| -1.0 / (v - first));
                let farthest = inner.iter().rev().take(MOST_DECAYS).map(|v| 1.0 / (last - v));
                let places: Vec<f64> = nearest
                    .chain(farthest)
                    .flat_map(|rate| DECAYS.map(|times| times * rate / factor))
                    .filter(|at| (self.space.lower[a]..=self.space.upper[a]).contains(&self.space.coordinate(a, *at)))
                    .collect();
                found.push(Transition {
                    coordinate: a,
                    places,
                    put: Box::new(move |place, x| x[a] = self.space.coordinate(a, place)),
                });
            }
        }
    }

    /// The different values of a column in solver units, or of its logarithm, in rows with weight; ascending.
    fn values(&self, column: usize, rows: &GroupRows<'_>, logarithm: bool) -> Vec<f64> {
        let unit = self.space.units[column];
        let weight = |i: usize| rows.weights.map_or(1.0, |w| w[i]);
        // Many rows have their places on a sample of them.
        let stride = rows.inputs[column].len().div_ceil(MANY_VALUES);
        let mut values: Vec<f64> = rows.inputs[column]
            .iter()
            .enumerate()
            .step_by(stride.max(1))
            .filter(|(i, v)| weight(*i) > 0.0 && (!logarithm || **v > 0.0))
            .map(|(_, v)| if logarithm { math::ln(v / unit) } else { v / unit })
            .collect();
        values.sort_by(f64::total_cmp);
        let range = values.last().unwrap_or(&0.0) - values.first().unwrap_or(&0.0);
        values.dedup_by(|b, a| *b - *a <= SAME * range);
        values
    }
}

/// Rows up to which a sum of powers is searched for terms that fit one or two of them.
const FEW_ROWS: usize = 64;

/// Rows from either end that such a term may reach.
const MOST_DECAYS: usize = 4;

/// How many e-folds it decays by on the way there.
const DECAYS: [f64; 3] = [1.0, 3.0, 12.0];

/// How far beyond either end, in shares of the last gap.
const BEYOND: [f64; 2] = [0.1, 0.5];

/// Parts of a gap of which a law with no other nonlinear coordinate tries every inner end: its basins are narrow.
const PARTS: usize = 4;

/// Rows of which the values of a column are looked at.
const MANY_VALUES: usize = 4_000;

/// `parts` - 1 between neighbours, beside the values themselves where they are few, and three times beyond either end.
fn places(values: &[f64], parts: usize) -> Vec<f64> {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return Vec::new() };
    let n = values.len();
    if n < 2 {
        return Vec::new();
    }
    let width = last - first;
    let inner = |k: usize| k as f64 / parts as f64;
    let between =
        |pair: &[f64]| (1..parts).map(|k| (pair[1] - pair[0]).mul_add(inner(k), pair[0])).collect::<Vec<f64>>();
    let mut places: Vec<f64> = values.windows(2).flat_map(between).collect();
    if places.len() > MOST_PLACES {
        let all = places.len();
        places = (0..MOST_PLACES).map(|k| places[k * (all - 1) / (MOST_PLACES - 1)]).collect();
    }
    if n <= FEW_VALUES {
        places.extend(values.windows(2).flat_map(|pair| {
            let beside = BESIDE * (pair[1] - pair[0]);
            [pair[0] + beside, pair[1] - beside]
        }));
    }
    if parts > 2 {
        // The rows themselves part one basin from the next.
        places.extend_from_slice(values);
    }
    let (near, far) = (values[1] - first, last - values[n - 2]);
    for share in BEYOND {
        places.extend([first - share * near, last + share * far]);
    }
    places.extend([first - width, last + width]);
    places
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn gaps_the_sides_of_few_rows_and_both_ends_have_places() {
        assert_eq!(places(&[0.0, 1.0, 4.0], 2), [0.5, 2.5, 0.02, 0.98, 1.06, 3.94, -0.1, 4.3, -0.5, 5.5, -4.0, 8.0]);
        assert!(places(&[3.0], 2).is_empty());
        let many: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(places(&many, 2).len(), 70);
    }
}
