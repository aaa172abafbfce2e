//! The law's own second derivatives, by differences of gradients whose slopes are held fixed.

use super::objective::Objective;

/// Relative displacement of the differences below; the term is a correction, three digits of it are plenty.
const DIFFERENCE: f64 = 1e-4;

/// Fill `second` (p x p) with the derivative of J' slopes at `x`, slopes held fixed.
pub fn frozen_curvature<O: Objective>(
    objective: &mut O,
    x: &[f64],
    slopes: &[f64],
    trial: &mut [f64],
    pulled: &mut [Vec<f64>; 2],
    second: &mut [f64],
) -> bool {
    let p = x.len();
    for j in 0..p {
        let h = DIFFERENCE * x[j].abs().max(1e-2);
        for (side, sign) in [(0, 1.0), (1, -1.0)] {
            trial.copy_from_slice(x);
            trial[j] += sign * h;
            if !objective.pull_back(trial, slopes, &mut pulled[side]) {
                return false;
            }
        }
        for i in 0..p {
            second[i * p + j] = (pulled[0][i] - pulled[1][i]) / (2.0 * h);
        }
    }
    for i in 0..p {
        for j in 0..i {
            let mean = 0.5 * (second[i * p + j] + second[j * p + i]);
            second[i * p + j] = mean;
            second[j * p + i] = mean;
        }
    }
    second.iter().all(|v| v.is_finite())
}
