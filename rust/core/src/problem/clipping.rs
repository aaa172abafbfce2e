//! Targets far outside the others: how far is far, and how a loss with straight tails may take them nearer.

use crate::loss::Loss;

/// Distances from the median, in median absolute deviations, within which every target is taken at its word at first.
const FAR_OUT: f64 = 100.0;

/// Targets that their centre and spread are taken from.
const MOST_LOOKED_AT: usize = 65_536;

/// Median of the targets and [`FAR_OUT`] times their median absolute deviation (infinite where that vanishes).
pub(super) fn centre_and_reach(target: &[f64]) -> (f64, f64) {
    let median = |values: &mut [f64]| {
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    if target.is_empty() {
        return (0.0, f64::INFINITY);
    }
    // Of very many rows some are enough to say where the others lie.
    let mut values: Vec<f64> = target.iter().step_by(target.len().div_ceil(MOST_LOOKED_AT)).copied().collect();
    let centre = median(&mut values);
    for v in &mut values {
        *v = (*v - centre).abs();
    }
    let deviation = median(&mut values);
    (centre, if deviation > 0.0 { FAR_OUT * deviation } else { f64::INFINITY })
}

/// Distances from the median, in units of [`FAR_OUT`], beyond which a target is clipped under a loss with straight tails.
const FAR: f64 = 1e4;

/// Clip targets that lie absurdly far out to where they are merely far out, and say what that took from each loss.
///
/// On a straight tail only the side of a residual matters, so the optimum stays where it is; but a sum that holds one
/// 1e300 has no digit left for the other rows.
pub(super) fn clip(
    target: &mut [f64],
    inverse_sigma: Option<&[f64]>,
    loss: Loss,
    (centre, reach): (f64, f64),
) -> Option<Vec<f64>> {
    let (below, above) = loss.tails()?;
    let far = FAR * reach.max(loss.width());
    if target.iter().all(|y| (y - centre).abs() <= far) {
        return None;
    }
    let clipped = target.iter_mut().enumerate().map(|(i, y)| {
        let near = y.clamp(centre - far, centre + far);
        // A residual is fitted minus observed: a target far above leaves one far below zero.
        let slope = if *y > near { below } else { above };
        let taken = slope * (*y - near).abs() * inverse_sigma.map_or(1.0, |s| s[i]);
        *y = near;
        taken
    });
    Some(clipped.collect())
}

/// Distances from the median, in median absolute deviations, and at least, beyond which a logarithm or a logit is too far out
/// to say how large a change of the law it would notice.
const USUAL: (f64, f64) = (10.0, 3.0);

/// Distance from the centre of [`centre_and_reach`] within which a residual on a scale of its own is linearised at its target.
pub(super) fn usual_reach(reach: f64) -> f64 {
    if reach.is_finite() { (USUAL.0 / FAR_OUT * reach).max(USUAL.1) } else { USUAL.1 }
}
