//! What a caller sees of a point: its parameters in natural units.

use super::{Space, moved};
use crate::simd::{Kernel, dispatch};

impl Space {
    /// Natural parameters at coordinates `x`, none beyond a bound of the caller.
    pub fn natural(&self, x: &[f64], theta: &mut [f64]) {
        dispatch(NaturalKernel { space: self, x, theta });
    }

    #[inline(always)]
    fn fill_natural(&self, x: &[f64], theta: &mut [f64]) {
        self.primed(x, theta);
        // No exponent depends on a parameter that is shifted, so they may be read while others move.
        for (_, shift, ln_unit) in &self.shifts {
            let e = shift.exponent(theta, &mut []);
            theta[shift.param] = moved(shift.kind, theta[shift.param], e * ln_unit);
        }
        self.keep_within(x, theta);
        for (value, fixed) in theta.iter_mut().zip(&self.fixed) {
            if let Some(fixed) = fixed {
                *value = *fixed;
            }
        }
    }
}

/// Exponentials are slow outside of a kernel.
struct NaturalKernel<'a> {
    space: &'a Space,
    x: &'a [f64],
    theta: &'a mut [f64],
}

impl Kernel for NaturalKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.space.fill_natural(self.x, self.theta);
    }
}
