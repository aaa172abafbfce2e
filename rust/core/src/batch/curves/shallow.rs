//! Shallow objectives: a walk by estimates sees every valley only where these stand out, and along a shallow one there may be others.

use super::cost::{Cost, Scale};
use super::descent::Rules;
use super::look::Engine;
use super::place::Side;
use super::search::{AROUND, Candidates, RIVALS};
use super::walk::{LIMIT, Walk};

/// Walks side by side share so much of the exponents, as the ends of one are not followed.
const OVERLAP: f64 = 1.5;

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// Walks as dense as the one near the best point wherever a walk came below `highest`, and beside that, with a descent from
    /// every point near the least; whether they found anything lower, or there are rivals.
    pub(super) fn look_everywhere(
        &mut self,
        walks: &[Option<Walk>; 2],
        highest: f64,
        rules: Rules,
        best: &mut Candidates,
    ) -> Option<bool> {
        let before = best.found.map_or(f64::INFINITY, |found| found.value);
        let faces = (best.level, best.alone.is_some());
        best.from_everywhere = true;
        for side in rules.all() {
            let Some(walk) = &walks[usize::from(side == Side::Rising)] else { continue };
            let mut near = (0..LIMIT).filter(|&k| walk.value[k] <= highest);
            let Some(first) = near.next() else { continue };
            let last = near.next_back().unwrap_or(first);
            let mut from = first.checked_sub(1).map_or(walk.exponent[0] / AROUND, |k| walk.exponent[k]);
            let end = walk.exponent[(last + 1).min(LIMIT - 1)];
            while from * OVERLAP < end {
                let to = from * (AROUND * AROUND);
                self.zoom(side, (from, to), highest, rules, best)?;
                from = to / OVERLAP;
            }
        }
        if faces != (best.level, best.alone.is_some()) {
            self.faces(rules, best)?;
        }
        Some(best.rivals > 0 || best.found.is_some_and(|found| found.value < before * (1.0 - RIVALS.0)))
    }
}
