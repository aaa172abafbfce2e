//! Breaks that the rows do not show: outside them, or with a single x on one side, whose slope makes up for every move of a corner.

use crate::expr::Form;
use crate::question::Question;
use crate::simd::math;

/// Share of the width of the rows by which an x lies beside a break.
const BESIDE: f64 = 1e-6;

/// Different x on either side of a corner that decide a slope and a place.
const DECIDES: usize = 2;

/// Whether the break of the law lies at these parameters where the rows of group `g` say nothing of it: then there are others as good.
pub(super) fn is_outside(question: &Question, g: usize, params: &[f64]) -> bool {
    let Some(found) = question.program.form() else { return false };
    let is_free = |place: usize| question.params[found.params[place]].fixed.is_none();
    let (place, corner) = match found.form {
        Form::Corner => (3, params[found.params[3]]),
        Form::SmoothBreak => (5, math::ln(params[found.params[5]])),
        Form::Stretched | Form::Saturating => return false,
    };
    if !is_free(place) {
        return false;
    }
    let least = if found.form == Form::Corner && is_free(1) && is_free(2) { DECIDES } else { 1 };
    let mut places: Vec<f64> = question.group(g).inputs[0].iter().map(|x| math::ln(*x)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let [first, .., last] = places[..] else { return true };
    let beside = BESIDE * (last - first);
    let before = places.iter().filter(|u| **u < corner - beside).count();
    let after = places.iter().filter(|u| **u > corner + beside).count();
    before < least || after < least
}
